"""Intervals of means."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

Figure = tuple[float, float, float]
"""Value, lower and upper end of its interval."""


def student(values: ArrayLike, level: float = 0.95) -> Figure:
    """Mean of independent numbers, with Student's interval.

    Exact for normal numbers, and good from a few dozen others on (Student, Biometrika 6:1, 1908).

    Args:
        values: [n] finite numbers.
        level: confidence level between 0 and 1, both excluded.

    Returns:
        mean, lower and upper end; of a single number, everything is possible.

    Raises:
        ValueError: if there are none, one is not finite, or the level is out of range.

    >>> [round(end, 3) for end in student([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError(f"values must be one or more finite numbers, got shape {numbers.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1, for instance 0.95")
    mean = float(numbers.mean())
    if len(numbers) == 1:
        return mean, -np.inf, np.inf
    quantile = float(special.stdtrit(len(numbers) - 1, (1 + level) / 2))
    half = quantile * float(numbers.std(ddof=1)) / len(numbers) ** 0.5
    return mean, mean - half, mean + half
