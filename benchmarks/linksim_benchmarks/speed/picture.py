"""Throughput as bars."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from linksim_benchmarks.pictures.layout import finish
from linksim_benchmarks.pictures.style import COLORS, GREY, TWO_COLUMNS, Rows, picture_style
from linksim_benchmarks.speed.measure import BOUND

PANEL_HEIGHT = 2.6
DEMAPPERS = {"app": "exact LLRs", "maxlog": "max-log LLRs"}
HATCHES = ("", "////", "....")
GROUP = 0.86
"""Width of a group of bars, in units of the distance between groups."""


def speed_figure(rows: Rows) -> Figure:
    """Mbit/s of every subject on a logarithmic axis, grouped by modulation, a panel per kind of LLR.

    The lines are quartiles over rounds. A bar whose bit error rate does not agree with theory is hollow.

    Raises:
        ValueError: if there are no rows.
    """
    if not rows:
        raise ValueError("rows must have at least one row, got none")
    demappers = list(dict.fromkeys(row["demapper"] for row in rows))
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    with picture_style():
        figure = Figure(figsize=(TWO_COLUMNS, PANEL_HEIGHT * len(demappers)), layout="constrained")
        panels = figure.subplots(len(demappers), 1, squeeze=False, sharey=True)[:, 0]
        for axes, demapper in zip(panels, demappers, strict=True):
            _draw(axes, [row for row in rows if row["demapper"] == demapper], subjects)
            axes.set_title(DEMAPPERS[demapper])
        keys: list[tuple[Artist, str]] = [
            (Patch(facecolor=color, hatch=hatch, edgecolor="white"), name)
            for name, (color, hatch) in _looks(subjects).items()
        ]
        if not all(row["agrees"] in (True, None) for row in rows):
            keys.append((Patch(facecolor="white", edgecolor=GREY), "hollow: wrong bit error rate"))
        finish(figure, (TWO_COLUMNS, PANEL_HEIGHT * len(demappers)), keys, "")
    return figure


def _looks(subjects: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and hatch by name."""
    looks = {
        name: (COLORS[number % len(COLORS)], HATCHES[number // len(COLORS)])
        for number, name in enumerate(subjects)
    }
    return {name: (GREY, "") if name == BOUND else look for name, look in looks.items()}


def _draw(axes: Axes, rows: Rows, subjects: Sequence[str]) -> None:
    widths = sorted({row["bits_per_symbol"] for row in rows})
    looks, each = _looks(subjects), GROUP / len(subjects)
    for row in rows:
        color, hatch = looks[row["subject"]]
        place = widths.index(row["bits_per_symbol"]) + each * (
            subjects.index(row["subject"]) - (len(subjects) - 1) / 2
        )
        hollow = row["agrees"] is False
        inside, edge = ("white", color) if hollow else (color, "white")
        axes.bar(place, row["mbit_per_s"], each, hatch=hatch, linewidth=0.6, facecolor=inside, edgecolor=edge)
        axes.vlines(place, row["low"], row["high"], color="black", linewidth=0.8)
        axes.annotate(
            _plain(row["mbit_per_s"]),
            (place, row["high"]),
            (0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=90,
            fontsize=5.5,
        )
    axes.set_yscale("log")
    ends = np.array([[row["low"], row["high"]] for row in rows])
    axes.set_ylim(0.5 * ends.min(), 12 * ends.max())
    axes.set_xticks(range(len(widths)), [f"{2**width}-QAM" for width in widths])
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("Mbit/s")


def _plain(rate: float) -> str:
    """Three digits, without an exponent."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
