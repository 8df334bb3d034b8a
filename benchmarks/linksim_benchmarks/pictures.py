"""Pictures of results, drawn without a display and written whole."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from linksim import files
from linksim_benchmarks.ber import Point, modulation_name

Rows = Sequence[Mapping[str, Any]]
PATH_LABELS = {"hard": "hard (deployed)", "map": "hard, MAP receiver", "soft": "soft (surrogate)"}
PATH_COLORS = {"hard": "C0", "soft": "C1", "map": "C2"}
CURVE_POINTS = 60


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    with files.whole(path) as aside:
        figure.savefig(aside, dpi=150, format="png")
    return path


def accuracy_picture(rows: Rows, path: Path, trained_at: float | None = None) -> Path:
    """Accuracy against Es/N0, a line with a band per path."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    lines = list(dict.fromkeys(_line_of(row) for row in rows))
    several = sum(path == "soft" for path, *_ in lines) > 1
    for number, line in enumerate(lines):
        name, vq_temp, symbol_temp = line
        own = sorted((row for row in rows if _line_of(row) == line), key=lambda row: row["snr_db"])
        snr = [row["snr_db"] for row in own]
        color, label = PATH_COLORS[name], PATH_LABELS[name]
        if several and name == "soft":
            color, label = f"C{len(PATH_COLORS) + number}", f"{label}, T {vq_temp:g}/{symbol_temp:g}"
        accuracy, low, high = ([100 * row[end] for row in own] for end in ("accuracy", "low", "high"))
        axes.plot(snr, accuracy, marker="o", color=color, label=label)
        axes.fill_between(snr, low, high, color=color, alpha=0.2, linewidth=0)
    if trained_at is not None:
        axes.axvline(trained_at, color="grey", linestyle=":", label=f"trained at {trained_at:g} dB")
    axes.set(xlabel="Es/N0 in dB", ylabel="test accuracy in %", title="Accuracy, with 95 % intervals")
    axes.grid(alpha=0.3)
    axes.legend()
    return save(figure, path)


def _line_of(row: Mapping[str, Any]) -> tuple[str, float | None, float | None]:
    return row["path"], row.get("vq_temp"), row.get("symbol_temp")


def ber_picture(rows: Rows, path: Path, sweep: Sequence[Point]) -> Path:
    """Bit error rate against Eb/N0: theory as lines, simulation as points with intervals.

    A point without errors is an arrow that hangs from its upper bound. Where there is no closed form the
    points are joined.

    Args:
        rows: of the points.
        path: of the picture.
        sweep: the points, in the same order.
    """
    channels = list(dict.fromkeys(row["channel"] for row in rows))
    figure = Figure(figsize=(6 * len(channels), 4.5), layout="constrained")
    pairs = list(zip(rows, sweep, strict=True))
    for axes, channel in zip(figure.subplots(1, len(channels), squeeze=False)[0], channels, strict=True):
        of_channel = [(row, point) for row, point in pairs if row["channel"] == channel]
        for number, bits in enumerate(dict.fromkeys(row["bits_per_symbol"] for row, _ in of_channel)):
            own = sorted(
                ((row, point) for row, point in of_channel if row["bits_per_symbol"] == bits),
                key=lambda pair: pair[0]["ebno_db"],
            )
            _ber_curve(axes, [row for row, _ in own], own[0][1], f"C{number}")
        coded = rows[0]["code"] != "none"
        axes.set(
            xlabel="Eb/N0 in dB",
            ylabel="bit error rate",
            yscale="log",
            title=f"{'Coded' if coded else 'Uncoded'}, {channel}",
        )
        axes.set_ylim(bottom=0.2 * min(row["high"] for row, _ in of_channel))
        axes.grid(alpha=0.3)
        axes.legend(title=None if rows[0]["theory"] is None else "lines: closed form")
    return save(figure, path)


def _ber_curve(axes: Any, own: Rows, point: Point, color: str) -> None:
    if own[0]["theory"] is not None:
        ebno = np.linspace(own[0]["ebno_db"], own[-1]["ebno_db"], CURVE_POINTS)
        offset = own[0]["snr_db"] - own[0]["ebno_db"]
        theory = [replace(point, snr_db=float(value) + offset).theory() for value in ebno]
        axes.plot(ebno, theory, color=color, linewidth=1)
    seen = [row for row in own if row["bit_errors"]]
    unseen = [row for row in own if not row["bit_errors"]]
    axes.errorbar(
        [r["ebno_db"] for r in seen],
        [r["ber"] for r in seen],
        yerr=[[r["ber"] - r["low"] for r in seen], [r["high"] - r["ber"] for r in seen]],
        fmt="o" if own[0]["theory"] is not None else "o-",
        markersize=4,
        capsize=2,
        color=color,
        label=modulation_name(own[0]),
    )
    axes.errorbar(
        [r["ebno_db"] for r in unseen],
        [r["high"] for r in unseen],
        yerr=[0.5 * r["high"] for r in unseen],
        uplims=True,
        fmt="none",
        color=color,
    )


def word_length_picture(rows: Rows, path: Path) -> Path:
    """Loss against word length, a panel per study, a line with error bars per modulation and part."""
    studies = list(dict.fromkeys(row["study"] for row in rows))
    figure = Figure(figsize=(6 * len(studies), 4.5), layout="constrained")
    for axes, study in zip(figure.subplots(1, len(studies), squeeze=False)[0], studies, strict=True):
        of_study = [row for row in rows if row["study"] == study]
        for modulation, part in dict.fromkeys((row["modulation"], row["part"]) for row in of_study):
            own = [row for row in of_study if (row["modulation"], row["part"]) == (modulation, part)]
            own.sort(key=lambda row: row["bits"])
            loss = np.array([row["loss"] for row in own])
            ends = [loss - [row["low"] for row in own], [row["high"] for row in own] - loss]
            bits, label = [row["bits"] for row in own], f"{modulation} {part}"
            axes.errorbar(bits, loss, yerr=np.maximum(ends, 0), marker="o", capsize=2, label=label)
        limit, unit = of_study[0]["limit"], of_study[0]["unit"]
        axes.axhline(limit, color="grey", linestyle=":", label=f"{limit:g} {unit}")
        axes.set(xlabel="word length in bits", ylabel=f"loss in {unit}", title=study)
        axes.set_yscale("symlog", linthresh=limit)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return save(figure, path)


def compare_picture(rows: Rows, path: Path) -> Path:
    """Test accuracy of every row of a comparison, hard beside soft, with intervals over its runs."""
    figure = Figure(figsize=(8, 1.5 + 0.5 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for offset, (name, path_name) in enumerate((("hard", "hard"), ("hard_map", "map"), ("soft", "soft"))):
        places = [number + 0.2 * (offset - 1) for number in range(len(rows))]
        values = [100 * row[name] for row in rows]
        errors = [
            0.0 if row[f"{name}_high"] is None else 100 * (row[f"{name}_high"] - row[name]) for row in rows
        ]
        style = {"fmt": "o", "capsize": 3, "color": PATH_COLORS[path_name], "label": PATH_LABELS[path_name]}
        axes.errorbar(values, places, xerr=errors, **style)
    axes.set_yticks(range(len(rows)), [row["settings"] for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="test accuracy in %", title="Trainings, mean and 95 % interval over seeds")
    axes.grid(alpha=0.3)
    axes.legend()
    return save(figure, path)
