"""Bootstrap over frames."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from linksim.metrics.intervals import newcombe_paired

Figure = tuple[float, float, float]
"""Value, lower and upper end of its interval."""

ROUNDING = 1e-9
"""Differences of shares up to which they are equal."""

FEW = 10
"""Frames that differ, below which a bootstrap sees too little of how often they do."""

RESAMPLES = 2000
SEED = 0
_CHUNK = 200


def frame_bootstrap(frames: ArrayLike, level: float = 0.95, resamples: int = RESAMPLES) -> list[Figure]:
    """Means over frames, with percentile intervals (Efron and Tibshirani, An Introduction to the Bootstrap).

    Frames are drawn with replacement, whole: the figures of a frame stay together. The resamples are drawn
    from a fixed seed, so equal figures have equal intervals.

    Args:
        frames: [frames, figures].
        level: confidence level between 0 and 1, both excluded.
        resamples: number of resamples.

    Returns:
        for each figure its mean, lower and upper end.

    Raises:
        ValueError: if there are no frames, or something is not finite.

    >>> value, low, high = frame_bootstrap([[0.0], [1.0]] * 50)[0]
    >>> value, 0.38 < low < 0.42, 0.58 < high < 0.62
    (0.5, True, True)
    """
    values = np.asarray(frames, dtype=np.float64)
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"frames must be [frames, figures] with at least one frame, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("frames hold a figure that is not finite: leave that frame out")
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1, for instance 0.95")
    count = len(values)
    generator = np.random.default_rng(SEED)
    means = []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        drawn = generator.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        means.append(times @ values / count)
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2], axis=0)
    centre = values.mean(0)
    # The interval holds the figure itself, whatever rounding does to a constant one.
    low, high = np.minimum(low, centre), np.maximum(high, centre)
    return list(zip(centre.tolist(), low.tolist(), high.tolist(), strict=True))


def mean_difference(frames: ArrayLike, level: float = 0.95) -> Figure:
    """Mean over frames of differences of shares, with an interval that is honest for rare differences, too.

    The bootstrap's, as `widened`.

    Args:
        frames: [frames] numbers from -1 to 1.
        level: confidence level between 0 and 1, both excluded.

    Returns:
        mean, lower and upper end.

    Raises:
        ValueError: as `frame_bootstrap`.

    >>> mean_difference([0.0] * 100)[0], mean_difference([0.0] * 100)[2] > 0.03
    (0.0, True)
    """
    values = np.asarray(frames, dtype=np.float64)
    return widened(frame_bootstrap(values.reshape(-1, 1), level)[0], values, level)


def widened(figure: Figure, frames: NDArray[np.float64], level: float = 0.95) -> Figure:
    """A bootstrap's interval of a mean difference, widened where it saw too few frames that differ.

    With fewer than ten it would be too short, and of no width with none. It is widened to Newcombe's, with
    every frame that differs counted as a whole.

    Args:
        figure: mean, lower and upper end.
        frames: [frames] numbers from -1 to 1, whose mean it is.
        level: confidence level.
    """
    value, low, high = figure
    above, below = int((frames > ROUNDING).sum()), int((frames < -ROUNDING).sum())
    if above + below < FEW:
        _, least, most = newcombe_paired(len(frames) - above - below, above, below, 0, level)
        low, high = min(low, least), max(high, most)
    return value, low, high
