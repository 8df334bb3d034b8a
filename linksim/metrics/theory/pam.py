"""Gray-labelled pulse amplitude modulation in white Gaussian noise, one dimension of square QAM.

The points lie at ±1, ±3, … times `spacing`; the noise has unit variance.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


@lru_cache
def cho_yoon_terms(pam_bits: int) -> tuple[Array, Array]:
    """Weights w and odd numbers j such that the bit error rate is Σ w·erfc(j·spacing/√2)."""
    levels = 2**pam_bits
    weights = np.zeros(levels)
    for bit in range(pam_bits):
        for i in range(levels - (levels >> (bit + 1))):
            sign = -1 if (i << bit) // levels % 2 else 1
            weights[i] += sign * (2**bit - ((i << (bit + 1)) + levels) // (2 * levels))
    return weights / (levels * pam_bits), 2.0 * np.arange(levels) + 1


@lru_cache(maxsize=4096)
def nearest_error_rate(pam_bits: int, spacing: float) -> float:
    """Bit error rate of decisions for the nearest point."""
    weights, odd = cho_yoon_terms(pam_bits)
    return float(weights @ special.erfc(odd * (spacing / math.sqrt(2))))


@lru_cache(maxsize=4096)
def most_probable_error_rate(pam_bits: int, spacing: float) -> float:
    """Bit error rate of decisions for the most probable value of each bit."""
    levels = 2**pam_bits
    points = spacing * np.arange(1.0 - levels, levels, 2)
    signs = _label_signs(pam_bits)
    # The first bit is the sign of the point; with one label change its LLR has one sign change, at 0.
    rates = [float(special.ndtr(-points[levels // 2 :]).mean())]
    if pam_bits > 1:
        starts, thresholds = _decision_thresholds(points, signs[1:])
        rates += [
            _region_error_rate(points, sign, start, positive)
            for sign, start, positive in zip(signs[1:], starts, thresholds, strict=True)
        ]
    return sum(rates) / pam_bits


def _label_signs(pam_bits: int) -> Array:
    """[bits, levels]: +1 where the bit of the Gray label is 0, -1 where it is 1; levels ascending."""
    value = np.arange(1.0 - 2**pam_bits, 2**pam_bits, 2)
    rows = []
    for bit in range(pam_bits):
        rows.append(np.sign(value))
        value = 2.0 ** (pam_bits - 1 - bit) - np.abs(value)
    return np.stack(rows)


def _decision_thresholds(points: Array, signs: Array) -> tuple[NDArray[np.bool_], list[Array]]:
    """Decisions at 0 ([bits], true for bit value 0) and, for each bit, the positive places where they flip.

    `signs` holds label bits that are even functions of the point, so the negative thresholds mirror these.
    """
    # The probability of receiving anything 12 deviations outside the constellation is below 1e-32. Two
    # thresholds between neighbouring places are overlooked: they have only just parted, and change the error
    # rate by less than 1e-8 of it.
    spacing = (points[-1] - points[0]) / (2 * (len(points) - 1))
    step = max(spacing / 8, 1 / 64)
    places = np.arange(0.0, points[-1] + spacing + 12 + step, step)
    zero = _posterior(places, points) @ signs.T > 0
    cell, bit = np.nonzero(zero[:-1] != zero[1:])
    left, right, zero_at_left = places[cell], places[cell + 1], zero[cell, bit]
    # The error rate is smallest at the exact thresholds, where an error e adds about (e·spacing)² of it.
    for _ in range(math.ceil(math.log2(step * max(spacing, 1) / 1e-6))):
        middle = (left + right) / 2
        same = ((_posterior(middle, points) * signs[bit]).sum(axis=1) > 0) == zero_at_left
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return zero[0], [left[bit == row] for row in range(len(signs))]


def _posterior(place: Array, points: Array) -> Array:
    """[n, levels]: probability of each point given the received value, [n]."""
    exponent = -0.5 * (place[:, None] - points) ** 2
    likelihood = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def _region_error_rate(points: Array, sign: Array, decision_at_zero: np.bool_, thresholds: Array) -> float:
    """Probability that a decision which flips at ±thresholds differs from the bit; `sign` is even."""
    edges = np.concatenate([[-np.inf], -thresholds[::-1], thresholds, [np.inf]])
    flips = np.abs(np.arange(len(edges) - 1) - len(thresholds))
    decided = np.where(flips % 2 == 0, 1, -1) * (1 if decision_at_zero else -1)
    half = len(points) // 2
    low, high = edges[:-1] - points[half:, None], edges[1:] - points[half:, None]
    # Differences of whichever tail is small keep their relative accuracy far from the point.
    mass = np.where(low > 0, special.ndtr(-low) - special.ndtr(-high), special.ndtr(high) - special.ndtr(low))
    wrong = decided != sign[half:, None]
    return float((mass * wrong).sum() / half)
