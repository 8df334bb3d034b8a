"""Confidence intervals for proportions, paired differences and ratios over independent frames."""

import math
import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # scipy.stats has the same quantiles but takes most of a second to import

from linksim.metrics.clusters import carriers, cluster_ends, exact_ends, score_ends


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval (Clopper and Pearson, Biometrika 26:404, 1934).

    Covers the true probability at least `level` of the time, whatever it is, if the trials are independent.

    Args:
        successes: number of successes, 0 to `trials`.
        trials: number of independent trials; with 0 nothing is known and the interval is (0, 1).
        level: confidence level between 0 and 1, both excluded.

    Returns:
        Lower and upper end, each in [0, 1].

    Raises:
        ValueError: a count is negative or not a whole number, `successes` exceeds `trials`, or `level` is
            outside (0, 1).

    >>> low, high = clopper_pearson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4439, 0.9748)
    """
    successes, trials, tail = _checked_counts(successes, trials, level)
    return exact_ends(successes, trials, tail)


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a binomial proportion (Wilson, J. Amer. Statist. Assoc. 22:209, 1927).

    Shorter than `clopper_pearson` and covers `level` on average over the true probability, not at each one.

    Args:
        successes: number of successes, 0 to `trials`.
        trials: number of independent trials; with 0 nothing is known and the interval is (0, 1).
        level: confidence level between 0 and 1, both excluded.

    Returns:
        Lower and upper end, each in [0, 1].

    Raises:
        ValueError: a count is negative or not a whole number, `successes` exceeds `trials`, or `level` is
            outside (0, 1).
    """
    successes, trials, tail = _checked_counts(successes, trials, level)
    if trials == 0:
        return 0.0, 1.0
    return score_ends(successes, trials, tail)


def newcombe_paired(
    both: int, first_only: int, second_only: int, neither: int, level: float = 0.95
) -> tuple[float, float, float]:
    """Difference of two proportions measured on the same items, with Newcombe's interval.

    Method 10 of Newcombe, Statistics in Medicine 17:2635-2650, 1998: the Wilson intervals of the two
    proportions combined, with their correlation phi corrected for continuity when it is positive. Two paths
    scored on the same frames agree on most of them; this interval is then much shorter than one that treats
    the two scores as independent.

    Args:
        both: items on which both are right.
        first_only: items on which only the first is right.
        second_only: items on which only the second is right.
        neither: items on which neither is right.
        level: confidence level between 0 and 1, both excluded.

    Returns:
        First proportion minus second, and the lower and upper end for that difference, each in [-1, 1].

    Raises:
        ValueError: a count is negative or not a whole number, all four are 0, or `level` is outside (0, 1).

    >>> [round(x, 4) for x in newcombe_paired(both=20, first_only=12, second_only=2, neither=16)]
    [0.2, 0.0562, 0.3292]
    """
    both = _count("both", both)
    first_only = _count("first_only", first_only)
    second_only = _count("second_only", second_only)
    neither = _count("neither", neither)
    items = both + first_only + second_only + neither
    if items == 0:
        raise ValueError("both, first_only, second_only and neither are all 0: give at least one item")
    first, second = both + first_only, both + second_only
    first_low, first_high = wilson(first, items, level)
    second_low, second_high = wilson(second, items, level)
    first_share, second_share = first / items, second / items

    agreement = both * neither - first_only * second_only
    if agreement > 0:
        agreement = max(agreement - items / 2, 0.0)
    scale = math.sqrt(first * (items - first) * second * (items - second))
    phi = agreement / scale if scale > 0 else 0.0

    def combined(one: float, other: float) -> float:
        # one² - 2·phi·one·other + other², written so that rounding cannot make it negative
        return math.sqrt((one - other) ** 2 + 2 * (1 - phi) * one * other)

    difference = (first_only - second_only) / items
    low = difference - combined(first_share - first_low, second_high - second_share)
    high = difference + combined(first_high - first_share, second_share - second_low)
    return difference, max(low, -1.0), min(high, 1.0)


