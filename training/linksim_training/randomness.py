"""Random numbers of frames: a frame's depend on the seed and its number, not on who shares its batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from linksim import Draw, Link
from linksim.modes.routed_link import RoutedLink
from linksim.seeds import stream
from linksim_training.networks import FrameDropout

BLOCK = 64
"""Frames that are drawn together, whatever the batch."""

Snr = float | tuple[float, float]
"""Es/N0 in dB of all frames, or the range that each frame draws its own from."""


class FrameRandomness:
    """Draws, uniforms and dropout of numbered frames.

    Frames are drawn in blocks of `BLOCK`, each block from a generator of its own, so that the numbers of a
    frame depend on the key and on the frame's number alone: not on the batch size, nor on how a batch is
    divided among processes.

    Args:
        link: whose draws are made.
        seed: of the training.
        key: names of the stream, such as ("training", epoch).
        snr_db: Es/N0 in dB, or a range of it.
        gumbel: whether draws hold Gumbel noise.
    """

    def __init__(
        self,
        link: Link | RoutedLink,
        seed: int,
        key: tuple[str | int, ...],
        snr_db: Snr,
        gumbel: bool = False,
    ) -> None:
        # No dataclass: Fabric looks into those that a step is called with.
        self.link, self.seed, self.key = link, seed, key
        self.snr_db, self.gumbel = snr_db, gumbel
        self._last: dict[str, tuple[int, Any]] = {}

    def draw(self, start: int, end: int) -> Draw:
        """The draw of frames `start` to `end`, the last excluded."""

        def block(number: int) -> Draw:
            generator = stream(self.seed, *self.key, "draw", number)
            snr: float | Tensor
            if isinstance(self.snr_db, tuple):
                low, high = self.snr_db
                dtype = self.link.codebook.dtype
                snr = low + (high - low) * torch.rand(BLOCK, generator=generator, dtype=torch.float64)
                snr = snr.to(dtype)
            else:
                snr = self.snr_db
            return self.link.draw(BLOCK, snr, generator, gumbel=self.gumbel)

        draws = [self._block("draw", number, block)[part] for number, part in _parts(start, end)]
        return draws[0] if len(draws) == 1 else Draw.cat(draws)

    def uniforms(self, name: str, shape: Sequence[int], start: int, end: int) -> Tensor:
        """[end − start, *shape] numbers in [0, 1) of frames `start` to `end`, for a purpose of that name."""

        def block(number: int) -> Tensor:
            generator = stream(self.seed, *self.key, name, number)
            return torch.rand(BLOCK, *shape, generator=generator, dtype=torch.float32)

        uniforms = [self._block(name, number, block)[part] for number, part in _parts(start, end)]
        return uniforms[0] if len(uniforms) == 1 else torch.cat(uniforms)

    def _block(self, name: str, number: int, make: Callable[[int], Any]) -> Any:
        """A block, kept until the next one of its name, since batches may be smaller than blocks."""
        if self._last.get(name, (None,))[0] != number:
            self._last[name] = number, make(number)
        return self._last[name][1]

    @contextmanager
    def dropout(self, model: nn.Module, start: int, end: int) -> Iterator[None]:
        """Inside, every `FrameDropout` of a model drops what belongs to frames `start` to `end`."""
        layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, FrameDropout)}

        def source(name: str) -> Callable[[Sequence[int]], Tensor]:
            return lambda shape: self.uniforms(f"dropout {name}", shape, start, end)

        try:
            for name, layer in layers.items():
                layer.source = source(name)
            yield
        finally:
            for layer in layers.values():
                layer.source = None


def _parts(start: int, end: int) -> Iterator[tuple[int, slice]]:
    """Blocks that frames `start` to `end` lie in, each with the part of it that they are."""
    for number in range(start // BLOCK, -(-end // BLOCK)):
        first = number * BLOCK
        yield number, slice(max(start - first, 0), min(end - first, BLOCK))
