"""Learning curves, setting by setting."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from linksim_benchmarks.agents.evaluation import STEPS
from linksim_benchmarks.pictures.style import COLORS, LINES, TWO_COLUMNS, picture_style

MOST_ACROSS = 3


def learning_figure(curves: Sequence[dict[str, Any]]) -> Figure:
    """A panel for each setting: mean return against steps of training, with the band of its interval.

    Args:
        curves: rows of learning curves, setting by setting.
    """
    settings = list(dict.fromkeys(row["setting"] for row in curves))
    agents = list(dict.fromkeys(row["agent"] for row in curves))
    across = min(MOST_ACROSS, len(settings))
    down = -(-len(settings) // across)
    with picture_style():
        figure = Figure(figsize=(TWO_COLUMNS, 1.9 * down + 0.3), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False)
        for axes in panels.flat[len(settings) :]:
            axes.set_axis_off()
        for axes, setting in zip(panels.flat, settings, strict=False):
            for number, agent in enumerate(agents):
                own = [row for row in curves if row["setting"] == setting and row["agent"] == agent]
                steps = [row["steps"] for row in own]
                color, line = COLORS[number % len(COLORS)], LINES[number % len(LINES)]
                axes.plot(steps, [row["mean_return"] for row in own], color=color, ls=line, label=agent)
                low, high = ([row[end] for row in own] for end in ("low", "high"))
                axes.fill_between(steps, low, high, color=color, alpha=0.15, lw=0)
            axes.set_title(setting)
            axes.set_xlabel("steps of training")
        for axes in panels[:, 0]:
            axes.set_ylabel(f"mean return of {STEPS} steps")
        panels[0, 0].legend()
    return figure
