"""Figures of an audit about signals: constellations, calibration of the LLRs, history of the mismatch.

All of it belongs inside `figures.figure_style()`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from linksim_benchmarks.audit.figures import (
    MISMATCHES,
    PATHS,
    SNR_LABEL,
    Rows,
    by_snr,
    legend_of_figure,
    plain_log_ticks,
    plot_band,
    printable,
)

PROBABILITIES = (0.9, 0.99, 0.999, 0.9999)
STAGES = {
    **MISMATCHES,
    "index_disagreement": "indices",
    "quantize": MISMATCHES["vq_nmse"],
    "map": MISMATCHES["symbol_nmse"],
    "demap": MISMATCHES["llr_nmse"],
    "decide": MISMATCHES["embedding_nmse"],
}
"""Stage or metric of the history → label."""

CALIBRATED = {
    **PATHS,
    "exact": ("exact surrogate", "C2", "D", 0.8),
    "uniform": ("hard, codewords equally used", "#888888", "^", 0.8),
}
"""Paths whose LLRs are held against the bits; label, colour, marker and line width."""


def constellation_figure(constellation: Mapping[str, Any]) -> Figure:
    """Soft beside hard: density of the received symbols in grey, transmitted symbols as points over it."""
    figure = Figure(figsize=(4.2, 2.45))
    figure.subplots_adjust(left=0.14, right=0.99, top=0.9, bottom=0.18, wspace=0.06)
    extent = constellation["extent"]
    for axes, path in zip(figure.subplots(1, 2, sharey=True), ("soft", "hard"), strict=True):
        label, color, *_ = PATHS[path]
        # The root makes tails visible, twice the maximum leaves black to nothing, "none" keeps cells sharp.
        density = np.array(constellation[f"{path}_density"], dtype=float)
        axes.imshow(
            density,
            extent=(-extent, extent, -extent, extent),
            origin="lower",
            cmap="Greys",
            norm=PowerNorm(0.5, vmin=0, vmax=2 * max(1.0, density.max())),
            interpolation="none",
        )
        points = np.array(constellation[f"{path}_points"], dtype=float).reshape(-1, 2)
        points = np.unique(points.round(3), axis=0)
        few = len(points) <= 64
        size, edge = (4.5, 0.6) if few else (2.2, 0.0)
        style = {"color": color, "marker": "o", "markersize": size, "markeredgecolor": "white"}
        axes.plot(*points.T, linestyle="none", markeredgewidth=edge, **style)
        axes.set(xlim=(-extent, extent), ylim=(-extent, extent), xlabel="real part")
        axes.set_title(label, color=color)
        axes.grid(visible=False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    figure.axes[0].set_ylabel("imaginary part")
    return figure


def _log_odds(share: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(share) - np.log1p(-share)


def plot_reliability(axes: Axes, bins: Rows) -> None:
    """Measured against claimed log-odds that a decided bit is right, at one SNR.

    A bin without errors is an arrow that stands on its lower bound.
    """
    wrong = [row for row in bins if row["measured"] < 1] or bins
    right = 1.1 * max([1.0, *(row["llr"] for row in wrong)])
    for path, (label, color, marker, width) in CALIBRATED.items():
        own = sorted((row for row in bins if row["path"] == path), key=lambda row: row["llr"])
        own = [row for row in own if row["llr"] <= right]
        if not own:
            continue
        claimed, measured, low, high = (
            np.array([row[key] for row in own], dtype=float) for key in ("llr", "measured", "low", "high")
        )
        value, low, high = (_log_odds(share) for share in (measured, low, high))
        seen = np.isfinite(value)
        # An end at certainty is beyond every axis.
        errors = np.nan_to_num([value[seen] - low[seen], high[seen] - value[seen]], posinf=50).clip(0)
        style = {"color": color, "marker": marker, "linewidth": width, "label": label}
        axes.errorbar(claimed[seen], value[seen], yerr=errors, elinewidth=0.8, **style)
        unseen = ~seen & np.isfinite(low)
        style = {"fmt": "none", "ecolor": color, "elinewidth": 0.8}
        axes.errorbar(claimed[unseen], low[unseen], yerr=0.08 * right, lolims=True, **style)
    # Enough above the highest point for its interval, not for one that is open at the top.
    finite = [float(_log_odds(np.array(row["measured"]))) for row in wrong if 0 < row["measured"] < 1]
    top, bottom = 1.3 * max([1.0, *finite]), min([0.0, *finite])
    axes.plot([0, max(right, top)], [0, max(right, top)], color="grey", linewidth=1, label="calibrated")
    for share in PROBABILITIES:
        height = float(_log_odds(np.array(share)))
        if height < top:
            axes.axhline(height, color="grey", linewidth=0.5, alpha=0.5)
            axes.text(0.01 * right, height, f"{100 * share:g} %", fontsize=6.5, color="#555555", va="bottom")
    axes.set(xlim=(0, right), ylim=(bottom, top))
    axes.set(xlabel="mean |LLR|: claimed log-odds", ylabel="measured log-odds")
    axes.grid(visible=False)


def plot_information(axes: Axes, information: Rows, snr_db: float | None) -> None:
    """Mutual information of the bit channel over SNR beside the capacity, with a line at the chosen SNR."""
    for path, (label, color, marker, width) in CALIBRATED.items():
        own = [row for row in information if row["path"] == path]
        if own:
            plot_band(axes, own, color=color, marker=marker, linewidth=width, label=label)
    capacity = {row["snr_db"]: row["capacity"] for row in by_snr(information) if row["capacity"] is not None}
    if capacity:
        line: dict[str, Any] = {"color": "black", "linestyle": "--", "marker": "."}
        axes.plot(list(capacity), list(capacity.values()), label="BICM capacity", **line)
    if snr_db is not None:
        axes.axvline(snr_db, color="grey", linestyle=":", linewidth=1)
    axes.set(xlabel=SNR_LABEL, ylabel="mutual information per bit")
    axes.set_ylim(0, 1.03)


def calibration_figure(bins: Rows, information: Rows, snr_db: float, stacked: bool) -> Figure:
    """Reliability of the LLRs at one SNR beside mutual information over SNR.

    Args:
        bins: of the calibration at that SNR.
        information: at every SNR.
        snr_db: the SNR.
        stacked: one panel above the other, for narrow screens.
    """
    figure = Figure(figsize=(3.7, 5.7) if stacked else (6.2, 3.0))
    edges = {"left": 0.14, "bottom": 0.19} if stacked else {"left": 0.08, "bottom": 0.31}
    figure.subplots_adjust(right=0.98, top=0.97, wspace=0.28, hspace=0.3, **edges)
    reliability, curve = figure.subplots(*((2, 1) if stacked else (1, 2)))
    plot_reliability(reliability, bins)
    plot_information(curve, information, snr_db)
    legend_of_figure(figure, 2 if stacked else 4)
    return figure


def history_figure(history: Mapping[str, Any]) -> Figure:
    """Mismatch by stage and epoch as a map of colours, with a line where phase 2 starts."""
    stages, epochs = history["stages"], history["epochs"]
    values = np.array(list(stages.values()), dtype=float).reshape(len(stages), len(epochs))
    positive = values[values > 0]
    least, most = (positive.min(), positive.max()) if positive.size else (0.1, 1.0)
    figure = Figure(figsize=(4.6, 0.9 + 0.24 * max(len(stages), 4)))
    figure.subplots_adjust(left=0.22, right=0.96, top=0.97, bottom=0.2)
    axes = figure.add_subplot()
    axes.set_facecolor("#dddddd")
    image = axes.imshow(
        # A stage without any mismatch has the colour of the least one.
        np.where(values == 0, least, values),
        extent=(epochs[0] - 0.5, epochs[-1] + 0.5, len(stages) - 0.5, -0.5),
        aspect="auto",
        cmap="cividis",
        norm=LogNorm(least, most if most > least else 10 * least),
        interpolation="none",
    )
    bar = figure.colorbar(image, ax=axes, pad=0.02, label="relative mismatch")
    plain_log_ticks(bar.ax.yaxis, most / least)
    start = history["alignment_start_epoch"]
    if start is not None and epochs[0] < start <= epochs[-1]:
        axes.axvline(start - 0.5, color="white", linewidth=2.5)
        axes.axvline(start - 0.5, color="#d55e00", linewidth=1.2)
    axes.set_yticks(range(len(stages)), [STAGES.get(stage, printable(stage)) for stage in stages])
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(visible=False)
    return figure
