"""The best that switching between fixed modes at random reaches."""

import numpy as np
from numpy.typing import NDArray


def time_sharing(
    symbols: NDArray[np.float64], accuracy: NDArray[np.float64], wanted: float
) -> NDArray[np.float64]:
    """Shares of two modes (or one) whose mean number of symbols is at most that wanted, and whose mean
    accuracy is largest: a point on the upper concave hull of the modes.

    Args:
        symbols: [modes] of a frame.
        accuracy: [modes].
        wanted: mean symbols, at least the smallest of the modes.

    Returns:
        [modes] shares that add up to one.

    >>> time_sharing(np.array([10.0, 20.0]), np.array([0.5, 0.9]), 15.0).tolist()
    [0.5, 0.5]
    """
    best, shares = -np.inf, np.zeros(len(symbols))
    for cheap in range(len(symbols)):
        for dear in range(len(symbols)):
            low, high = symbols[cheap], symbols[dear]
            if low > wanted + 1e-9 or high < low:
                continue
            weight = 0.0 if high <= low else min(1.0, (wanted - low) / (high - low))
            value = (1 - weight) * accuracy[cheap] + weight * accuracy[dear]
            if value > best:
                best, shares = value, np.zeros(len(symbols))
                shares[cheap] += 1 - weight
                shares[dear] += weight
    return shares