def ratio(numerators: ArrayLike, denominators: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Ratio of two sums over independent clusters, sum(numerators) / sum(denominators), with an interval.

    Student-t interval from the linearised variance (Cochran, Sampling Techniques, 3rd ed., section 6.4): what
    happens inside a cluster may be correlated in any way, only the clusters must be independent. It needs a
    few dozen clusters that contribute. Clusters with identical ratios give an interval of zero width.

    Args:
        numerators: [clusters], finite numbers, for instance bit errors per frame.
        denominators: [clusters], numbers >= 0 with a positive sum, for instance bits per frame.
        level: confidence level between 0 and 1, both excluded.

    Returns:
        Ratio, lower and upper end. One cluster says nothing about the spread between clusters: its interval
        is (-inf, inf).

    Raises:
        ValueError: the arrays are empty, not one-dimensional, of unequal length or not finite, a denominator
            is negative, they sum to 0, or `level` is outside (0, 1).
    """
    tail = _checked_tail(level)
    top, bottom = _checked_clusters("numerators", numerators, "denominators", denominators)
    if bottom.min() < 0:
        raise ValueError(f"denominators holds {bottom.min():g}: every denominator must be >= 0")
    total = bottom.sum()
    if total == 0:
        raise ValueError("denominators sum to 0: leave out the measurement or give a positive denominator")
    value = float(top.sum() / total)
    clusters = len(top)
    if clusters == 1:
        return value, -math.inf, math.inf
    half_width = -float(special.stdtrit(clusters - 1, tail)) * math.sqrt(_ratio_variance(top, bottom, value))
    return value, value - half_width, value + half_width


def _ratio_variance(top: NDArray[np.float64], bottom: NDArray[np.float64], value: float) -> float:
    """Linearised variance of a ratio of sums over at least two clusters."""
    residuals = top - value * bottom
    clusters = len(top)
    return float(residuals @ residuals) * clusters / (clusters - 1) / float(bottom.sum()) ** 2


def clustered_proportion(
    errors: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[float, float, float]:
    """Error rate over independent clusters whose trials may be dependent, such as bit errors in frames.

    The exact binomial interval at the effective sample size (Korn and Graubard, Survey Methodology 24:193,
    1998): as many independent trials as would give the variance that `ratio` finds between clusters. It is
    widened and bounded as `linksim.metrics.frames.frame_proportion` says: few clusters with errors say little
    about the spread. Without a single error, or a single success, clusters count as trials. For clusters of
    equal size that is conservative: the error rate cannot exceed the share of clusters in error.

    Args:
        errors: [clusters], errors in each cluster, whole numbers >= 0.
        trials: [clusters], trials in each cluster, whole numbers >= 1.
        level: confidence level between 0 and 1, both excluded.

    Returns:
        Error rate, lower and upper end, each in [0, 1]. One cluster with some errors gives (0, 1).

    Raises:
        ValueError: the arrays are empty, not one-dimensional, of unequal length or hold anything but counts,
            a cluster has no trials or more errors than trials, or `level` is outside (0, 1).

    >>> [round(x, 4) for x in clustered_proportion(errors=[0, 3, 1, 0], trials=[16, 16, 16, 16])]
    [0.0625, 0.0042, 0.9324]
    """
    wrong, tried = _checked_clusters("errors", errors, "trials", trials)
    for name, values in (("errors", wrong), ("trials", tried)):
        if (values < 0).any() or (values != np.floor(values)).any():
            raise ValueError(f"{name} must hold whole numbers >= 0: pass counts, not rates")
    if tried.min() < 1:
        raise ValueError("trials holds 0: leave out the clusters without trials")
    if (wrong > tried).any():
        worst = int(np.argmax(wrong - tried))
        raise ValueError(
            f"errors[{worst}]={wrong[worst]:g} exceeds trials[{worst}]={tried[worst]:g}: "
            "give at most as many errors as trials"
        )
    tail = _checked_tail(level)
    if not wrong.any():
        return 0.0, 0.0, clopper_pearson(0, len(wrong), level)[1]
    if (wrong == tried).all():
        return 1.0, clopper_pearson(len(wrong), len(wrong), level)[0], 1.0
    clusters, total = len(wrong), float(tried.sum())
    value = float(wrong.sum()) / total
    if clusters == 1:
        return value, 0.0, 1.0
    variance, binomial = _ratio_variance(wrong, tried, value), value * (1 - value)
    # A spread smaller than that of independent trials is taken for chance.
    effective = total if variance * total <= binomial else binomial / variance
    right = tried - wrong
    ends = cluster_ends(
        clusters=clusters,
        trials=total,
        largest=float(tried.max()),
        errors=float(wrong.sum()),
        effective=effective,
        carried=min(carriers(float(part.sum()), float(part @ part)) for part in (wrong, right)),
        wrong=int((wrong > 0).sum()),
        full=int((right == 0).sum()),
        tail=tail,
        ends=exact_ends,
    )
    return value, *ends


def _checked_tail(level: float) -> float:
    """Probability left out on each side of a two-sided interval."""
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1, for instance 0.95")
    return (1 - level) / 2


def _count(name: str, value: int) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise ValueError(f"{name}={value!r} is not a whole number: pass a count") from None
    if count < 0:
        raise ValueError(f"{name}={value!r} is negative: pass a count >= 0")
    return count


def _checked_counts(successes: int, trials: int, level: float) -> tuple[int, int, float]:
    successes, trials = _count("successes", successes), _count("trials", trials)
    if successes > trials:
        raise ValueError(
            f"successes={successes} exceeds trials={trials}: give at most as many successes as trials"
        )
    return successes, trials, _checked_tail(level)


def _checked_clusters(
    first_name: str, first: ArrayLike, second_name: str, second: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    arrays = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    for name, values in zip((first_name, second_name), arrays, strict=True):
        if values.ndim != 1 or values.size == 0:
            raise ValueError(
                f"{name} has shape {values.shape}: pass one number for each of at least 1 cluster"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds a value that is not finite: remove that cluster")
    if len(arrays[0]) != len(arrays[1]):
        raise ValueError(
            f"{first_name} has {len(arrays[0])} clusters and {second_name} has {len(arrays[1])}: "
            "give both for the same clusters"
        )
    return arrays
