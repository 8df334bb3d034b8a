"""Returns of policies, setting by setting."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from linksim_benchmarks.agents.evaluation import STEPS
from linksim_benchmarks.pictures.style import BLUE, GREY, TWO_COLUMNS, picture_style

REWARDS = {
    "LinkAdaptation": "bits per symbol",
    "SemanticRate": "reward per frame",
    "Transmit": "reward per frame",
    "Labelling": "reward per frame",
}
"""What a reward is, by environment."""


def comparison_figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """A panel for each setting: the difference to the reference per step, in pairs, with its interval.

    Args:
        rows: of `linksim train-agent`, setting by setting.
    """
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    across = min(3, len(settings))
    down = -(-len(settings) // across)
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    with picture_style():
        height = down * (0.5 + 0.16 * len(policies)) + 0.4
        figure = Figure(figsize=(TWO_COLUMNS, height), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False, sharey=True)
        for axes in panels.flat[len(settings) :]:
            axes.set_axis_off()
        for axes, title in zip(panels.flat, settings, strict=False):
            own = [row for row in rows if row["setting"] == title]
            for row in own:
                centre, low, high = (
                    row[name] / STEPS for name in ("difference", "difference_low", "difference_high")
                )
                place = len(policies) - policies.index(row["policy"])
                axes.plot([low, high], [place, place], "-", color=BLUE, lw=1.4)
                axes.plot([centre], [place], "o", color=BLUE, ms=3.2)
            axes.axvline(0, color=GREY, lw=0.8)
            axes.set_title(title)
            axes.set_yticks([len(policies) - number for number in range(len(policies))], policies)
        for axes in panels[-1]:
            axes.set_xlabel(f"{REWARDS[rows[0]['env']]}, minus {rows[0]['reference']}")
    return figure
