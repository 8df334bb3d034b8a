"""Labelled points of modulations that Sionna has no name for."""

import torch
from torch import Tensor


def psk_points(bits_per_symbol: int) -> Tensor:
    """Gray-labelled phase shift keying: exp(2πi·k/2^m) has the label k XOR ⌊k/2⌋.

    Neighbours on the circle, the last and the first included, differ in one bit. m = 1 is BPSK, with bit 0
    at +1 and bit 1 at −1; m = 2 is QPSK on the axes; m = 3 is 8-PSK.

    Args:
        bits_per_symbol: m.

    Returns:
        [2^m] complex128 points of unit energy in the order of their MSB-first labels.

    Example:
        >>> psk_points(1).real.tolist()
        [1.0, -1.0]
    """
    count = 2**bits_per_symbol
    position = torch.arange(count)
    angle = 2 * torch.pi * position.double() / count
    points = torch.empty(count, dtype=torch.complex128)
    # Rounded, so that points on an axis lie there exactly.
    parts = angle.cos().round(decimals=15), angle.sin().round(decimals=15)
    points[position ^ (position >> 1)] = torch.complex(*parts)
    return points
