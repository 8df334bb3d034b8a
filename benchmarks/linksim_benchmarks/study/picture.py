"""Pictures of a study: accuracy against Es/N0, gap against method, gap against epoch."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from linksim_benchmarks.pictures.style import BLACK, COLORS, GREY, LINES, MARKERS, TWO_COLUMNS, picture_style
from linksim_benchmarks.study.plan import BASE

Rows = Sequence[dict[str, Any]]
MOST_IN_PANEL = 6
ACROSS = 4


FIGURES = ("accuracy", "gap", "epochs")


def figures(parts: Mapping[str, Rows], reference: str) -> dict[str, Figure]:
    """All pictures of the link as given, by name.

    Args:
        parts: "means" and "curves".
        reference: method that the others are compared with.
    """
    means, curves = ([row for row in parts[name] if row["variation"] == BASE] for name in ("means", "curves"))
    made = (accuracy_figure(means, reference), gap_figure(means), epochs_figure(curves))
    return dict(zip(FIGURES, made, strict=True))


def accuracy_figure(means: Rows, reference: str) -> Figure:
    """Test error against Es/N0, the reference in every panel, the others spread over panels.

    Args:
        means: rows of one variation, as `rows.mean_rows` gives them.
        reference: name of a method, drawn in black.
    """
    others = [name for name in _names(means, "method") if name != reference]
    panels = max(1, -(-len(others) // MOST_IN_PANEL))
    groups = [list(map(str, group)) for group in np.array_split(np.array(others, dtype=object), panels)]
    with picture_style():
        figure = Figure(figsize=(TWO_COLUMNS, 3.0), layout="constrained")
        axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
        for panel, group in zip(axes, groups, strict=True):
            looks = zip(group, cycle(COLORS[:-1]), cycle(MARKERS), cycle(LINES), strict=False)
            for name, color, marker, line in [*looks, (reference, BLACK, "o", "-")]:
                own = sorted((row for row in means if row["method"] == name), key=lambda row: row["snr_db"])
                error = np.array([1 - row["hard"] for row in own])
                spread = [
                    error - [1 - row["hard_high"] for row in own],
                    [1 - row["hard_low"] for row in own] - error,
                ]
                style = {"color": color, "marker": marker, "linestyle": line, "label": name, "capsize": 2}
                panel.errorbar(
                    [row["snr_db"] for row in own], 100 * error, yerr=100 * np.maximum(spread, 0), **style
                )
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.set_xlabel("Es/N0 of training and test in dB")
            panel.legend()
        axes[0].set_ylabel("test error of the hard path in %")
    return figure


def gap_figure(means: Rows) -> Figure:
    """Soft minus hard accuracy of every method, a panel for each Es/N0, with intervals."""
    methods, snrs = _names(means, "method"), _names(means, "snr_db")
    with picture_style():
        size = (TWO_COLUMNS, 0.7 + 0.19 * len(methods))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(snrs), sharey=True, squeeze=False)[0]
        for panel, snr_db in zip(axes, snrs, strict=True):
            for place, method in enumerate(methods):
                own = [row for row in means if row["method"] == method and row["snr_db"] == snr_db]
                for row in own:
                    panel.plot(
                        [100 * row["gap_low"], 100 * row["gap_high"]], [place, place], "-", color=COLORS[0]
                    )
                    panel.plot([100 * row["gap"]], [place], "o", color=COLORS[0], ms=3.2)
            panel.axvline(0, color=GREY, lw=0.8)
            panel.set_xscale("symlog", linthresh=1)
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.set_title(f"{snr_db:g} dB")
        axes[0].set_yticks(range(len(methods)), methods)
        axes[0].invert_yaxis()
        figure.supxlabel("soft minus hard test accuracy in points", fontsize=8)
    return figure


def epochs_figure(curves: Rows) -> Figure:
    """Soft minus hard validation accuracy against the epoch, a panel for each method."""
    methods, snrs = _names(curves, "method"), _names(curves, "snr_db")
    across = min(ACROSS, len(methods))
    down = -(-len(methods) // across)
    with picture_style():
        figure = Figure(figsize=(TWO_COLUMNS, 0.5 + 1.3 * down), layout="constrained")
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for panel in axes.flat[len(methods) :]:
            panel.set_axis_off()
        for panel, method in zip(axes.flat, methods, strict=False):
            for snr_db, color, line in zip(snrs, cycle(COLORS), cycle(LINES), strict=False):
                own = [row for row in curves if row["method"] == method and row["snr_db"] == snr_db]
                panel.plot(
                    [row["epoch"] for row in own],
                    [100 * row["gap"] for row in own],
                    color=color,
                    linestyle=line,
                    label=f"{snr_db:g} dB",
                )
            panel.set_yscale("symlog", linthresh=1)
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.set_title(method)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        figure.supxlabel("epoch", fontsize=8)
        figure.supylabel("soft minus hard validation accuracy in points", fontsize=8)
    return figure


def _names(rows: Rows, column: str) -> list[Any]:
    return list(dict.fromkeys(row[column] for row in rows))
