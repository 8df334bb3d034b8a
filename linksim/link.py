"""The link: the stages in a row, hard, soft or mixed, on a given draw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from linksim import checks
from linksim.config import LinkConfig
from linksim.gradients import backward_weights, with_gradient
from linksim.inputs import check_input, check_snr
from linksim.modem import Modem
from linksim.signals import Draw, Trace
from linksim.stages.channel import CHANNELS, Channel
from linksim.stages.decide import Decide
from linksim.stages.demap import Demap
from linksim.stages.map import Map
from linksim.stages.quantize import Quantize

STAGES = ("quantize", "map", "decide")
"""The stages whose hard and soft maps differ; the others are one function."""

PATHS = ("hard", "soft")
CODEBOOK_SEED = 0


class Link(nn.Module):
    """A digital link from latents to embeddings.

    One set of stages serves the deployed (`hard`) and the differentiable (`soft`) path. On hard inputs the
    two agree: `link.soft(index=k, draw=draw)` equals `link.hard(index=k, draw=draw)` at every temperature,
    for the posterior-mean receiver.

    Args:
        config: what the link is made of.
        quantizer: replaces `Quantize`; an object with `normalise`, `hard`, `soft` and `sample`.
        channel: replaces the configured channel, whose name then means nothing; an object with `draw` and
            `apply`.
        constellation: [2^m] complex points in the order of their MSB-first labels; replaces QAM.
        generator: what the initial codebook is drawn from; a fixed seed by default.

    Attributes:
        codebook: [K, D] parameter.
        vq_temp, symbol_temp: temperatures of the soft path, to be set freely; the hard path ignores them.

    Example:
        >>> import torch
        >>> link = Link(LinkConfig(tokens=4, codebook_size=16))
        >>> draw = link.draw(frames=2, snr_db=10.0, generator=torch.Generator().manual_seed(1))
        >>> link.hard(torch.zeros(2, 4, 16), draw).embedding.shape
        torch.Size([2, 4, 16])
    """

    def __init__(
        self,
        config: LinkConfig,
        *,
        quantizer: Quantize | None = None,
        channel: Channel | None = None,
        constellation: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if constellation is not None:
            config = replace(config, modulation="custom")
        elif config.modulation == "custom":
            raise ValueError("modulation 'custom' needs the points: give Link(config, constellation=points)")
        self.config = config
        self.layout = config.layout
        self.vq_temp = 0.7
        self.symbol_temp = 0.7
        generator = torch.Generator().manual_seed(CODEBOOK_SEED) if generator is None else generator
        shape = (config.codebook_size, config.embedding_dim)
        points = torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)
        self.codebook = nn.Parameter(points.cpu())
        self.modem = Modem(config.bits_per_symbol, config.demapper, config.backend, constellation)
        self.quantize = Quantize() if quantizer is None else quantizer
        self.map = Map(self.layout, self.modem)
        self.channel = CHANNELS[config.channel]() if channel is None else channel
        self.demap = Demap(self.layout, self.modem)
        self.decide = Decide(self.layout, config.decision)

    def draw(
        self,
        frames: int,
        snr_db: float | Tensor,
        generator: torch.Generator | Sequence[torch.Generator],
    ) -> Draw:
        """Draw everything random about the transmission of `frames` frames.

        Args:
            frames: B, at least 1.
            snr_db: Es/N0 in dB, a number for all frames or a [B] tensor.
            generator: one for all frames, or a list of one per frame, which makes the draw of a frame
                independent of the others beside it.

        Raises:
            TypeError: if `generator` is neither.
            ValueError: if `frames` or `snr_db` is out of range, or lengths do not match.
        """
        frames = checks.whole("frames", frames, 1)
        snr = check_snr(snr_db, frames, self.codebook.dtype)
        if isinstance(generator, torch.Generator):
            return self._draw(snr, generator)
        generators = list(generator) if isinstance(generator, Sequence) else [generator]
        if not all(isinstance(one, torch.Generator) for one in generators):
            raise TypeError("generator must be a torch.Generator or a list of them, one per frame")
        if len(generators) != frames:
            raise ValueError(f"generator must hold one generator per frame, {frames}, got {len(generators)}")
        return Draw.cat([self._draw(snr[i : i + 1], one) for i, one in enumerate(generators)])

    def _draw(self, snr: Tensor, generator: torch.Generator) -> Draw:
        frames = snr.shape[0]
        drawn = Draw(
            snr_db=snr,
            channel=self.channel.draw(frames, self.layout.symbols, snr, generator),
            uniforms=torch.rand(
                frames, self.layout.tokens, dtype=snr.dtype, generator=generator, device=generator.device
            ),
        )
        return drawn.to(self.codebook.device)

    def hard(
        self,
        latents: Tensor | None = None,
        draw: Draw | None = None,
        *,
        index: Tensor | None = None,
        bits: Tensor | None = None,
    ) -> Trace:
        """Transmit as deployed: nearest codeword, bits, symbols, channel, LLRs, decision.

        Args:
            latents: [B, N, D]; or
            index: [B, N] integers in [0, K); or
            bits: [B, L] zeros and ones, sent as they are.
            draw: what is random about the transmission, of B frames.

        Raises:
            TypeError: unless exactly one of `latents`, `index` and `bits` is given, and a draw.
            ValueError: if shapes or values do not fit the link.
        """
        return self._run(latents, index, bits, draw, dict.fromkeys(STAGES, "hard"), None, None)

    def soft(
        self,
        latents: Tensor | None = None,
        draw: Draw | None = None,
        *,
        index: Tensor | None = None,
        vq_temp: float | None = None,
        symbol_temp: float | None = None,
    ) -> Trace:
        """Transmit differentiably: the surrogate of `hard` on the same draw.

        Args:
            latents: [B, N, D]; or
            index: [B, N] integers in [0, K), lifted to one-hot distributions.
            draw: what is random about the transmission, of B frames.
            vq_temp: temperature of the assignment; `self.vq_temp` by default.
            symbol_temp: temperature of the symbols; `self.symbol_temp` by default.

        Raises:
            TypeError, ValueError: as `hard`, and if a temperature is not a positive number.
        """
        return self._run(latents, index, None, draw, dict.fromkeys(STAGES, "soft"), vq_temp, symbol_temp)

    def mixed(
        self,
        latents: Tensor | None = None,
        draw: Draw | None = None,
        *,
        paths: Mapping[str, str],
        index: Tensor | None = None,
        vq_temp: float | None = None,
        symbol_temp: float | None = None,
    ) -> Trace:
        """Transmit with a path of one's choice at each stage.

        A hard map after a soft quantize sends indices sampled from the assignment with the draw's uniforms;
        a soft map after a hard quantize lifts the index.

        Args:
            latents, draw, index, vq_temp, symbol_temp: as `soft`.
            paths: "hard" or "soft" for "quantize", "map" and "decide"; "hard" for those left out.

        Raises:
            TypeError, ValueError: as `soft`, and if a stage or path is unknown.
        """
        for stage, path in paths.items():
            checks.one_of("a stage in paths", stage, STAGES)
            checks.one_of(f"paths[{stage!r}]", path, PATHS)
        chosen = {**dict.fromkeys(STAGES, "hard"), **paths}
        return self._run(latents, index, None, draw, chosen, vq_temp, symbol_temp)

    def forward(
        self,
        latents: Tensor,
        draw: Draw,
        *,
        forward: str = "hard",
        backward: str | Mapping[str, float] = "surrogate",
        vq_temp: float | None = None,
        symbol_temp: float | None = None,
    ) -> Trace:
        """Transmit with the values of one path and the gradient of another.

        The embedding of the returned trace has the value of `forward` and a weighted sum of gradients:
        "surrogate" is that of the soft path's embedding; "straight-through" passes the embedding's gradient
        to the normalised latents as if the link were the identity, and to the codebook through the
        receiver's lookup.

        Args:
            latents, draw, vq_temp, symbol_temp: as `soft`.
            forward: "hard" or "soft", the path whose values the trace holds.
            backward: "surrogate", "straight-through", or the weight of each, as in
                `{"surrogate": 0.5, "straight-through": 0.5}`.

        Returns:
            the trace of the forward path, with the soft path's assignment and symbol probabilities beside it
            and the soft trace as `surrogate`.

        Raises:
            TypeError, ValueError: as `soft`, and for an unknown path, gradient or negative weight.
        """
        checks.one_of("forward", forward, PATHS)
        weights = backward_weights(backward)
        soft = self.soft(latents, draw, vq_temp=vq_temp, symbol_temp=symbol_temp)
        values = soft if forward == "soft" else self.hard(latents, draw)
        deployed_map = forward == "hard" and self.config.decision == "map"
        with torch.autocast(self.codebook.device.type, enabled=False):
            embedding = with_gradient(values, soft, self.codebook, weights, looked_up_by_index=deployed_map)
        return values.replace(
            embedding=embedding,
            assignment=soft.assignment,
            symbol_probabilities=soft.symbol_probabilities,
            surrogate=soft,
        )

    def _run(
        self,
        latents: Tensor | None,
        index: Tensor | None,
        bits: Tensor | None,
        draw: Draw | None,
        paths: Mapping[str, str],
        vq_temp: float | None,
        symbol_temp: float | None,
    ) -> Trace:
        draw = check_input(self.config, latents, index, bits, draw)
        vq_temp = checks.real("vq_temp", self.vq_temp if vq_temp is None else vq_temp, above=0)
        symbol_temp = checks.real(
            "symbol_temp", self.symbol_temp if symbol_temp is None else symbol_temp, above=0
        )
        with torch.autocast(self.codebook.device.type, enabled=False):
            sent = self._quantize(latents, index, draw, paths, vq_temp)
            if bits is not None:
                all_bits, symbols = self.map.hard_bits(bits)
                sent = sent.replace(bits=all_bits, symbols=symbols)
            else:
                sent = self._map(sent, paths, symbol_temp)
            assert sent.symbols is not None
            received, gain, noise_variance = self.channel.apply(sent.symbols, draw.channel)
            llr = self.demap(received, gain, noise_variance)
            decide: Callable = self.decide.hard if paths["decide"] == "hard" else self.decide.soft
            decided = decide(llr, self.codebook)
            return sent.replace(
                received=received,
                llr=llr,
                posterior=decided.posterior,
                decoded_index=decided.index,
                embedding=decided.embedding,
            )

    def _quantize(
        self,
        latents: Tensor | None,
        index: Tensor | None,
        draw: Draw,
        paths: Mapping[str, str],
        temperature: float,
    ) -> Trace:
        codebook = self.codebook
        soft = paths["quantize"] == "soft"
        if latents is not None:
            normalised = self.quantize.normalise(latents.to(codebook.dtype))
            if soft:
                assignment = self.quantize.soft(normalised, codebook, temperature)
                if paths["map"] == "hard":
                    index = self.quantize.sample(assignment, draw.uniforms)
                else:
                    index = self.quantize.hard(normalised, codebook)
                quantized = assignment @ codebook
                return Trace(latents=normalised, assignment=assignment, quantized=quantized, index=index)
            index = self.quantize.hard(normalised, codebook)
            return Trace(latents=normalised, index=index, quantized=codebook[index])
        if index is None:
            return Trace()
        assignment = one_hot(index.long(), codebook.shape[0]).to(codebook.dtype) if soft else None
        return Trace(index=index.long(), assignment=assignment, quantized=codebook[index.long()])

    def _map(self, sent: Trace, paths: Mapping[str, str], temperature: float) -> Trace:
        assert sent.index is not None
        if paths["map"] == "hard":
            bits, symbols = self.map.hard(sent.index)
            return sent.replace(bits=bits, symbols=symbols)
        assignment = sent.assignment
        if assignment is None:
            assignment = one_hot(sent.index, self.codebook.shape[0]).to(self.codebook.dtype)
        bits, probabilities, symbols = self.map.soft(assignment, temperature)
        return sent.replace(bits=bits, symbol_probabilities=probabilities, symbols=symbols)

    def extra_repr(self) -> str:
        """The sizes of a frame, for `print(link)`."""
        layout = self.layout
        sizes = f"bits={layout.information_bits}, symbols={layout.symbols}"
        return f"tokens={layout.tokens}, codebook={tuple(self.codebook.shape)}, {sizes}"
