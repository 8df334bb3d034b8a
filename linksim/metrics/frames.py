"""Error rates over frames of equal size, from sums over the frames."""

from typing import Literal

from linksim.metrics.clusters import carriers, cluster_ends, exact_ends, score_ends
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
    wrong_frames: int,
    level: float = 0.95,
    method: Method = "clopper-pearson",
    *,
    full_frames: int | None = None,
) -> tuple[float, float]:
    """Interval of an error rate over frames of dependent trials, such as bits behind a decoder.

    The interval of independent trials at the effective number of them, widened as Student's t is over the
    normal distribution. Its degrees of freedom are one less than the number of frames that carry the errors,
    errors²/squared_errors, as only these tell how much frames differ (Carter, Schnepel and Steigerwald,
    Review of Economics and Statistics 99:698, 2017). Where right trials are rarer, their frames count. The
    upper end is at most that of the frame error rate, the lower end at least that over `size`, as a wrong
    frame has an error or more. With a single wrong frame nothing else is known.

    Where wrong frames are few, the interval holds the true rate more often than `level` says, unless a small
    share of the wrong frames has most of the errors: docs/sweeps.md has measured shares.

    Args:
        frames, size, errors, squared_errors: as for `effective_trials`.
        wrong_frames: frames with at least one error.
        level: confidence level between 0 and 1, both excluded.
        method: of the interval.
        full_frames: frames with nothing but errors, where known; bounds the interval where most trials are
            errors as `wrong_frames` does where few are.

    Returns:
        lower and upper end; one frame with some errors gives (0, 1).

    Raises:
        ValueError: if the sums contradict each other, or as `proportion`.

    >>> ends = frame_proportion(frames=1000, size=16, errors=40, squared_errors=180, wrong_frames=10)
    >>> [round(end, 4) for end in ends]
    [0.001, 0.0053]
    """
    _check(frames, size, errors, squared_errors, wrong_frames, full_frames)
    trials = frames * size
    if errors in (0, trials):
        low, high = proportion(frames if errors else 0, frames, level, method)
        return low, high
    proportion(0, 1, level, method)  # its checks
    if frames == 1:
        return 0.0, 1.0
    right, squared_right = trials - errors, size * (trials - 2 * errors) + squared_errors
    return cluster_ends(
        clusters=frames,
        trials=trials,
        largest=size,
        errors=errors,
        effective=effective_trials(frames, size, errors, squared_errors),
        carried=min(carriers(errors, squared_errors), carriers(right, squared_right)),
        wrong=wrong_frames,
        full=full_frames,
        tail=(1 - level) / 2,
        ends=exact_ends if method == "clopper-pearson" else score_ends,
    )


def _check(
    frames: int, size: int, errors: int, squared_errors: int, wrong_frames: int, full_frames: int | None
) -> None:
    if frames < 1 or size < 1 or not 0 <= errors <= frames * size:
        raise ValueError(
            f"errors={errors} of frames={frames} with size={size} trials: give a frame or more, and at most "
            "as many errors as trials"
        )
    if not max(errors, errors * errors / frames) <= squared_errors <= size * errors:
        raise ValueError(f"squared_errors={squared_errors} cannot be the sum of squares of {errors} errors")
    most = min(frames, errors)
    if not 0 <= wrong_frames <= most or errors * errors > wrong_frames * squared_errors:
        raise ValueError(
            f"wrong_frames={wrong_frames} of {frames} cannot have errors={errors} with "
            f"squared_errors={squared_errors}: count the frames with an error"
        )
    if full_frames is None:
        return
    others, rest = wrong_frames - full_frames, errors - full_frames * size
    if full_frames < 0 or not 0 <= others <= rest <= others * (size - 1):
        raise ValueError(
            f"full_frames={full_frames} of wrong_frames={wrong_frames} cannot be with errors={errors}: count "
            "the frames with nothing but errors"
        )
