"""An audit at a glance: one picture of the first checkpoint."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linksim_benchmarks.audit.figures import (
    MEASURES,
    figure_style,
    legend_below,
    plot_accuracy,
    plot_attribution,
    plot_mismatch,
)
from linksim_benchmarks.audit.sections import Audited, Row
from linksim_benchmarks.audit.signal_figures import plot_information, plot_reliability
from linksim_benchmarks.audit.tables import decibels
from linksim_benchmarks.pictures.save import save

COLUMNS = 3


def audit_png(result: Mapping[str, Any], path: Path) -> Path:
    """Write mismatch, accuracy, attribution and calibration of the first checkpoint as PNG.

    Attribution and reliability are those at the SNR where soft and hard accuracy differ most. What has no
    data is left out.

    Args:
        result: what `linksim audit` measured, as `audit.json` holds it.
        path: of the picture.
    """
    with figure_style():
        panels = _panels(result)
        rows = max(1, -(-len(panels) // COLUMNS))
        figure = Figure(figsize=(3.8 * COLUMNS, 3.4 * rows), layout="constrained")
        for number, (title, draw) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(rows, COLUMNS, number)
            draw(axes)
            axes.set_title(title, fontsize="large")
        return save(figure, path)


def _panels(result: Mapping[str, Any]) -> dict[str, Callable[[Axes], None]]:
    audited = Audited(result)
    rows, attribution, information = (audited.of(kind, 0) for kind in ("rows", "attribution", "information"))
    snr = largest_gap(rows)
    bins = [] if snr is None else audited.of("calibration", 0, snr)
    found: dict[str, Callable[[Axes], None]] = {}
    if rows:
        found["Mismatch of each stage"] = lambda axes: plot_mismatch(axes, rows)
        trained = result["checkpoints"][0]["trained_snr_db"]
        found["Accuracy"] = lambda axes: plot_accuracy(axes, rows, trained)
    for measure in MEASURES:
        if snr is not None and any(row["measure"] == measure for row in attribution):
            title = f"What each place adds to {measure.replace('_', '-')}, at {decibels(snr)}"
            found[title] = lambda axes, measure=measure: plot_attribution(axes, attribution, snr, measure)
    if bins and snr is not None:
        found[f"Are the LLRs right? At {decibels(snr)}"] = lambda axes: _with_legend(
            axes, plot_reliability, bins
        )
    if information:
        found["Mutual information"] = lambda axes: _with_legend(axes, plot_information, information, snr)
    return found


def _with_legend(axes: Axes, plot: Callable[..., None], *data: Any) -> None:
    plot(axes, *data)
    legend_below(axes, 2)


def largest_gap(rows: list[Row]) -> float | None:
    """The SNR at which soft and hard accuracy differ most, None if that was not measured."""
    gaps = [row for row in rows if row["metric"] == "gap" and row["value"] is not None]
    return max(gaps, key=lambda row: abs(row["value"]))["snr_db"] if gaps else None
