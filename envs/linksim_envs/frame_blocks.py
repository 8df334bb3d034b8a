"""Draws of a link made ahead, block by block, so that many episodes cost little more than one."""

import torch
from torch import Tensor

from linksim import Draw


class FrameBlocks:
    """For each of several episodes the draws of its next frames, as many as a block holds.

    Args:
        count: number of episodes.
        frames: of a block.
    """

    def __init__(self, count: int, frames: int) -> None:
        self.count, self.frames = count, frames
        self._store: dict[str, Tensor] = {}

    def put(self, number: int, draw: Draw) -> None:
        """Replace the block of an episode."""
        rows = slice(number * self.frames, (number + 1) * self.frames)
        for name, tensor in _parts(draw).items():
            if name not in self._store:
                self._store[name] = tensor.new_zeros((self.count * self.frames, *tensor.shape[1:]))
            self._store[name][rows] = tensor

    def take(self, which: Tensor, positions: Tensor) -> Draw:
        """The frames at some positions of some episodes' blocks.

        Args:
            which: [w] numbers of episodes.
            positions: [w] places in their blocks.
        """
        rows = which * self.frames + positions
        chosen = {name: tensor[rows.to(tensor.device)] for name, tensor in self._store.items()}
        snr_db, uniforms = chosen.pop("snr_db"), chosen.pop("uniforms")
        channel = {name.removeprefix("channel."): tensor for name, tensor in chosen.items()}
        return Draw(snr_db=snr_db, channel=channel, uniforms=uniforms)


def _parts(draw: Draw) -> dict[str, Tensor]:
    channel = {f"channel.{name}": tensor for name, tensor in draw.channel.items()}
    return {"snr_db": draw.snr_db, "uniforms": draw.uniforms, **channel}


def index_tensor(numbers: object) -> Tensor:
    """An index tensor of NumPy integers."""
    return torch.as_tensor(numbers, dtype=torch.int64)
