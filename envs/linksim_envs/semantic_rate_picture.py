"""A picture of an episode of `linksim/SemanticRate-v0`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Sent:
    """The last frame.

    Attributes:
        mode: name of its mode.
        points: [M] complex constellation.
        received: [S] complex symbols behind the header, equalized.
        label: of its image.
        found: class that the receiver took it for.
    """

    mode: str
    points: NDArray[Any]
    received: NDArray[Any]
    label: int
    found: int


def picture(
    last: Sent | None,
    pixels: NDArray[Any],
    label: int,
    snr_db: float,
    past: Sequence[tuple[int, bool]],
    symbols: NDArray[np.int64],
    steps: int,
) -> "Figure":
    """Constellation of the last frame, the coming image, and what the frames so far cost.

    Args:
        last: frame, None before the first.
        pixels: [c, h, w] of the coming image.
        label: of the coming image.
        snr_db: Es/N0 of the coming frame in dB.
        past: mode of each frame so far, and whether its class was right.
        symbols: [modes] of a frame in each mode.
        steps: of an episode.
    """
    from linksim_envs.rendering import BLUE, INK, ORANGE, constellation_panel, panels

    figure, axes = panels(3, f"coming frame at {snr_db:.1f} dB Es/N0")
    if last is None:
        axes[0].set_title("no frame yet", fontsize=9, color=INK)
        axes[0].set_axis_off()
    else:
        title = f"{last.mode}: {last.label} taken for {last.found}"
        constellation_panel(axes[0], last.points, last.received, title)
    shown = np.moveaxis(pixels[:3], 0, -1) if len(pixels) >= 3 else pixels[0]
    axes[1].imshow(shown, cmap="gray_r", interpolation="nearest")
    axes[1].set_title(f"coming image, class {label}", fontsize=9, color=INK)
    axes[1].set_axis_off()
    right = axes[2]
    for correct, name, colour in ((True, "right", BLUE), (False, "wrong", ORANGE)):
        frames = [number for number, frame in enumerate(past) if frame[1] == correct]
        costs = [symbols[past[number][0]] for number in frames]
        right.plot(frames, costs, "o", ms=3, color=colour, label=name)
    right.set_xlim(0, steps)
    right.set_ylim(0, 1.1 * float(symbols.max()))
    right.set_xlabel("step", fontsize=8, color=INK)
    right.set_ylabel("symbols", fontsize=8, color=INK)
    right.legend(fontsize=7, frameon=False, loc="lower right")
    title = "symbols of each frame"
    if past:
        accuracy = np.mean([correct for _, correct in past])
        mean = np.mean([symbols[mode] for mode, _ in past])
        title = f"{100 * accuracy:.0f} % right, {mean:.1f} symbols on average"
    right.set_title(title, fontsize=9, color=INK)
    return figure
