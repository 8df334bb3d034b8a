"""Bit error rate of Gray-labelled phase shift keying."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim import checks
from linksim.metrics.theory.arguments import nearest_only, rice_factor, signal_to_noise
from linksim.metrics.theory.fading import half_plane_probability, wedge_probability

Array = NDArray[np.float64]


def psk_ber(
    bits_per_symbol: int,
    snr_db: float,
    channel: str = "awgn",
    rician_k: float = 3.0,
    demapper: str = "app",
) -> float:
    """Mean bit error rate of hard decisions on the LLRs of uncoded Gray-labelled PSK.

    The points are exp(2πi·k/2^m) with the labels k XOR ⌊k/2⌋, as in `linksim.constellations.psk_points`.
    BPSK, m = 1, has the mean of Q(√(2·|h|²·Es/N0)). In general the error rate is a sum over the rays that
    divide the plane between the points: of the probability that noise passes the ray, which is Craig's
    integral (MILCOM 1991), times the number of wrong bits beyond the ray less that before it, a mean over the
    points (Lassing and others, IEEE Trans. Commun. 51(11):1758, 2003). The relative error is below 1e-8.

    Both demappers decide alike. A bit changes its value across lines through 0 that are mirror axes of the
    constellation, at equal angles. So the likelihood of the one value less that of the other is, by the
    method of images, the density of a diffusion that starts from the points between two such lines and ends
    on the lines: it has one sign all the way between them.

    Args:
        bits_per_symbol: m, from 1 to 6.
        snr_db: Es/N0 in dB, N0 being the total complex noise variance; over fading its mean over the gains.
            From -300 to 300.
        channel: "awgn", or "rayleigh" or "rician" for complex normal gains of unit mean power that the
            receiver knows, without or with a constant part.
        rician_k: K-factor of Rician fading, the power of the constant part of the gain over that of the
            rest; from 0, which is Rayleigh fading, to 1e6. Other channels ignore it.
        demapper: "app" or "maxlog"; makes no difference.

    Returns:
        The bit error rate, a mean over all bits of the label.

    Raises:
        TypeError: `bits_per_symbol` is not a whole number, or `rician_k` not a number.
        ValueError: an argument is none of the above.

    >>> f"{psk_ber(1, 10.0):.3e}"  # BPSK: Q(sqrt(2·Es/N0))
    '3.872e-06'
    >>> f"{psk_ber(1, 10.0, 'rayleigh'):.3e}"  # (1 - sqrt(10 / 11)) / 2
    '2.327e-02'
    """
    bits_per_symbol = checks.bits_per_symbol(bits_per_symbol, "psk")
    snr, k = signal_to_noise(snr_db), rice_factor(channel, rician_k)
    nearest_only(demapper)  # refuses an unknown name
    if bits_per_symbol == 1:
        return float(half_plane_probability(np.array([snr]), k)[0])
    return _error_rate(bits_per_symbol, snr, k)


@lru_cache(maxsize=4096)
def _error_rate(bits_per_symbol: int, snr: float, k: float) -> float:
    wrong = _mean_wrong_bits(bits_per_symbol)
    half = len(wrong) // 2
    # The ray between positions d and d + 1, seen from position 0; those on the other side mirror them.
    angle = (2 * np.arange(half) + 1) * np.pi / len(wrong)
    step = wrong[1 : half + 1] - wrong[:half]
    # It starts at 0, before the foot of the perpendicular where the angle is acute.
    slant = angle - np.pi / 2
    beyond = np.maximum(slant, 0), np.full(half, np.pi / 2)
    before = np.zeros(half), np.maximum(-slant, 0)
    rate = snr * np.sin(angle) ** 2
    passing = wedge_probability(rate, *beyond, k) + wedge_probability(rate, *before, k)
    return 2 * float(step @ passing) / bits_per_symbol


@lru_cache
def _mean_wrong_bits(bits_per_symbol: int) -> Array:
    """[2^m] bits in which the labels of points d positions apart differ, a mean over the points."""
    count = 2**bits_per_symbol
    position = np.arange(count)
    label = position ^ (position >> 1)
    different = label ^ label[(position[:, None] + position) % count]
    return np.bitwise_count(different).mean(axis=1)
