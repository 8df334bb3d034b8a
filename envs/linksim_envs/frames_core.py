"""Environments whose frames are independent of each other: SNRs and draws, block by block."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim import Draw
from linksim_envs.core import Core
from linksim_envs.frame_blocks import FrameBlocks
from linksim_envs.snr_range import range_in_db

BLOCK_SYMBOLS = 4096
MOST_FRAMES = 512


class Drawing(Protocol):
    """A link, of one mode or several."""

    @property
    def codebook(self) -> Tensor:
        """For its precision."""
        ...

    def draw(self, frames: int, snr_db: float | Tensor, generator: torch.Generator) -> Draw:
        """As `Link.draw`."""
        ...


class FramesCore(Core):
    """Episodes of frames, each with an SNR of its own from a range; the option "snr_db" changes the range."""

    options: ClassVar[tuple[str, ...]] = ("snr_db",)

    def __init__(self, count: int, snr_db: Any, episode_length: int) -> None:
        super().__init__(count, episode_length)
        self._default_range = range_in_db(snr_db)

    def _make_blocks(self, symbols: int) -> None:
        """Make room for blocks of frames of so many symbols."""
        count = self.count
        # The length of a block belongs to what a seed means: it must not depend on the number of episodes.
        self._frames = max(1, min(MOST_FRAMES, BLOCK_SYMBOLS // symbols))
        self._blocks = FrameBlocks(count, self._frames)
        self._position = np.full(count, self._frames)
        self._range = np.tile(self._default_range, (count, 1))
        self._item = np.zeros((count, self._frames), dtype=np.int64)
        self._snr = np.zeros((count, self._frames), dtype=np.float32)
        self._history: list[list[Any]] = [[] for _ in range(count)]
        self._signals: list[Any] = [None] * count

    def forget(self, number: int) -> None:
        """Drop the block of an episode."""
        self._position[number] = self._frames

    def _start(self, which: NDArray[np.intp], options: Mapping[str, Any]) -> None:
        """Go to the first frame of episodes."""
        wanted = range_in_db(options["snr_db"]) if "snr_db" in options else self._default_range
        changed = which[(self._range[which] != wanted).any(1)]
        self._range[changed] = wanted
        self._position[changed] = self._frames
        for number in which:
            self._history[number], self._signals[number] = [], None
        self._advance(which)

    def _advance(self, which: NDArray[np.intp]) -> None:
        """Go to the next frame of episodes."""
        self._position[which] += 1
        for number in which[self._position[which] >= self._frames]:
            generator = self.generators[number]
            assert generator is not None
            self._refill(int(number), generator)
            self._position[number] = 0

    @abstractmethod
    def _refill(self, number: int, generator: np.random.Generator) -> None:
        """Draw the next block of an episode."""

    def _draw_block(self, number: int, generator: np.random.Generator, link: Drawing) -> Tensor:
        """Draw SNRs and channel of the next block of an episode; returns the SNRs [frames] in dB."""
        low, high = self._range[number]
        # Drawn also where the range is a point, so that a seed gives the same frames at every SNR.
        self._snr[number] = low + (high - low) * generator.random(self._frames)
        channel = torch.Generator().manual_seed(int(generator.integers(2**63)))
        snr = torch.from_numpy(self._snr[number]).to(link.codebook.dtype)
        self._blocks.put(number, link.draw(self._frames, snr, channel))
        return snr
