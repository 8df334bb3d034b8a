"""Whole numbers as bits, most significant bit first."""

import torch
from torch import Tensor


def labels(count: int, width: int) -> Tensor:
    """The binary labels of 0 … count−1.

    Returns:
        [count, width] int64 tensor of zeros and ones, most significant bit first.
    """
    return index_to_bits(torch.arange(count), width)


def index_to_bits(index: Tensor, width: int) -> Tensor:
    """Write each index with `width` bits.

    Args:
        index: [...] integer tensor with values in [0, 2^width).
        width: bits per index.

    Returns:
        [..., width] integer tensor of zeros and ones, most significant bit first.
    """
    shifts = torch.arange(width - 1, -1, -1, device=index.device)
    return (index.unsqueeze(-1) >> shifts) & 1


def bits_to_index(bits: Tensor) -> Tensor:
    """Read each row of bits, most significant first, as a number; the inverse of `index_to_bits`.

    Args:
        bits: [..., width] tensor of zeros and ones, any dtype.

    Returns:
        [...] int64 tensor.
    """
    shifts = torch.arange(bits.shape[-1] - 1, -1, -1, device=bits.device)
    return (bits.long() << shifts).sum(-1)
