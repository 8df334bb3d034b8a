"""Figures of an audit over SNR and temperature: mismatch, accuracy, attribution, sweep, comparison.

`plot_…` draws into given axes, so that the page and the overview share it; `…_figure` makes a figure of its
own. Rows are those of the audit's result for one checkpoint and one pair of temperatures, unless said
otherwise. All of it belongs inside `figure_style()`.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

Rows = Sequence[Mapping[str, Any]]
SNR_LABEL = "Es/N0 in dB"
PATHS = {"hard": ("hard (deployed)", "C0", "o", 2.0), "soft": ("soft (surrogate)", "C1", "s", 1.2)}
"""Path → label, colour, marker and line width."""
CHECKPOINT_COLORS = ("#009e73", "#aa4499")
MISMATCHES = {
    "vq_nmse": "codewords (VQ)",
    "symbol_nmse": "symbols",
    "received_nmse": "received",
    "llr_nmse": "LLRs",
    "embedding_nmse": "embedding",
    "feature_nmse": "features",
}
PLACES = ("VQ", "symbol", "receiver", "total")
PLACE_COLOR, TOTAL_COLOR = "#56b4e9", "#444444"
MEASURES = {"accuracy": ("accuracy in points", 100.0), "cross_entropy": ("cross-entropy in nats", 1.0)}
"""Measure of the attribution → label of its axis, factor."""
WIDE, SMALL = (4.6, 2.4), (3.7, 2.9)


@contextmanager
def figure_style() -> Iterator[None]:
    """Small text and marks; text of SVG stays text, and equal figures give equal files."""
    style: dict[Any, Any] = {
        "font.size": 8,
        "axes.titlesize": 8,
        "legend.fontsize": 7,
        "lines.markersize": 3.5,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "linksim",
        # Names of checkpoints may hold dollar signs.
        "text.parse_math": False,
    }
    with rc_context(style), warnings.catch_warnings():
        # The font that measures the text may lack letters of a name; the reader's has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def printable(text: str) -> str:
    """A text without what SVG cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def ends(rows: Rows, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, low and high of rows as arrays, NaN where there is none."""
    value, low, high = (
        scale * np.array([row[key] for row in rows], dtype=float) for key in ("value", "low", "high")
    )
    return value, low, high


def whiskers(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Lengths of error bars; rounding may have put an end on the wrong side of the value."""
    return np.nan_to_num(np.maximum([value - low, high - value], 0.0))


def by_snr(rows: Rows) -> list[Mapping[str, Any]]:
    """Rows in the order of their SNR."""
    return sorted(rows, key=lambda row: row["snr_db"])


def plot_band(axes: Axes, rows: Rows, scale: float = 1.0, x: str = "snr_db", **line: Any) -> None:
    """A line over SNR, or another column of the rows, with a band for the interval."""
    own = sorted(rows, key=lambda row: row[x])
    places = [row[x] for row in own]
    value, low, high = ends(own, scale)
    line = {"marker": "o", **line}
    if len(own) == 1:
        axes.errorbar(places, value, yerr=whiskers(value, low, high), capsize=2, **line)
        return
    (drawn,) = axes.plot(places, value, **line)
    axes.fill_between(places, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)


def legend_below(axes: Axes, columns: int) -> None:
    """A legend under the axes, where it hides nothing."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, frameon=False)


def legend_of_figure(figure: Figure, columns: int) -> None:
    """One legend for all panels at the bottom of the figure."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(list(named.values()), list(named), loc="lower center", ncols=columns, frameon=False)


def mark_trained(axes: Axes, trained: float | Sequence[float] | None) -> None:
    """A dotted line at the SNR of training, or a shade over its range."""
    if trained is None:
        return
    low, high = (trained, trained) if isinstance(trained, (int, float)) else trained
    name = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    label = f"trained at {name} dB".replace("-", "−")
    if low == high:
        axes.axvline(low, color="grey", linestyle=":", linewidth=1, label=label)
    else:
        axes.axvspan(low, high, color="grey", alpha=0.12, linewidth=0, label=label)


def log_if_positive(axes: Axes, values: Sequence[float | None]) -> None:
    """A logarithmic axis, unless there is nothing it could show."""
    shown = [value for value in values if value is not None and value > 0]
    if shown:
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis, max(shown) / min(shown))


