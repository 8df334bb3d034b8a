"""Pictures of an episode, as pixels or in a window."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RENDER_MODES = ["human", "rgb_array"]
RENDER_FPS = 4
SIZE_INCHES = (9.6, 3.2)
DPI = 100
BLUE, ORANGE, GREY, INK = "#2a78d6", "#d0603a", "#b8b6b0", "#3a3a38"


def check_render_mode(mode: Any) -> str | None:
    """Return the mode if there is such a one.

    Raises:
        ValueError: if there is not.
    """
    if mode is not None and mode not in RENDER_MODES:
        raise ValueError(f"render_mode must be None or one of {', '.join(RENDER_MODES)}, got {mode!r}")
    return mode


class Display:
    """Turns figures into pixels, and shows them in one window."""

    def __init__(self) -> None:
        self._image: Any = None

    def pixels(self, figure: "Figure") -> NDArray[np.uint8]:
        """[height, width, 3] of a figure."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()

    def show(self, figure: "Figure") -> None:
        """Show a figure for a moment; without a screen, nothing is shown."""
        import matplotlib.pyplot as plt
        from matplotlib.backends.registry import BackendFilter, backend_registry

        if plt.get_backend().lower() not in backend_registry.list_builtin(BackendFilter.INTERACTIVE):
            return
        pixels = self.pixels(figure)
        if self._image is None:
            window = plt.figure(figsize=SIZE_INCHES, dpi=DPI)
            axes = window.add_axes((0.0, 0.0, 1.0, 1.0))
            axes.set_axis_off()
            self._image = axes.imshow(pixels)
        self._image.set_data(pixels)
        plt.pause(1 / RENDER_FPS)

    def close(self) -> None:
        """Close the window."""
        if self._image is not None:
            import matplotlib.pyplot as plt

            plt.close(self._image.figure)
            self._image = None


def panels(count: int, title: str) -> "tuple[Figure, Sequence[Axes]]":
    """A figure with panels beside each other, outside of pyplot's list of windows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=10, color=INK)
    axes = figure.subplots(1, count, squeeze=False)[0]
    for one in axes:
        one.tick_params(labelsize=8, colors=INK)
        for side in ("top", "right"):
            one.spines[side].set_visible(False)
    return figure, axes


def constellation_panel(axes: "Axes", points: Any, received: Any, title: str) -> None:
    """Constellation points, and what was received after equalization.

    Args:
        axes: to draw on.
        points: [M] complex.
        received: [S] complex, or None before the first frame.
        title: above.
    """
    if received is not None:
        axes.plot(received.real, received.imag, "o", ms=3, color=BLUE, alpha=0.5, label="received")
    axes.plot(points.real, points.imag, "+", ms=6, color=ORANGE, label="points")
    reach = 1.6 * float(np.abs(np.stack([points.real, points.imag])).max())
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xlabel("in phase", fontsize=8, color=INK)
    axes.set_ylabel("quadrature", fontsize=8, color=INK)


def curve_panel(
    axes: "Axes", curves: Sequence[tuple[str, Sequence[float], str]], title: str, label: str, steps: int
) -> None:
    """Values against the step.

    Args:
        axes: to draw on.
        curves: name, values and colour of each; NaN leaves a gap.
        title: above.
        label: of the vertical axis.
        steps: of an episode.
    """
    for name, values, colour in curves:
        axes.plot(range(len(values)), values, "-", lw=1.2, color=colour, label=name)
    axes.set_xlim(0, steps)
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xlabel("step", fontsize=8, color=INK)
    axes.set_ylabel(label, fontsize=8, color=INK)
    if len(curves) > 1:
        axes.legend(fontsize=7, frameon=False)
