"""Arguments that all references share."""

import math

from linksim import checks
from linksim.config import DEMAPPERS

LARGEST_DB = 300.0
FADING = ("awgn", "rayleigh", "rician")


def signal_to_noise(snr_db: float) -> float:
    """Es/N0 as a ratio.

    Raises:
        ValueError: if it is no number from -300 to 300 dB.
    """
    if not abs(snr_db) <= LARGEST_DB:
        raise ValueError(f"snr_db={snr_db!r} must be a number from -300 to 300 (Es/N0 in dB)")
    return 10 ** (float(snr_db) / 10)


def rice_factor(channel: str, rician_k: float) -> float:
    """K-factor of a channel: infinity for AWGN, which has no scattered power, and 0 for Rayleigh fading.

    Raises:
        TypeError: if `rician_k` is needed and not a number.
        ValueError: if the channel is unknown, or `rician_k` is needed and not from 0 to 1e6.
    """
    if channel not in FADING:
        raise ValueError(f"channel={channel!r} is unknown: use 'awgn', 'rayleigh' or 'rician'")
    if channel == "rician":
        return checks.real("rician_k", rician_k, least=0, most=1e6)
    return math.inf if channel == "awgn" else 0.0


def nearest_only(demapper: str) -> bool:
    """Whether decisions are for the nearest point.

    Raises:
        ValueError: if the demapper is unknown.
    """
    if demapper not in DEMAPPERS:
        raise ValueError(f"demapper={demapper!r} is unknown: use 'app' or 'maxlog'")
    return demapper == "maxlog"
