"""Batches of tensors in memory, in an order that belongs to the epoch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from linksim.seeds import stream


class Batches:
    """Batches of images and labels, in order or shuffled anew in every epoch.

    Args:
        images: [n, ...].
        labels: [n].
        batch_size: of all batches but perhaps the last.
        seed: of the orders; None keeps the order of the data.
    """

    def __init__(self, images: Tensor, labels: Tensor, batch_size: int, seed: int | None = None) -> None:
        self.images, self.labels = images, labels
        self.batch_size, self.seed = batch_size, seed
        self.epoch = 1

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass; without it, each pass has the order of the next epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        if self.seed is None:
            yield from zip(
                self.images.split(self.batch_size), self.labels.split(self.batch_size), strict=True
            )
            return
        order = torch.randperm(len(self.labels), generator=stream(self.seed, "order", epoch))
        for chosen in order.split(self.batch_size):
            yield self.images[chosen], self.labels[chosen]
