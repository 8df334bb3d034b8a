"""The link: the stages in a row, hard, soft or mixed, on a given draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from linksim import checks
from linksim.chain import STAGES, Chain
from linksim.config import Defect, LinkConfig
from linksim.drawing import draw_frames
from linksim.estimators import blended, hard_forward, soft_forward
from linksim.gradients import Backward, backward_weights
from linksim.inputs import check_share
from linksim.signals import Draw, Trace
from linksim.stages.channel import Channel
from linksim.stages.quantize import Quantize

PATHS = ("hard", "soft")
CODEBOOK_SEED = 0


class Link(Chain):
    """A digital link from latents to embeddings.

    One set of stages serves the deployed (`hard`) and the differentiable (`soft`) path. On hard inputs the
    two agree: `link.soft(index=k, draw=draw)` equals `link.hard(index=k, draw=draw)` at every temperature,
    for the posterior-mean and radius receivers.

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
        generator = torch.Generator().manual_seed(CODEBOOK_SEED) if generator is None else generator
        shape = (config.codebook_size, config.embedding_dim)
        points = torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)
        super().__init__(config, points.cpu(), quantizer, channel, constellation)

    def draw(
        self,
        frames: int,
        snr_db: float | Tensor,
        generator: torch.Generator | Sequence[torch.Generator],
        *,
        gumbel: bool = False,
    ) -> Draw:
        """Draw everything random about the transmission of `frames` frames.

        Args:
            frames: B, at least 1.
            snr_db: Es/N0 in dB, a number for all frames or a [B] tensor.
            generator: one for all frames, or a list of one per frame, which makes the draw of a frame
                independent of the others beside it.
            gumbel: also draw Gumbel noise [B, N, K], which the gradient "gumbel" needs.

        Raises:
            TypeError: if `generator` is neither.
            ValueError: if `frames` or `snr_db` is out of range, or lengths do not match.
        """
        return draw_frames(self.channel, self.layout, frames, snr_db, generator, self.codebook, gumbel=gumbel)

    def hard(
        self,
        latents: Tensor | None = None,
        draw: Draw | None = None,
        *,
        index: Tensor | None = None,
        bits: Tensor | None = None,
        decide: bool = True,
    ) -> Trace:
        """Transmit as deployed: nearest codeword, bits, symbols, channel, LLRs, decision.

        Args:
            latents: [B, N, D]; or
            index: [B, N] integers in [0, K); or
            bits: [B, N·b] information bits, zeros and ones, sent as they are.
            draw: what is random about the transmission, of B frames.
            decide: whether to decide on codewords; if not, the trace ends with the information bits' LLRs,
                which is all that matters of a payload of bits.

        Raises:
            TypeError: unless exactly one of `latents`, `index` and `bits` is given, and a draw.
            ValueError: if shapes or values do not fit the link.
        """
        return self.run(latents, index, bits, draw, dict.fromkeys(STAGES, "hard"), None, None, decide)

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
        return self.run(latents, index, None, draw, dict.fromkeys(STAGES, "soft"), vq_temp, symbol_temp)

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
        return self.run(latents, index, None, draw, chosen, vq_temp, symbol_temp)

    def forward(
        self,
        latents: Tensor,
        draw: Draw,
        *,
        forward: str | Tensor = "hard",
        backward: Backward = "surrogate",
        vq_temp: float | None = None,
        symbol_temp: float | None = None,
        backward_vq_temp: float | None = None,
        backward_symbol_temp: float | None = None,
    ) -> Trace:
        """Transmit with the values of one path and the gradient of choice, for training loops.

        Args:
            latents: [B, N, D].
            draw: what is random about the transmission, of B frames; "gumbel" needs one with Gumbel noise.
            forward: path whose values the embedding has: "hard", "soft", or [B] shares of the hard one, from
                0 to 1, which a 0/1 tensor makes a choice per frame.
            backward: gradient of the hard path's embedding. "surrogate": that of the soft path;
                "surrogate-at-symbols": the soft symbols', through the hard path's channel and receiver;
                "straight-through": the link as the identity; or a weight for each of these, a number or one
                per frame, [B]. Three more send indices drawn from the assignment: "gumbel" (straight-through
                Gumbel-softmax), "reinmax", and "score-function", which gives no gradient to the latents
                but `log_probability` to make one with.
            vq_temp, symbol_temp: temperatures of the soft path; the link's own by default.
            backward_vq_temp, backward_symbol_temp: temperatures that gradients come from, and indices are
                drawn at; those of the soft path by default.

        Returns:
            The trace of the chosen path, whose embedding has the chosen gradient, with the assignment and
            symbol probabilities of the soft path and that path as `surrogate`.

        Raises:
            TypeError, ValueError: as `soft`, and for an unknown path, gradient or negative weight.
        """
        if not isinstance(draw, Draw):
            raise TypeError(f"draw must come from link.draw(...), got {type(draw).__name__}")
        weights = backward_weights(backward, len(draw))
        if isinstance(forward, str):
            checks.one_of("forward", forward, PATHS)
        else:
            check_share(forward, len(draw))
        soft = self.soft(
            latents,
            draw,
            vq_temp=vq_temp if backward_vq_temp is None else backward_vq_temp,
            symbol_temp=symbol_temp if backward_symbol_temp is None else backward_symbol_temp,
        )
        decoupled = backward_vq_temp is not None or backward_symbol_temp is not None
        with torch.autocast(self.codebook.device.type, enabled=False):
            if isinstance(forward, str) and forward == "hard":
                trace = hard_forward(self, draw, soft, weights)
            else:
                values = soft
                if decoupled:
                    values = self.soft(latents, draw, vq_temp=vq_temp, symbol_temp=symbol_temp)
                if isinstance(forward, str):
                    trace = soft_forward(self, values, draw, soft, weights)
                else:
                    softly = soft_forward(self, values, draw, soft, {"surrogate": 1.0})
                    hard = hard_forward(self, draw, soft, weights)
                    trace = blended(hard, softly, forward.to(self.codebook.device))
        return trace.replace(
            assignment=soft.assignment, symbol_probabilities=soft.symbol_probabilities, surrogate=soft
        )

    def with_defects(self, defects: Sequence[Defect]) -> Link:
        """A link like this one, on the same codebook and at the same temperatures, with other defects.

        Parts of one's own are shared. Without defects, its surrogate is exact.

        Args:
            defects: names; the link itself if they are those that it has.

        Raises:
            TypeError, ValueError: as `LinkConfig`, for names that do not exist or do not go together.
        """
        config = replace(self.config, defects=tuple(defects))
        if config == self.config:
            return self
        own_points = self.modem.constellation(torch.float64) if config.modulation == "custom" else None
        other = Link(config, quantizer=self.quantize, channel=self.channel, constellation=own_points)
        other.codebook = self.codebook
        other.vq_temp, other.symbol_temp = self.vq_temp, self.symbol_temp
        for part in other.children():
            if part is not self.quantize and part is not self.channel:
                part.to(self.codebook.device, self.codebook.dtype).train(self.training)
        other.training = self.training
        return other

    def extra_repr(self) -> str:
        """The sizes of a frame, for `print(link)`."""
        layout = self.layout
        sizes = f"bits={layout.information_bits}, symbols={layout.symbols}"
        return f"tokens={layout.tokens}, codebook={tuple(self.codebook.shape)}, {sizes}"