def plain_log_ticks(axis: Axis, span: float) -> None:
    """Ticks of a logarithmic axis as plain numbers, also between the decades where there are few."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if span < 50 else (1.0,)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def small_axes() -> tuple[Figure, Axes]:
    """A small figure of one panel, with room for a legend below."""
    figure = Figure(figsize=SMALL)
    figure.subplots_adjust(left=0.17, right=0.97, top=0.96, bottom=0.29)
    return figure, figure.add_subplot()


def plot_mismatch(axes: Axes, rows: Rows) -> None:
    """Relative mismatch of each stage over SNR."""
    shades = colormaps["viridis"](np.linspace(0, 0.9, len(MISMATCHES)))
    shown = []
    for (metric, label), color, marker in zip(MISMATCHES.items(), shades, "os^vDP", strict=True):
        own = [row for row in rows if row["metric"] == metric]
        if own:
            zero = all(row["value"] == 0 for row in own)
            plot_band(axes, own, color=color, marker=marker, label=f"{label}: 0" if zero else label)
            shown += [row["value"] for row in own]
    log_if_positive(axes, shown)
    axes.set(xlabel=SNR_LABEL, ylabel="energy of soft − hard over hard")
    legend_below(axes, 3)


def mismatch_figure(rows: Rows) -> Figure:
    """`plot_mismatch` on its own."""
    figure, axes = small_axes()
    plot_mismatch(axes, rows)
    return figure


def plot_accuracy(axes: Axes, rows: Rows, trained: float | Sequence[float] | None) -> None:
    """Accuracy of both paths over SNR, the hard one bold."""
    for path, (label, color, marker, width) in PATHS.items():
        own = [row for row in rows if row["metric"] == f"{path}_accuracy"]
        if own:
            plot_band(axes, own, 100, color=color, marker=marker, linewidth=width, label=label)
    mark_trained(axes, trained)
    axes.set(xlabel=SNR_LABEL, ylabel="test accuracy in %")
    legend_below(axes, 2)


def accuracy_figure(rows: Rows, trained: float | Sequence[float] | None) -> Figure:
    """`plot_accuracy` on its own."""
    figure, axes = small_axes()
    plot_accuracy(axes, rows, trained)
    return figure


def plot_attribution(axes: Axes, rows: Rows, snr_db: float, measure: str) -> None:
    """What making each place soft adds to a measure at one SNR: bars, hollow ones for the exact surrogate.

    Args:
        axes: to draw into.
        rows: of the attribution at every SNR, so that all SNRs have the same axis.
        snr_db: the SNR.
        measure: "accuracy" or "cross_entropy".
    """
    label, scale = MEASURES[measure]
    of_measure = [row for row in rows if row["measure"] == measure]
    surrogates = [
        name for name in ("audited", "exact") if any(row["surrogate"] == name for row in of_measure)
    ]
    height = 0.8 / max(len(surrogates), 1)
    for number, surrogate in enumerate(surrogates):
        own = [row for row in of_measure if row["snr_db"] == snr_db and row["surrogate"] == surrogate]
        own = [row for row in own if row["place"] in PLACES]
        places = [PLACES.index(row["place"]) + height * (number - (len(surrogates) - 1) / 2) for row in own]
        value, low, high = ends(own, scale)
        colors = [TOTAL_COLOR if row["place"] == "total" else PLACE_COLOR for row in own]
        faces = colors if surrogate == "audited" else "none"
        bars = {"height": 0.9 * height, "color": faces, "edgecolor": colors}
        axes.barh(places, value, label=f"{surrogate} surrogate", **bars)
        error = {"xerr": whiskers(value, low, high), "fmt": "none", "ecolor": "black"}
        axes.errorbar(value, places, capsize=2, elinewidth=0.8, **error)
    axes.axvline(0, color="black", linewidth=0.8)
    _, low, high = ends(of_measure, scale)
    least, most = min([0.0, *low]), max([0.0, *high])
    margin = 0.05 * (most - least) or 1.0
    axes.set_xlim(least - margin, most + margin)
    axes.set_yticks(range(len(PLACES)), PLACES)
    axes.set_ylim(len(PLACES) - 0.5, -0.5)
    axes.set_xlabel(f"{label}, soft − hard")
    axes.xaxis.set_major_locator(MaxNLocator(4))


def attribution_figure(rows: Rows, snr_db: float) -> Figure:
    """`plot_attribution` of every measure that the rows have."""
    measures = [measure for measure in MEASURES if any(row["measure"] == measure for row in rows)]
    figure = Figure(figsize=WIDE)
    figure.subplots_adjust(left=0.12, right=0.98, top=0.96, bottom=0.26, wspace=0.12)
    panels = figure.subplots(1, len(measures), squeeze=False, sharey=True)[0]
    for axes, measure in zip(panels, measures, strict=True):
        plot_attribution(axes, rows, snr_db, measure)
    if len({row["surrogate"] for row in rows}) > 1:
        legend_of_figure(figure, 2)
    return figure


def sweep_figure(rows: Rows, snr_db: float) -> Figure:
    """Soft accuracy and embedding mismatch over one temperature, a line for each value of the other.

    Args:
        rows: of one checkpoint at every pair of temperatures.
        snr_db: the SNR.
    """
    figure = Figure(figsize=WIDE)
    figure.subplots_adjust(left=0.11, right=0.98, top=0.96, bottom=0.3, wspace=0.42)
    left, right = figure.subplots(1, 2)
    own = [row for row in rows if row["snr_db"] == snr_db]
    along, beside = "vq_temp", "symbol_temp"
    if len({row[along] for row in own}) == 1:
        along, beside = beside, along
    others = sorted({row[beside] for row in own})
    shades = colormaps["plasma"](np.linspace(0.1, 0.8, len(others)))
    accuracy = (left, "soft_accuracy", "soft accuracy in %", 100.0)
    panels = (accuracy, (right, "embedding_nmse", "embedding mismatch", 1.0))
    for axes, metric, label, scale in panels:
        of_metric = [row for row in own if row["metric"] == metric]
        for temp, color, marker in zip(others, shades, ("os^vDP" * len(others)), strict=False):
            line = [row for row in of_metric if row[beside] == temp]
            if line:
                name = f"{beside} {temp:g}"
                plot_band(axes, line, scale, x=along, color=color, marker=marker, label=name)
        axes.set(xlabel=along, ylabel=label, xscale="log")
        temps = sorted({row[along] for row in of_metric})
        axes.set_xticks(temps, [f"{temp:g}" for temp in temps])
        axes.set_xticks([], minor=True)
    log_if_positive(right, [row["value"] for row in own if row["metric"] == "embedding_nmse"])
    hard = [row["value"] for row in own if row["metric"] == "hard_accuracy"]
    if hard:
        left.axhline(100 * hard[0], color="C0", linewidth=2, label="hard path")
    legend_of_figure(figure, 4)
    return figure


def checkpoint_accuracy_figure(accuracies: Sequence[tuple[str, Rows]]) -> Figure:
    """Accuracy of several checkpoints over SNR: colour for the checkpoint, dashes for the soft path."""
    figure, axes = small_axes()
    for (name, rows), color in zip(accuracies, CHECKPOINT_COLORS, strict=False):
        for path, dashes in (("hard", "-"), ("soft", "--")):
            own = [row for row in rows if row["metric"] == f"{path}_accuracy"]
            if own:
                marker = PATHS[path][2]
                plot_band(
                    axes, own, 100, color=color, linestyle=dashes, marker=marker, label=f"{name}, {path}"
                )
    axes.set(xlabel=SNR_LABEL, ylabel="test accuracy in %")
    legend_below(axes, 2)
    return figure


def difference_figure(differences: Rows) -> Figure:
    """Accuracy of the first checkpoint minus the second on the same images, both paths, over SNR."""
    figure, axes = small_axes()
    for path, (label, color, marker, width) in PATHS.items():
        own = [row for row in differences if row["path"] == path]
        if own:
            plot_band(axes, own, 100, color=color, marker=marker, linewidth=width, label=label)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel=SNR_LABEL, ylabel="accuracy, first − second, in points")
    legend_below(axes, 2)
    return figure
