"""Interval of an error rate over clusters of dependent trials, from sums over the clusters."""

import math
from collections.abc import Callable

from scipy import special

Ends = Callable[[float, float, float], tuple[float, float]]
"""Interval of a rate from errors, trials and the probability to leave out on each side."""


def exact_ends(errors: float, trials: float, tail: float) -> tuple[float, float]:
    """Clopper and Pearson's interval for numbers that need not be whole."""
    low = float(special.betaincinv(errors, trials - errors + 1, tail)) if errors > 0 else 0.0
    high = float(special.betainccinv(errors + 1, trials - errors, tail)) if errors < trials else 1.0
    return low, high


def score_ends(errors: float, trials: float, tail: float) -> tuple[float, float]:
    """Wilson's interval for numbers that need not be whole, trials above 0."""
    quantile = float(special.ndtri(tail))
    square = quantile * quantile
    total, centre = trials + square, errors + square / 2
    half = (
        math.sqrt(square * (errors * (trials - errors) / trials + square / 4)) if trials > 0 else square / 2
    )
    low = (centre - half) / total if errors > 0 else 0.0
    return low, (centre + half) / total if errors < trials else 1.0


def carriers(total: float, squares: float) -> float:
    """How many clusters carry a sum: as many equal shares would have the same sum of squares.

    Kish's effective number (Survey Sampling, 1965), between 1 and the number of shares that are not 0.

    Args:
        total: sum of the shares, above 0.
        squares: sum of their squares.
    """
    return total * total / squares


def cluster_ends(
    clusters: int,
    trials: float,
    largest: float,
    errors: float,
    effective: float,
    carried: float,
    wrong: int,
    full: int | None,
    tail: float,
    ends: Ends,
) -> tuple[float, float]:
    """Interval of the error rate over clusters, some trials of which are errors and some are not.

    That of independent trials at the effective number of them, widened as Student's t is over the normal
    distribution. The spread between clusters is known only from those that carry the errors, so their number
    less one is the degrees of freedom (Carter, Schnepel and Steigerwald, Review of Economics and Statistics
    99:698, 2017), not that of all clusters. The interval ends where that of the share of clusters with an
    error does, times the errors that such a cluster has at least or at most.

    Args:
        clusters: number of them, at least 2.
        trials: in all of them together.
        largest: trials of the largest.
        errors: in all of them together, above 0 and below `trials`.
        effective: independent trials that would tell as much about the rate.
        carried: how many clusters carry the errors, or the rest of the trials if that is less.
        wrong: clusters with an error.
        full: clusters with nothing but errors, None if not known.
        tail: probability left out on each side.
        ends: interval of independent trials.
    """
    rate, mean, freedom = errors / trials, trials / clusters, carried - 1
    student = float(special.stdtrit(freedom, 1 - tail)) if freedom > 0 else math.inf
    effective *= (float(special.ndtri(tail)) / student) ** 2
    seen = rate * effective
    low, high = ends(seen, effective, tail) if 0 < seen < effective else (0.0, 1.0)
    least, most = ends(wrong, clusters, tail)
    low, high = max(low, least / mean), min(high, most * largest / mean)
    if full is not None:
        least, most = ends(clusters - full, clusters, tail)
        low, high = max(low, 1 - most * largest / mean), min(high, 1 - least / mean)
    return min(low, rate), max(high, rate)
