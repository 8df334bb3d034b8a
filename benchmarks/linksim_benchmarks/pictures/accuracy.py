"""Accuracy against SNR: a line with a band per path and baseline, and the gap between soft and hard below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from linksim_benchmarks.pictures.layout import COLUMN, Axis, common_offset, finish, snr_axes
from linksim_benchmarks.pictures.marks import curve_key, draw_points, hollow_key
from linksim_benchmarks.pictures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LINES,
    MARKERS,
    ONE_COLUMN,
    ORANGE,
    PATH_LABELS,
    PURPLE,
    SKY,
    VERMILLION,
    Look,
    Rows,
    picture_style,
    plain,
)

Row = Mapping[str, Any]
TrainedAt = float | Sequence[float] | None

LOOKS = {
    "hard": (BLUE, "o"),
    "soft": (VERMILLION, "s"),
    "map": (GREEN, "^"),
    "straight-through": (PURPLE, "D"),
    "separate": (ORANGE, "P"),
    "codec": (SKY, "X"),
}
"""Path → colour and marker of the first line of that path."""
FURTHER = ("#8c510a", "#882255", "#999933", "#332288", "#44aa99")
"""Colours of further lines."""
NOISELESS = "noiseless"
CUT = ("time limit", None)
PANEL_HEIGHT, GAP_HEIGHT = 2.9, 1.1


@dataclass(frozen=True)
class AccuracySweep:
    """Results of `linksim accuracy`.

    Attributes:
        label: in front of its lines in the legend; empty if there is but one sweep.
        rows: as `linksim accuracy` writes them.
        trained_at: Es/N0 of the training in dB, or both ends of its range; None if unknown.
    """

    label: str
    rows: Rows
    trained_at: TrainedAt = None


@dataclass(frozen=True)
class _Line:
    sweep: int
    label: str
    name: str
    path: str
    rows: Sequence[Row]


def accuracy_figure(sweeps: Sequence[AccuracySweep], axis: Axis = "esno", title: str = "") -> Figure:
    """Accuracy against SNR, a line per path and baseline; without channel, a dashed line across.

    Bands and bars go from end to end of the intervals. If rows of the soft path have their gap to the hard
    path, it stands in a panel below. If one offset leads from Eb/N0 to Es/N0, at least for the model, the
    other SNR stands above.

    Args:
        sweeps: drawn over each other; lines of the same name have the same colour.
        axis: which SNR is below: "ebno" or "esno".
        title: of the figure.

    Raises:
        ValueError: if there are no rows.
    """
    with_temperatures = (
        len({_temperatures(row) for sweep in sweeps for row in sweep.rows} - {(None, None)}) > 1
    )
    lines = [line for number, sweep in enumerate(sweeps) for line in _lines(number, sweep, with_temperatures)]
    if not lines:
        raise ValueError("sweeps must have at least one row, got none")
    looks = _looks(lines)
    gaps = [line for line in lines if any(row.get("gap") is not None for row in line.rows)]
    with picture_style():
        height = PANEL_HEIGHT + (GAP_HEIGHT if gaps else 0)
        figure = Figure(figsize=(ONE_COLUMN, height), layout="constrained")
        ratios = [PANEL_HEIGHT, GAP_HEIGHT] if gaps else [1]
        panels = list(figure.subplots(len(ratios), squeeze=False, sharex=True, height_ratios=ratios)[:, 0])
        top, bottom = panels[0], panels[-1]
        for line in lines:
            _accuracy(top, line, looks[line.label], axis)
        top.set_ylabel("test accuracy in %")
        offset, of = _offset(lines)
        snr_axes(top, axis, offset, of)
        keys = [(_key(line, looks[line.label]), line.label) for line in lines]
        keys += _trained(panels, sweeps, 0.0 if axis == "esno" else None if offset is None else -offset)
        if gaps:
            top.set_xlabel("")
            snr_axes(bottom, axis, None)
            bottom.axhline(0, color=GREY, linewidth=0.7)
            bottom.set_ylabel("soft − hard,\npoints")
            for line in gaps:
                _points(bottom, line, ("gap", "gap_low", "gap_high"), looks[line.label], axis)
        if any(_cut(row) for line in lines for row in line.rows):
            keys.append((hollow_key(), "hollow: cut short"))
        finish(figure, (ONE_COLUMN, height), keys, plain(title))
    return figure


def _temperatures(row: Row) -> tuple[float | None, float | None]:
    return row.get("vq_temp"), row.get("symbol_temp")


def _lines(number: int, sweep: AccuracySweep, with_temperatures: bool) -> list[_Line]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in sweep.rows:
        found.setdefault((row["path"], row.get("label"), *_temperatures(row)), []).append(row)
    lines = []
    for (path, label, vq_temp, symbol_temp), rows in found.items():
        name = str(label or PATH_LABELS.get(path, path))
        if vq_temp is not None and with_temperatures:
            name = f"{name}, T {vq_temp:g}/{symbol_temp:g}"
        full = plain(f"{sweep.label}: {name}" if sweep.label else name)
        in_order = rows if path == NOISELESS else sorted(rows, key=lambda row: row["snr_db"])
        lines.append(_Line(number, full, name, path, in_order))
    return lines


def _looks(lines: Sequence[_Line]) -> dict[str, Look]:
    """A look for each label: colour and marker by name, line style by sweep."""
    by_name: dict[str, tuple[str, str]] = {}
    further = 0
    for line in lines:
        if line.name in by_name:
            continue
        wanted = LOOKS.get(line.path)
        if wanted is None or wanted in by_name.values():
            color = FURTHER[further % len(FURTHER)]
            wanted = color, MARKERS[(len(LOOKS) + 1 + further) % len(MARKERS)]
            further += line.path != NOISELESS
        by_name[line.name] = wanted
    return {line.label: Look(*by_name[line.name], LINES[line.sweep % len(LINES)]) for line in lines}


def _key(line: _Line, look: Look) -> Artist:
    return _dashed() if line.path == NOISELESS else curve_key(look)


def _dashed() -> Line2D:
    return Line2D([], [], color=BLACK, linestyle=(0, (5, 2)), linewidth=0.9)


def _accuracy(axes: Axes, line: _Line, look: Look, axis: Axis) -> None:
    if line.path != NOISELESS:
        _points(axes, line, ("accuracy", "low", "high"), look, axis)
        return
    row, style = line.rows[0], _dashed()
    axes.axhspan(100 * row["low"], 100 * row["high"], color=BLACK, alpha=0.08, linewidth=0)
    ink = {"color": style.get_color(), "linestyle": style.get_linestyle(), "linewidth": style.get_linewidth()}
    axes.axhline(100 * row["accuracy"], **ink)


def _points(axes: Axes, line: _Line, names: tuple[str, str, str], look: Look, axis: Axis) -> None:
    own = [row for row in line.rows if row.get(names[0]) is not None]
    x = [row[COLUMN[axis]] for row in own]
    value, low, high = (100 * np.array([row[name] for row in own], dtype=float) for name in names)
    hollow = [_cut(row) for row in own]
    draw_points(axes, x, value, low, high, look, hollow=hollow)


def _cut(row: Row) -> bool:
    """Whether a point was not counted to the end; without a link there is nothing to count here."""
    return row["path"] != NOISELESS and row.get("stopped_by", "") in CUT


def _offset(lines: Sequence[_Line]) -> tuple[float | None, str]:
    """Es/N0 minus Eb/N0 where it is one, and what it applies to if baselines have another one."""

    def offset(rows: Sequence[Row]) -> float | None:
        known = [row for row in rows if row.get("ebno_db") is not None and row["snr_db"] is not None]
        return common_offset(row["snr_db"] - row["ebno_db"] for row in known)

    with_snr = [line for line in lines if line.path != NOISELESS]
    every = offset([row for line in with_snr for row in line.rows])
    if every is not None:
        return every, ""
    return offset([row for line in with_snr if line.path in PATH_LABELS for row in line.rows]), ", model"


def _trained(
    panels: Sequence[Axes], sweeps: Sequence[AccuracySweep], shift: float | None
) -> list[tuple[Artist, str]]:
    """Mark where models were trained, and return what the legend says of it.

    Args:
        panels: to draw into.
        sweeps: with the SNRs of their trainings.
        shift: SNR of the axis minus Es/N0 in dB; None if there is no such number.
    """
    keys: list[tuple[Artist, str]] = []
    ends = [_ends(sweep.trained_at) for sweep in sweeps]
    for low, high in dict.fromkeys(one for one in ends if one is not None):
        if shift is None:
            break
        name = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        for axes in panels:
            if low == high:
                axes.axvline(low + shift, color=GREY, linestyle=":", linewidth=1)
            else:
                axes.axvspan(low + shift, high + shift, color=GREY, alpha=0.12, linewidth=0)
        dotted = Line2D([], [], color=GREY, linestyle=":", linewidth=1)
        key = dotted if low == high else Patch(color=GREY, alpha=0.12, linewidth=0)
        keys.append((key, f"trained at {name} dB".replace("-", "−")))
    return keys


def _ends(trained_at: TrainedAt) -> tuple[float, float] | None:
    if trained_at is None:
        return None
    if isinstance(trained_at, (int, float)):
        return float(trained_at), float(trained_at)
    return float(min(trained_at)), float(max(trained_at))
