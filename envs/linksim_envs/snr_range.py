"""SNRs that environments take."""

from typing import Any

import numpy as np

from linksim import checks

SNR_LIMIT_DB = 100.0
"""SNRs lie within ± this many dB, whatever range an environment draws from, so that environments for training
and for evaluation at another SNR have the same observation space."""


def range_in_db(snr_db: Any) -> tuple[float, float]:
    """Return (low, high) in dB of a number or a pair.

    Raises:
        TypeError: if it is neither.
        ValueError: if an end is beyond the limits, or the ends are in the wrong order.
    """
    ends = tuple(snr_db) if isinstance(snr_db, (tuple, list, np.ndarray)) else (snr_db, snr_db)
    if len(ends) != 2:
        raise ValueError(f"snr_db must be a number or a pair (low, high), got {snr_db!r}")
    low, high = (checks.real("snr_db", end, least=-SNR_LIMIT_DB) for end in ends)
    if high > SNR_LIMIT_DB or low > SNR_LIMIT_DB:
        raise ValueError(f"snr_db must be at most {SNR_LIMIT_DB:g}, got {snr_db!r}")
    if low > high:
        raise ValueError(f"snr_db must be a pair (low, high) with low at most high, got {snr_db!r}")
    return low, high
