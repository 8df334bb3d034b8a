"""A picture of an episode of `linksim/LinkAdaptation-v0`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from linksim_envs.rendering import BLUE, GREY, INK, ORANGE, constellation_panel, curve_panel, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture(
    past: Sequence[tuple[float, float, int, bool]],
    received: NDArray[Any] | None,
    points: NDArray[Any],
    labels: Sequence[str],
    mean_db: float,
    steps: int,
) -> "Figure":
    """Constellation, SNR, and what was sent and acknowledged.

    Args:
        past: for each slot so far its SNR and the report before it in dB, the scheme, whether it arrived.
        received: [S] complex, equalized, of the last slot; None before the first.
        points: [M] complex of the last scheme.
        labels: of the schemes.
        mean_db: of the episode.
        steps: of an episode.
    """
    figure, axes = panels(3, f"mean Es/N0 {mean_db:.1f} dB")
    constellation_panel(axes[0], points, received, labels[past[-1][2]] if past else "no slot yet")
    curves = [("true", [slot[0] for slot in past], BLUE), ("report", [slot[1] for slot in past], GREY)]
    curve_panel(axes[1], curves, "SNR", "dB", steps)
    right = axes[2]
    for arrived, name, colour in ((True, "ACK", BLUE), (False, "NACK", ORANGE)):
        slots = [number for number, slot in enumerate(past) if slot[3] == arrived]
        right.plot(slots, [past[number][2] for number in slots], "o", ms=3, color=colour, label=name)
    right.set_xlim(0, steps)
    right.set_ylim(-0.5, len(labels) - 0.5)
    right.set_yticks(range(len(labels)), labels, fontsize=7)
    rate = sum(slot[3] for slot in past) / max(len(past), 1)
    right.set_title(f"{len(past)} slots, {100 * rate:.0f} % arrived", fontsize=9, color=INK)
    right.set_xlabel("step", fontsize=8, color=INK)
    right.legend(fontsize=7, frameon=False, loc="lower right")
    return figure
