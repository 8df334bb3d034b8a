"""Pictures as files: the same figure gives the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from matplotlib.figure import Figure

from linksim import checks, files
from linksim_benchmarks.pictures.style import picture_style

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
DPI = 200
UNDATED: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    return _write(figure, path, "png")


def save_all(figure: Figure, stem: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a figure in several formats, with the same layout in all.

    Args:
        figure: the layout is settled here, and stays.
        stem: path without an ending.
        formats: of "png", "svg", "pdf".

    Returns:
        the paths written.

    Raises:
        ValueError: if there is no such format, or none is given.
    """
    if not formats:
        raise ValueError(f"formats must name at least one of {', '.join(FORMATS)}, got none")
    wanted = [checks.one_of("formats", name, FORMATS) for name in dict.fromkeys(formats)]
    with picture_style():
        figure.draw_without_rendering()
    # Settled anew for each format, the layout would depend on the formats written before.
    figure.set_layout_engine("none")
    return [_write(figure, stem.with_name(f"{stem.name}.{name}"), name) for name in wanted]


def _write(figure: Figure, path: Path, name: str) -> Path:
    with picture_style(), files.whole(path) as aside:
        figure.savefig(aside, dpi=DPI, format=name, metadata=UNDATED[name])
    return path
