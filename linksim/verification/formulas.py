"""Modulation and demodulation in float64 NumPy, written from the formulas alone."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTHS = (2, 4, 6, 8, 10)
"""Bits per symbol of square QAM."""

PSK_WIDTHS = (1, 2, 3, 4, 5, 6)
"""Bits per symbol of phase shift keying."""

Points = NDArray[np.complex128]
Reals = NDArray[np.float64]


def label_bits(number: int, width: int) -> list[int]:
    """MSB-first bits of a number."""
    return [(number >> (width - 1 - position)) & 1 for position in range(width)]


def number_of(bits: Iterable[float]) -> int:
    """The number whose MSB-first bits are given."""
    number = 0
    for bit in bits:
        number = 2 * number + int(bit)
    return number


def qam_symbol(bits: Iterable[float]) -> complex:
    """One square QAM symbol by the formulas of 3GPP TS 38.211, section 5.1, at unit mean energy.

    1024-QAM continues the pattern of the formulas: with s(i) = 1 − 2b(i), the real part is
    s(0)·[16 − s(2)·[8 − s(4)·[4 − s(6)·[2 − s(8)]]]]/√682.
    """
    signs = [1 - 2 * int(bit) for bit in bits]

    def amplitude(own: list[int]) -> int:
        value = 1
        for depth, sign in enumerate(reversed(own[1:]), start=1):
            value = 2**depth - sign * value
        return own[0] * value

    scale = {2: 2, 4: 10, 6: 42, 8: 170, 10: 682}[len(signs)]
    return complex(amplitude(signs[0::2]), amplitude(signs[1::2])) / math.sqrt(scale)


def qam_points(width: int) -> Points:
    """[2^m] points in the order of their labels."""
    return np.array([qam_symbol(label_bits(label, width)) for label in range(2**width)])


def psk_points(width: int) -> Points:
    """[2^m] points of phase shift keying in the order of their labels.

    The label of a point is the reflected Gray code of its place on the circle, so its place is found by
    adding up the bits of the label from the most significant one on, modulo 2.
    """
    points = []
    for label in range(2**width):
        place, bit = 0, 0
        for label_bit in label_bits(label, width):
            bit ^= label_bit
            place = 2 * place + bit
        angle = 2 * math.pi * place / 2**width
        points.append(complex(math.cos(angle), math.sin(angle)))
    return np.array(points)


def points_of(modulation: str, width: int) -> Points:
    """[2^m] points of "qam" or "psk" in the order of their labels."""
    return qam_points(width) if modulation == "qam" else psk_points(width)


def llr(received: ArrayLike, noise_variance: ArrayLike, points: Points, method: str) -> Reals:
    """[n] received symbols to [n, m] ln P(b=1)/P(b=0), equally probable bits, by the definition.

    Args:
        received: [n] complex.
        noise_variance: total variance of the complex noise, broadcasts to `received`.
        points: [2^m] in the order of their labels.
        method: log-sum-exp ("app") or maximum ("maxlog").
    """
    received = np.asarray(received, dtype=np.complex128)
    variance = np.broadcast_to(np.asarray(noise_variance, dtype=np.float64), received.shape)
    width = len(points).bit_length() - 1
    labels = np.array([label_bits(label, width) for label in range(len(points))])
    metric = -(np.abs(received[:, None] - points[None, :]) ** 2) / variance[:, None]
    columns = [
        collect(metric[:, labels[:, bit] == 1], method) - collect(metric[:, labels[:, bit] == 0], method)
        for bit in range(width)
    ]
    return np.stack(columns, axis=1)


def collect(metric: Reals, method: str) -> Reals:
    """Row by row, log-sum-exp ("app") or maximum ("maxlog")."""
    largest = metric.max(axis=1)
    if method == "maxlog":
        return largest
    return largest + np.log(np.exp(metric - largest[:, None]).sum(axis=1))
