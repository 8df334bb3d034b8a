"""LLRs of square QAM from the compiled loops, and their gradients."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LEAST_SHARE = 1 << 15
"""Symbols that are worth a thread of their own."""


def half_spacing(bits_per_symbol: int) -> float:
    """Half the distance of neighbouring levels in a dimension of square QAM with unit mean energy.

    >>> half_spacing(2) ** 2
    0.5000000000000001
    """
    return (2 * (2**bits_per_symbol - 1) / 3) ** -0.5


def demodulate(
    library: CDLL, received: Tensor, noise_variance: Tensor, bits_per_symbol: int, demapper: str
) -> Tensor:
    """LLRs ln P(b=1)/P(b=0); the textbook sign is the opposite.

    Args:
        library: the compiled loops.
        received: [..., S] complex64, on the CPU.
        noise_variance: float32, positive; broadcasts to `received`.
        bits_per_symbol: m, even.
        demapper: "app" for exact LLRs, "maxlog" for their maximum approximation.

    Returns:
        [..., S·m] float32, differentiable once by both tensors.
    """
    scale = half_spacing(bits_per_symbol) ** 2 / noise_variance
    scale = scale.reshape(1) if scale.numel() == 1 else scale.expand(received.shape).reshape(-1)
    parts = torch.view_as_real(received.resolve_conj().contiguous().reshape(-1))
    llr = _Llr.apply(parts, scale, library, bits_per_symbol, demapper == "app")
    assert isinstance(llr, Tensor)
    return llr.reshape(*received.shape[:-1], received.shape[-1] * bits_per_symbol)


class _Llr(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, parts: Tensor, scale: Tensor, library: CDLL, bits_per_symbol: int, app: bool
    ) -> Tensor:
        scale = scale.contiguous()
        ctx.save_for_backward(parts, scale)
        ctx.how = library, bits_per_symbol, app
        llr = parts.new_empty(len(parts), bits_per_symbol)
        common = (1 / half_spacing(bits_per_symbol), *_strided(scale))

        def run(start: int, count: int) -> None:
            unit, values, stride = common
            library.linksim_demodulate(
                *(bits_per_symbol // 2, app, count),
                *(_at(parts, start), unit, _at(values, start * stride), stride, _at(llr, start)),
            )

        _side_by_side(len(parts), run)
        return llr

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        parts, scale = ctx.saved_tensors
        library, bits_per_symbol, app = ctx.how
        upstream = gradients[0].contiguous()
        by_parts, by_scale = torch.empty_like(parts), parts.new_empty(len(parts))
        unit, (values, stride) = 1 / half_spacing(bits_per_symbol), _strided(scale)

        def run(start: int, count: int) -> None:
            library.linksim_differentiate(
                *(bits_per_symbol // 2, app, count),
                *(_at(parts, start), unit, _at(values, start * stride), stride),
                *(_at(upstream, start), _at(by_parts, start), _at(by_scale, start)),
            )

        _side_by_side(len(parts), run)
        return by_parts, by_scale if stride else by_scale.sum().reshape(1), None, None, None


def _strided(scale: Tensor) -> tuple[Tensor, int]:
    return scale, int(scale.numel() > 1)


def _at(tensor: Tensor, row: int) -> int:
    """Address of a row of a contiguous tensor."""
    return tensor.data_ptr() + row * tensor.stride(0) * tensor.element_size()


def _side_by_side(count: int, run: Callable[[int, int], None]) -> None:
    """Call `run(start, count)` for all symbols, in as many threads as PyTorch uses if they are many."""
    threads = min(torch.get_num_threads(), count // LEAST_SHARE)
    if threads < 2:
        run(0, count)
        return
    edges = [count * share // threads for share in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda start, end: run(start, end - start), edges[:-1], edges[1:]))
