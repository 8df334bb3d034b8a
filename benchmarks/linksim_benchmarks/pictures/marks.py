"""Points of a curve with their intervals: markers, bands, and arrows for what has only an upper bound."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D, ScaledTranslation

from linksim_benchmarks.pictures.style import CROSSES, GREY, Look

ARROW_POINTS = 10.0
"""Length of an arrow in points of 1/72 inch."""

ARROW = Outline(
    [(-0.25, 0), (0.25, 0), (0, 0), (0, -0.55), (-0.22, -0.55), (0.22, -0.55), (0, -1), (-0.22, -0.55)],
    [1, 2, 1, 2, 1, 2, 2, 79],
)
"""A bar from which an arrow hangs, its bar at the origin; 1 moves the pen, 2 draws, 79 closes."""
ARROW_WIDTH = 0.5 * ARROW_POINTS

Numbers = Sequence[float] | np.ndarray
Band = tuple[Numbers, Numbers, Numbers]
"""Places, lower and upper edge."""


SIZE, CROSS_SIZE = 4.0, 8.0


def marker_size(look: Look) -> float:
    """Crosses are large, since other markers may lie on them."""
    return CROSS_SIZE if look.marker in CROSSES else SIZE


def draw_points(
    axes: Axes,
    x: Numbers,
    value: Numbers,
    low: Numbers,
    high: Numbers,
    look: Look,
    *,
    hollow: Sequence[bool],
    joined: bool = True,
    band: Band | None = None,
) -> None:
    """Markers, with a band and bars from `low` to `high`.

    A band has no width where a point stands alone, so that the bars show its interval.

    Args:
        axes: to draw into.
        x, value, low, high: of the points, in the order of x; NaN leaves a gap.
        look: of the curve.
        hollow: which markers are empty inside.
        joined: whether a line joins the points.
        band: places, lower and upper edge; from point to point in straight lines by default.
    """
    axes.fill_between(*((x, low, high) if band is None else band), color=look.color, alpha=0.18, linewidth=0)
    axes.vlines(x, low, high, color=look.color, linewidth=0.8)
    if joined:
        axes.plot(x, value, color=look.color, linestyle=look.line)
    for own, face in _faces(look.color, hollow):
        ink = {"color": look.color, "markerfacecolor": face, "markersize": marker_size(look)}
        axes.plot(
            np.asarray(x)[own], np.asarray(value)[own], linestyle="none", marker=look.marker, zorder=3, **ink
        )


def draw_bounds(
    axes: Axes, x: Numbers, high: Numbers, look: Look, *, hollow: Sequence[bool], aside: Sequence[int]
) -> None:
    """Arrows that hang from upper bounds.

    Args:
        axes: to draw into.
        x, high: where they hang.
        look: of the curve.
        hollow: which are empty inside.
        aside: by how many widths each stands beside its place, where several would cover each other.
    """
    assert isinstance(axes.figure, Figure)
    for own, face in _faces(look.color, hollow):
        for steps in sorted(set(np.asarray(aside)[own].tolist())):
            at = own & (np.asarray(aside) == steps)
            shift = ScaledTranslation(steps * ARROW_WIDTH / 72, 0, axes.figure.dpi_scale_trans)
            # Matplotlib draws an outline half as large as the marker size.
            ink = {"color": look.color, "markerfacecolor": face, "markersize": 2 * ARROW_POINTS}
            (arrows,) = axes.plot(
                np.asarray(x)[at],
                np.asarray(high)[at],
                linestyle="none",
                marker=ARROW,
                zorder=3,
                clip_on=False,
                **ink,
            )
            arrows.set_transform(axes.transData + shift)


def _faces(color: str, hollow: Sequence[bool]) -> list[tuple[np.ndarray, str]]:
    """Which points are full and which hollow, with the colour inside; what there is none of is left out."""
    empty = np.array(hollow, dtype=bool)
    return [(own, face) for own, face in ((~empty, color), (empty, "white")) if own.any()]


def curve_key(look: Look, joined: bool = True) -> Line2D:
    """What stands for a curve in a legend."""
    line = look.line if joined else "none"
    size = marker_size(look)
    return Line2D([], [], color=look.color, marker=look.marker, markersize=size, linestyle=line)


def arrow_key() -> Line2D:
    """What stands for an upper bound."""
    middle = ARROW.transformed(Affine2D().translate(0, 0.5))
    return Line2D([], [], color=GREY, marker=middle, markersize=ARROW_POINTS, linestyle="none")


def hollow_key() -> Line2D:
    """What stands for points that were cut short."""
    return Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="none")
