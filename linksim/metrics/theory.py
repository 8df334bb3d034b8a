"""Bit error rate of uncoded Gray-labelled square QAM, as a reference for simulated ones."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

_BITS_PER_SYMBOL = (2, 4, 6, 8, 10)
_CHANNELS = ("awgn", "rayleigh")
_DEMAPPERS = ("app", "maxlog")
_LARGEST_DB = 300.0

Array = NDArray[np.float64]


def qam_ber(bits_per_symbol: int, snr_db: float, channel: str = "awgn", demapper: str = "app") -> float:
    """Mean bit error rate of hard decisions on the LLRs of uncoded Gray square QAM.

    Labels are those of 3GPP TS 38.211 section 5.1: bits 0, 2, 4, … choose the real part and bits 1, 3, 5, …
    the imaginary part, so each dimension is a Gray-labelled PAM of its own. The sign convention of the LLR
    does not matter here.

    - `demapper="maxlog"`: the sign of a max-log LLR is the bit of the nearest point. Exact closed form of Cho
      and Yoon, IEEE Trans. Commun. 50(7):1074, 2002.
    - `demapper="app"`: the sign of the exact LLR is the most probable value of the bit, which gives the
      lowest bit error rate there is, a little below the nearest point's at low SNR. The sign changes of the
      LLR are located numerically and the Gaussian probabilities between them summed. The relative error is
      below 1e-8, over Rayleigh fading below 1e-6.

    Args:
        bits_per_symbol: 2, 4, 6, 8 or 10.
        snr_db: Es/N0 in dB, N0 being the total complex noise variance and Es the mean symbol energy; over
            Rayleigh fading its mean over the gains. From -300 to 300.
        channel: "awgn", or "rayleigh" for complex normal gains of unit variance that the receiver knows.
        demapper: "app" or "maxlog".

    Returns:
        The bit error rate, a mean over all bits of the label.

    Raises:
        ValueError: an argument is none of the above.

    >>> f"{qam_ber(2, 10.0):.3e}"  # QPSK: Q(sqrt(Es/N0))
    '7.827e-04'
    """
    if bits_per_symbol not in _BITS_PER_SYMBOL:
        raise ValueError(
            f"bits_per_symbol={bits_per_symbol!r} is not a square QAM known here: use 2, 4, 6, 8 or 10"
        )
    if not abs(snr_db) <= _LARGEST_DB:
        raise ValueError(f"snr_db={snr_db!r} must be a number from -300 to 300 (Es/N0 in dB)")
    if channel not in _CHANNELS:
        raise ValueError(f"channel={channel!r} is unknown: use 'awgn' or 'rayleigh'")
    if demapper not in _DEMAPPERS:
        raise ValueError(f"demapper={demapper!r} is unknown: use 'app' or 'maxlog'")
    pam_bits = int(bits_per_symbol) // 2
    # At unit symbol energy neighbouring points are 2·sqrt(3 / (2·(M - 1))) apart and N0/2 is the noise
    # variance of one dimension; the square of (half that distance / noise deviation) is all that matters.
    spacing_squared = 3 / (4**pam_bits - 1) * 10 ** (float(snr_db) / 10)
    if channel == "awgn":
        error_rate = _awgn_nearest if demapper == "maxlog" else _awgn_most_probable
        return error_rate(pam_bits, math.sqrt(spacing_squared))
    error_rate = _rayleigh_nearest if demapper == "maxlog" else _rayleigh_most_probable
    return error_rate(pam_bits, spacing_squared)


@lru_cache
def _cho_yoon_terms(pam_bits: int) -> tuple[Array, Array]:
    """Weights w and odd numbers j such that the bit error rate is Σ w·erfc(j·spacing/√2)."""
    levels = 2**pam_bits
    weights = np.zeros(levels)
    for bit in range(pam_bits):
        for i in range(levels - (levels >> (bit + 1))):
            sign = -1 if (i << bit) // levels % 2 else 1
            weights[i] += sign * (2**bit - ((i << (bit + 1)) + levels) // (2 * levels))
    return weights / (levels * pam_bits), 2.0 * np.arange(levels) + 1


@lru_cache(maxsize=4096)
def _awgn_nearest(pam_bits: int, spacing: float) -> float:
    weights, odd = _cho_yoon_terms(pam_bits)
    return float(weights @ special.erfc(odd * (spacing / math.sqrt(2))))


@lru_cache(maxsize=4096)
def _rayleigh_nearest(pam_bits: int, mean_spacing_squared: float) -> float:
    weights, odd = _cho_yoon_terms(pam_bits)
    rate = odd**2 * (mean_spacing_squared / 2)
    # erfc(sqrt(rate·|h|²)) averages to 1 - sqrt(rate / (1 + rate)); this form of it does not cancel
    return float(weights @ (1 / ((1 + rate) * (1 + np.sqrt(rate / (1 + rate))))))


@lru_cache(maxsize=4096)
def _awgn_most_probable(pam_bits: int, spacing: float) -> float:
    """Error rate of bitwise most probable decisions on PAM at ±1, ±3, … times `spacing`, unit noise."""
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


@lru_cache(maxsize=4096)
def _rayleigh_most_probable(pam_bits: int, mean_spacing_squared: float) -> float:
    spacing, gain = _most_probable_gain(pam_bits)
    # The squared spacing is exponentially distributed over the gains.
    density = 2 * spacing / mean_spacing_squared * np.exp(-(spacing**2) / mean_spacing_squared)
    return _rayleigh_nearest(pam_bits, mean_spacing_squared) - float(gain @ density)


@lru_cache
def _most_probable_gain(pam_bits: int) -> tuple[Array, Array]:
    """Nodes and, times their weights, what most probable decisions gain there over nearest points on AWGN.

    The gain is integrated instead of the rate because it is below 1e-15 of it beyond a spacing of 2.25. It
    has kinks where thresholds merge: many short Gauss-Legendre panels keep the error at 1e-7 of the rate.
    """
    node, weight = np.polynomial.legendre.leggauss(24)
    edges = np.concatenate([[0.0], np.geomspace(1e-3, 2.25, 12)])
    half = np.diff(edges)[:, None] / 2
    spacing = (edges[:-1, None] + half * (1 + node)).ravel()
    gain = [_awgn_nearest(pam_bits, x) - _awgn_most_probable(pam_bits, x) for x in spacing.tolist()]
    return spacing, np.array(gain) * (half * weight).ravel()
