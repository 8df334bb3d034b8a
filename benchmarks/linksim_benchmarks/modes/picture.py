"""Accuracy against symbols at some SNRs, and what the router does over the SNR."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from linksim_benchmarks.pictures.style import (
    BLACK,
    COLORS,
    GREY,
    MARKERS,
    PURPLE,
    TWO_COLUMNS,
    picture_style,
)

SHOWN_DB = (5.0, 10.0, 15.0)
HEIGHT = 4.6


def modes_figure(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Figure:
    """Above: accuracy against mean symbols at up to three SNRs. Below: usage of the modes, mean symbols and
    accuracy over the SNR, of the router as trained.

    Args:
        rows: of `linksim modes`.
        names: of the modes.
    """
    snr_db = list(dict.fromkeys(row["snr_db"] for row in rows))
    shown = [snr for snr in SHOWN_DB if snr in snr_db] or snr_db[:3]
    with picture_style():
        figure = Figure(figsize=(TWO_COLUMNS, HEIGHT), layout="constrained")
        above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
        for axes, snr in zip(above.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            _curve(axes, [row for row in rows if row["snr_db"] == snr], names)
            axes.set_title(f"Es/N0 {snr:g} dB")
        above.axes[0].set_ylabel("accuracy, %")
        above.axes[0].legend(loc="lower right", fontsize=6)
        _over_snr(below.subplots(1, 3), rows, names)
    return figure


def _curve(axes: Any, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    fixed = sorted((row for row in rows if row["policy"] == "fixed"), key=lambda row: row["symbols"])
    best = max(row["accuracy"] for row in fixed)
    for row in fixed:
        axes.errorbar(
            row["symbols"],
            100 * row["accuracy"],
            _bars(row),
            fmt=MARKERS[row["mode"] % len(MARKERS)],
            color=COLORS[row["mode"] % len(COLORS)],
            label=names[row["mode"]],
        )
    refitted = sorted((r for r in rows if r["policy"] == "refitted"), key=lambda row: row["symbols"])
    if refitted:
        x, y = [r["symbols"] for r in refitted], [100 * r["accuracy"] for r in refitted]
        line = [100 * (r["accuracy"] - r["above_line"]) for r in refitted]
        axes.plot(x, line, "--", color=GREY, lw=0.8, label="switching at random")
        ends = [
            [one + 100 * row[f"above_line_{end}"] for one, row in zip(line, refitted, strict=True)]
            for end in ("low", "high")
        ]
        axes.fill_between(x, *ends, color=BLACK, alpha=0.12, lw=0, label="95 %, minus switching")
        axes.plot(x, y, "-", color=BLACK, marker=".", ms=4, label="router, over λ_sym")
    for row in (row for row in rows if row["policy"] == "router"):
        axes.errorbar(
            row["symbols"], 100 * row["accuracy"], _bars(row), fmt="*", color=PURPLE, label="as trained"
        )
    # A mode that fails at this SNR would leave no room for the others.
    axes.set_ylim(100 * best - 4, min(100.5, 100 * best + 1.5))
    axes.set_xlabel("mean symbols per frame")


def _bars(row: dict[str, Any]) -> list[list[float]]:
    return [[100 * (row["accuracy"] - row["low"])], [100 * (row["high"] - row["accuracy"])]]


def _over_snr(panels: Any, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    trained = [row for row in rows if row["policy"] == "router"]
    snr = [row["snr_db"] for row in trained]
    for mode, name in enumerate(names):
        usage = [100 * row[f"usage_{mode}"] for row in trained]
        panels[0].plot(
            snr,
            usage,
            color=COLORS[mode % len(COLORS)],
            marker=MARKERS[mode % len(MARKERS)],
            ms=3,
            label=name,
        )
    panels[0].set_ylabel("usage, %")
    panels[1].plot(snr, [row["symbols"] for row in trained], color=PURPLE)
    panels[1].set_ylabel("mean symbols per frame")
    panels[2].fill_between(
        snr,
        [100 * row["low"] for row in trained],
        [100 * row["high"] for row in trained],
        color=PURPLE,
        alpha=0.15,
        lw=0,
    )
    panels[2].plot(snr, [100 * row["accuracy"] for row in trained], color=PURPLE)
    panels[2].set_ylabel("accuracy, %")
    for axes in panels:
        axes.set_xlabel("Es/N0, dB")
