"""Axes for both kinds of SNR, and a legend below the panels, where it hides nothing."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Literal, get_args

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Axis = Literal["ebno", "esno"]
AXES: tuple[Axis, ...] = get_args(Axis)
COLUMN = {"ebno": "ebno_db", "esno": "snr_db"}
LABEL = {"ebno": r"$E_\mathrm{b}/N_0$ in dB", "esno": r"$E_\mathrm{s}/N_0$ in dB"}
LETTER, KEY, LINE = 0.054, 0.45, 0.155
"""Inches that a letter, a key with its gaps and a line take in a legend."""


def common_offset(offsets: Iterable[float]) -> float | None:
    """Es/N0 minus Eb/N0 in dB, if it is the same everywhere."""
    found = sorted(offsets)
    return found[0] if found and found[-1] - found[0] < 1e-6 else None


def snr_axes(axes: Axes, axis: Axis, offset: float | None, of: str = "") -> None:
    """Label the axis below, and draw the other SNR above where one offset leads to it.

    Args:
        axes: whose x axis it is.
        axis: which SNR is below.
        offset: Es/N0 minus Eb/N0 in dB, or None.
        of: what the axis above applies to, if not to all.
    """
    axes.set_xlabel(LABEL[axis])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]))
    if offset is None:
        return
    shift = offset if axis == "ebno" else -offset
    to_above, to_below = (lambda x: np.asarray(x) + shift), (lambda x: np.asarray(x) - shift)
    above = axes.secondary_xaxis("top", functions=(to_above, to_below))
    above.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]))
    above.set_xlabel(LABEL["esno" if axis == "ebno" else "ebno"] + of)


def finish(figure: Figure, size: tuple[float, float], keys: Sequence[tuple[Artist, str]], title: str) -> None:
    """Put a title above and a legend below, and make the figure so high that the panels keep their height.

    Args:
        figure: with a constrained layout.
        size: width, and height of the panels, in inches.
        keys: what the legend explains, in its order: column by column.
        title: of the figure; none if empty.
    """
    width, height = size
    letters = int((width - KEY) / LETTER)
    labels = [fill(label, letters) for _, label in keys]
    longest = max((len(line) for label in labels for line in label.splitlines()), default=0)
    columns = min(max(1, int(width / (KEY + LETTER * longest))), len(labels) or 1)
    # As few columns as give the same number of lines, so that the last one is not nearly empty.
    columns = -(-len(labels) // -(-len(labels) // columns)) if labels else 1
    lines = -(-sum(label.count("\n") + 1 for label in labels) // columns)
    if title:
        heading = fill(title, letters)
        figure.suptitle(heading, fontsize="medium")
        height += LINE * (heading.count("\n") + 1.5)
    figure.set_size_inches(width, height + LINE * (lines + 0.5 if lines else 0))
    if keys:
        figure.legend([key for key, _ in keys], labels, loc="outside lower center", ncols=columns)
