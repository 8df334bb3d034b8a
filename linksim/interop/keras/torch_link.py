"""The torch link behind a layer: values and gradients of numbered frames, from torch tensors alone."""

import threading
from collections.abc import Mapping

import torch
from torch import Tensor

from linksim.config import LinkConfig
from linksim.gradients import SAMPLED, Backward
from linksim.interop.keras.numbered_draws import Snr, numbered_draw
from linksim.link import Link
from linksim.seeds import stream
from linksim.signals import Draw, Trace

Signals = Mapping[str, Tensor]


class TorchLink:
    """A link that keeps nothing between calls: the backward pass sends the same frames again.

    Signals are given by name: "latents" [B, N, D] and "codebook" [K, D] in the precision of the link; "step",
    int64, of the training; "vq_temp" and "symbol_temp", float64; "hard", bool, whether a training step sends
    hard; and, where the frames have their own, "snr_db" [B] in dB and "frame" [B] int64, their numbers, which
    are otherwise those of their places in the batch.

    Args:
        config: of the link.
        dtype: float32 or float64.
        seed: of the initial codebook and of all draws.
        snr_db: Es/N0 in dB of frames that come without, or a range of it.
        backward: gradient of the hard path, as `Link.forward` takes it.
    """

    def __init__(
        self, config: LinkConfig, dtype: torch.dtype, seed: int, snr_db: Snr | None, backward: Backward
    ) -> None:
        self.link = Link(config, generator=stream(seed, "codebook")).to(dtype)
        self.seed, self.snr_db, self.backward = seed, snr_db, backward
        self._lock = threading.Lock()  # TensorFlow may run two batches at once, and the codebook is one

    def values(self, signals: Signals, training: bool) -> tuple[Tensor, Tensor]:
        """[B, N, D] embedding received, and [B, N] int64 codewords nearest to the latents."""
        with self._lock, torch.no_grad():
            draw = self._prepare(signals, training)
            if training and self._sampled and bool(signals["hard"]):
                trace = self._differentiable(signals["latents"], draw, signals, training)
            elif training and not bool(signals["hard"]):
                trace = self.link.soft(signals["latents"], draw)
            else:
                trace = self.link.hard(signals["latents"], draw)
        nearest = trace.index if trace.surrogate is None else trace.surrogate.index
        assert trace.embedding is not None
        assert nearest is not None
        return trace.embedding, nearest

    def gradients(self, signals: Signals, training: bool, upstream: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of latents [B, N, D] and codebook [K, D], given that of the embedding [B, N, D]."""
        with self._lock, torch.enable_grad():
            draw = self._prepare(signals, training)
            latents = signals["latents"].detach().requires_grad_()
            trace = self._differentiable(latents, draw, signals, training)
            assert trace.embedding is not None
            found = torch.autograd.grad(
                trace.embedding,
                (latents, self.link.codebook),
                upstream,
                allow_unused=True,
                materialize_grads=True,
            )
        return found[0], found[1]

    @property
    def _sampled(self) -> bool:
        return self.backward in SAMPLED

    def _differentiable(self, latents: Tensor, draw: Draw, signals: Signals, training: bool) -> Trace:
        hard = not training or bool(signals["hard"])
        backward = self.backward
        if not training and self._sampled:
            backward = "surrogate"  # deployed links draw no indices
        return self.link(latents, draw, forward="hard" if hard else "soft", backward=backward)

    def _prepare(self, signals: Signals, training: bool) -> Draw:
        """Take over codebook and temperatures, and make the draw."""
        link, frames = self.link, len(signals["latents"])
        if not frames:
            raise ValueError("latents must hold at least one frame, got 0")
        with torch.no_grad():
            link.codebook.copy_(signals["codebook"])
        link.vq_temp, link.symbol_temp = float(signals["vq_temp"]), float(signals["symbol_temp"])
        names = ("training", int(signals["step"])) if training else ("inference",)
        numbers = signals.get("frame", torch.arange(frames))
        snr_db = signals.get("snr_db", self.snr_db)
        assert snr_db is not None
        return numbered_draw(link, self.seed, names, numbers, snr_db, gumbel=self.backward == "gumbel")
