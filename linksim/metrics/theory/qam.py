"""Bit error rate of Gray-labelled square QAM."""

import math
from functools import lru_cache

import numpy as np

import linksim.metrics.theory.pam as pam
from linksim.metrics.theory.arguments import nearest_only, rice_factor, signal_to_noise
from linksim.metrics.theory.fading import GainTable, half_plane_probability

_BITS_PER_SYMBOL = (2, 4, 6, 8, 10)


def qam_ber(
    bits_per_symbol: int,
    snr_db: float,
    channel: str = "awgn",
    demapper: str = "app",
    rician_k: float = 3.0,
) -> float:
    """Mean bit error rate of hard decisions on the LLRs of uncoded Gray square QAM.

    Labels are those of 3GPP TS 38.211 section 5.1: bits 0, 2, 4, … choose the real part and bits 1, 3, 5, …
    the imaginary part, so each dimension is a Gray-labelled PAM of its own.

    - `demapper="maxlog"`: the sign of a max-log LLR is the bit of the nearest point. Closed form of Cho and
      Yoon, IEEE Trans. Commun. 50(7):1074, 2002, exact over AWGN and Rayleigh fading; its terms are averaged
      over Rician fading with Craig's integral, relative error below 1e-8.
    - `demapper="app"`: the sign of the exact LLR is the most probable value of the bit, which gives the
      lowest bit error rate there is, a little below the nearest point's at low SNR. The sign changes of the
      LLR are located numerically and the Gaussian probabilities between them summed. The relative error is
      below 1e-8, over fading below 1e-6.

    Args:
        bits_per_symbol: 2, 4, 6, 8 or 10.
        snr_db: Es/N0 in dB, N0 being the total complex noise variance and Es the mean symbol energy; over
            fading its mean over the gains. From -300 to 300.
        channel: "awgn", or "rayleigh" or "rician" for complex normal gains of unit mean power that the
            receiver knows, without or with a constant part.
        demapper: "app" or "maxlog".
        rician_k: K-factor of Rician fading, the power of the constant part of the gain over that of the
            rest; from 0, which is Rayleigh fading, to 1e6. Other channels ignore it.

    Returns:
        The bit error rate, a mean over all bits of the label.

    Raises:
        TypeError: `rician_k` is not a number.
        ValueError: an argument is none of the above.

    >>> f"{qam_ber(2, 10.0):.3e}"  # QPSK: Q(sqrt(Es/N0))
    '7.827e-04'
    """
    if bits_per_symbol not in _BITS_PER_SYMBOL:
        raise ValueError(
            f"bits_per_symbol={bits_per_symbol!r} is not a square QAM known here: use 2, 4, 6, 8 or 10"
        )
    snr = signal_to_noise(snr_db)
    k = rice_factor(channel, rician_k)
    pam_bits = int(bits_per_symbol) // 2
    # At unit symbol energy neighbouring points are 2·sqrt(3 / (2·(M - 1))) apart and N0/2 is the noise
    # variance of one dimension; the square of (half that distance / noise deviation) is all that matters.
    spacing_squared = 3 / (4**pam_bits - 1) * snr
    error_rate = _nearest if nearest_only(demapper) else _most_probable
    return error_rate(pam_bits, spacing_squared, k)


@lru_cache(maxsize=4096)
def _nearest(pam_bits: int, mean_spacing_squared: float, k: float) -> float:
    if math.isinf(k):
        return pam.nearest_error_rate(pam_bits, math.sqrt(mean_spacing_squared))
    weights, odd = pam.cho_yoon_terms(pam_bits)
    return float(weights @ (2 * half_plane_probability(odd**2 * (mean_spacing_squared / 2), k)))


@lru_cache(maxsize=4096)
def _most_probable(pam_bits: int, mean_spacing_squared: float, k: float) -> float:
    spacing = math.sqrt(mean_spacing_squared)
    if math.isinf(k):
        return pam.most_probable_error_rate(pam_bits, spacing)
    table = _most_probable_gain(pam_bits)
    if k > 0:
        return _nearest(pam_bits, mean_spacing_squared, k) - table.mean(spacing, k)
    # The squared spacing is exponentially distributed over Rayleigh gains, smoothly on the table's panels.
    density = 2 * table.nodes / mean_spacing_squared * np.exp(-(table.nodes**2) / mean_spacing_squared)
    gain = float((table.values * table.weights) @ density)
    return _nearest(pam_bits, mean_spacing_squared, k) - gain


@lru_cache
def _most_probable_gain(pam_bits: int) -> GainTable:
    """What most probable decisions gain over nearest points on AWGN, against the spacing.

    The gain is integrated instead of the rate because it is below 1e-15 of it beyond a spacing of 2.25. It
    has kinks where thresholds merge: many short Gauss-Legendre panels keep the error at 1e-7 of the rate.
    """

    def gain(spacing: float) -> float:
        return pam.nearest_error_rate(pam_bits, spacing) - pam.most_probable_error_rate(pam_bits, spacing)

    return GainTable(gain, np.concatenate([[0.0], np.geomspace(1e-3, 2.25, 12)]), order=24)
