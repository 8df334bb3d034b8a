"""Error rates over frames of equal size, from sums over the frames."""

import math
from typing import Literal

from scipy import special

from linksim.metrics.intervals import clopper_pearson, wilson

Method = Literal["clopper-pearson", "wilson"]
METHODS: tuple[Method, ...] = ("clopper-pearson", "wilson")


def proportion(
    errors: int, trials: int, level: float = 0.95, method: Method = "clopper-pearson"
) -> tuple[float, float]:
    """Interval of a rate over independent trials by the method of that name.

    Raises:
        ValueError: as `clopper_pearson` and `wilson` raise it, or if there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    return (clopper_pearson if method == "clopper-pearson" else wilson)(errors, trials, level)


def effective_trials(frames: int, size: int, errors: int, squared_errors: int) -> float:
    """Independent trials that would tell as much about the error rate as frames of dependent ones.

    As many as give the variance that the errors have between frames (Korn and Graubard, Survey Methodology
    24:193, 1998), and no more than there are trials. Without errors, or with nothing but errors, frames count
    as trials.

    Args:
        frames: number of independent frames, at least 1.
        size: trials in each.
        errors: sum over frames of the errors in each.
        squared_errors: sum over frames of their squares.
    """
    total = frames * size
    if errors in (0, total):
        return float(frames)
    rate = errors / total
    if frames == 1:
        return 0.0
    spread = (squared_errors - errors * errors / frames) / (frames - 1) * frames / total**2
    binomial = rate * (1 - rate)
    # A spread smaller than that of independent trials is taken for chance.
    return float(total) if spread * total <= binomial else binomial / spread


def frame_proportion(
    frames: int,
    size: int,
    errors: int,
    squared_errors: int,
    level: float = 0.95,
    method: Method = "clopper-pearson",
) -> tuple[float, float]:
    """Interval of an error rate over frames of dependent trials, such as bits behind a decoder.

    That of `clustered_proportion` for frames of equal size, from sums alone: the interval of independent
    trials at the effective number of them, widened as Student's t is over the normal distribution.

    Args:
        frames, size, errors, squared_errors: as for `effective_trials`.
        level: confidence level between 0 and 1, both excluded.
        method: of the interval.

    Returns:
        lower and upper end; one frame with some errors gives (0, 1).

    Raises:
        ValueError: if the sums contradict each other, or as `proportion`.

    >>> [round(end, 4) for end in frame_proportion(frames=4, size=16, errors=4, squared_errors=10)]
    [0.0004, 0.3687]
    """
    if frames < 1 or size < 1 or not 0 <= errors <= frames * size:
        raise ValueError(
            f"errors={errors} of frames={frames} with size={size} trials: give a frame or more, and at most "
            "as many errors as trials"
        )
    if not errors * errors <= frames * squared_errors <= frames * size * errors:
        raise ValueError(f"squared_errors={squared_errors} cannot be the sum of squares of {errors} errors")
    if errors in (0, frames * size):
        low, high = proportion(frames if errors else 0, frames, level, method)
        return low, high
    if frames == 1:
        proportion(0, 1, level, method)  # its checks
        return 0.0, 1.0
    effective = effective_trials(frames, size, errors, squared_errors)
    tail = (1 - level) / 2
    if not 0 < tail < 0.5:
        raise ValueError(f"level={level!r} must lie between 0 and 1, for instance 0.95")
    quantile = -float(special.ndtri(tail))
    effective *= (quantile / float(special.stdtrit(frames - 1, 1 - tail))) ** 2
    seen = errors / (frames * size) * effective
    if method == "clopper-pearson":
        low = float(special.betaincinv(seen, effective - seen + 1, tail))
        return low, float(special.betainccinv(seen + 1, effective - seen, tail))
    if method != "wilson":
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    half = quantile * math.sqrt(seen * (effective - seen) / effective + quantile**2 / 4)
    total, centre = effective + quantile**2, seen + quantile**2 / 2
    return (centre - half) / total, (centre + half) / total
