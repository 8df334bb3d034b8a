"""Binary symmetric channel: BPSK in white Gaussian noise, decided before the receiver sees it."""

import math

from scipy import special

from linksim import checks
from linksim.metrics.theory.arguments import signal_to_noise


def bsc_crossover(snr_db: float) -> float:
    """Probability that a bit flips, p = Q(√(2·Es/N0)), which is also the bit error rate over the channel.

    Args:
        snr_db: Es/N0 of the BPSK in dB, from -300 to 300.

    Raises:
        ValueError: if `snr_db` is out of range.

    >>> f"{bsc_crossover(0.0):.4f}"
    '0.0786'
    """
    return float(special.erfc(math.sqrt(signal_to_noise(snr_db)))) / 2


def bsc_snr_db(crossover: float) -> float:
    """Es/N0 in dB at which the bits of the binary symmetric channel flip with probability `crossover`.

    Args:
        crossover: p, greater than 0 and less than 0.5.

    Raises:
        TypeError: if `crossover` is not a number.
        ValueError: if it is out of range.

    >>> f"{bsc_snr_db(0.01):.2f}"
    '4.32'
    """
    crossover = checks.real("crossover", crossover, above=0)
    if crossover >= 0.5:
        raise ValueError(f"crossover must be less than 0.5, got {crossover:g}: nothing passes at 0.5")
    return 10 * math.log10(special.ndtri(crossover) ** 2 / 2)
