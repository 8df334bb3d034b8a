"""Processes that train together: who has which frames, and sums over all of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Result = TypeVar("Result")


def size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return dist.get_rank() if size() > 1 else 0


def share_of(frames: int) -> tuple[int, int, bool]:
    """This process's part of a batch.

    Args:
        frames: in the batch.

    Returns:
        first frame, frame behind the last, and whether they count: a process that would have none takes the
        first frame, so that it goes the way of the others, but does not count it.
    """
    first = frames * rank() // size()
    end = frames * (rank() + 1) // size()
    return (first, end, True) if end > first else (0, 1, False)


class _Sum(torch.autograd.Function):
    """Sum over processes. Each has the same sum, so each gradient arrives once per process."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def sums(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add tensors of equal names over all processes, differentiably, in one exchange.

    A loss made of such sums is the same in every process. Its gradient in each is the number of processes
    times the gradient with respect to the own frames, so that the mean over processes, which
    `DistributedDataParallel` takes, is the gradient over all frames.
    """
    if size() == 1:
        return parts
    packed = torch.cat([part.flatten() for part in parts.values()])
    packed = _Sum.apply(packed)
    assert isinstance(packed, Tensor)
    pieces = packed.split([part.numel() for part in parts.values()])
    return {name: piece.view_as(part) for (name, part), piece in zip(parts.items(), pieces, strict=True)}


def together(function: Callable[[], Result]) -> Result:
    """What a function returns; a ValueError in one process is one in all, so that none waits for another."""
    if size() == 1:
        return function()
    result, failure = None, None
    try:
        result = function()
    except ValueError as error:
        failure = error
    reasons = [reason for reason in gathered(None if failure is None else str(failure)) if reason is not None]
    if reasons:
        raise ValueError(reasons[0]) from failure
    return result  # type: ignore[return-value]


def gathered(value: Any) -> list[Any]:
    """What every process holds, in the order of their numbers; plain Python values and CPU tensors."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    dist.all_gather_object(values, value)
    return values
