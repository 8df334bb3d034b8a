"""Pictures of results, drawn without a display and written whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from linksim import files

Rows = Sequence[Mapping[str, Any]]
PATH_LABELS = {"hard": "hard (deployed)", "map": "hard, MAP receiver", "soft": "soft (surrogate)"}


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    with files.whole(path) as aside:
        figure.savefig(aside, dpi=150, format="png")
    return path


def accuracy_picture(rows: Rows, path: Path, trained_at: float | None = None) -> Path:
    """Accuracy against Es/N0, a line with a band per path."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name in dict.fromkeys(row["path"] for row in rows):
        own = sorted((row for row in rows if row["path"] == name), key=lambda row: row["snr_db"])
        snr = [row["snr_db"] for row in own]
        (line,) = axes.plot(snr, [100 * row["accuracy"] for row in own], marker="o", label=PATH_LABELS[name])
        low, high = ([100 * row[end] for row in own] for end in ("low", "high"))
        axes.fill_between(snr, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    if trained_at is not None:
        axes.axvline(trained_at, color="grey", linestyle=":", label=f"trained at {trained_at:g} dB")
    axes.set(xlabel="Es/N0 in dB", ylabel="test accuracy in %", title="Accuracy, with 95 % intervals")
    axes.grid(alpha=0.3)
    axes.legend()
    return save(figure, path)


def ber_picture(rows: Rows, path: Path) -> Path:
    """Bit error rate against Eb/N0: closed form as lines, simulation as points with intervals.

    A point without errors is an arrow that hangs from its upper bound.
    """
    channels = list(dict.fromkeys(row["channel"] for row in rows))
    figure = Figure(figsize=(6 * len(channels), 4.5), layout="constrained")
    for axes, channel in zip(figure.subplots(1, len(channels), squeeze=False)[0], channels, strict=True):
        of_channel = [row for row in rows if row["channel"] == channel]
        for number, bits in enumerate(dict.fromkeys(row["bits_per_symbol"] for row in of_channel)):
            own = sorted(
                (row for row in of_channel if row["bits_per_symbol"] == bits), key=lambda row: row["ebno_db"]
            )
            color = f"C{number}"
            axes.plot([r["ebno_db"] for r in own], [r["theory"] for r in own], color=color, linewidth=1)
            seen = [row for row in own if row["bit_errors"]]
            unseen = [row for row in own if not row["bit_errors"]]
            errors = [[r["ber"] - r["low"] for r in seen], [r["high"] - r["ber"] for r in seen]]
            axes.errorbar(
                [r["ebno_db"] for r in seen],
                [r["ber"] for r in seen],
                yerr=errors,
                fmt="o",
                markersize=4,
                capsize=2,
                color=color,
                label=f"{2**bits}-QAM",
            )
            axes.errorbar(
                [r["ebno_db"] for r in unseen],
                [r["high"] for r in unseen],
                yerr=[0.5 * r["high"] for r in unseen],
                uplims=True,
                fmt="none",
                color=color,
            )
        axes.set(xlabel="Eb/N0 in dB", ylabel="bit error rate", yscale="log", title=f"Uncoded, {channel}")
        axes.grid(alpha=0.3)
        axes.legend(title="lines: closed form")
    return save(figure, path)


MISMATCH = {
    "vq_nmse": "codewords (VQ)",
    "symbol_nmse": "symbols",
    "llr_nmse": "LLRs",
    "embedding_nmse": "embedding",
    "feature_nmse": "receiver features",
}


def audit_picture(rows: Rows, path: Path) -> Path:
    """Mismatch of each stage against Es/N0, and accuracy of both paths beside it."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for metric, label in MISMATCH.items():
        _line(left, rows, metric, label, 1.0)
    left.set(
        xlabel="Es/N0 in dB",
        ylabel="relative energy of soft minus hard",
        yscale="log",
        title="Mismatch by stage",
    )
    for metric, label in (("hard_accuracy", PATH_LABELS["hard"]), ("soft_accuracy", PATH_LABELS["soft"])):
        _line(right, rows, metric, label, 100.0)
    right.set(xlabel="Es/N0 in dB", ylabel="accuracy in %", title="What it costs")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    return save(figure, path)


def _line(axes: Any, rows: Rows, metric: str, label: str, scale: float) -> None:
    own = sorted((row for row in rows if row["metric"] == metric), key=lambda row: row["snr_db"])
    if not own:
        return
    snr = [row["snr_db"] for row in own]
    (line,) = axes.plot(snr, [scale * row["value"] for row in own], marker="o", label=label)
    low, high = ([scale * row[end] for row in own] for end in ("low", "high"))
    axes.fill_between(snr, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
