"""What pictures have in common: sizes for a column of a paper, colours, markers, line styles, labels."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.typing import LineStyleType

Rows = Sequence[Mapping[str, Any]]

ONE_COLUMN, TWO_COLUMNS = 3.5, 7.16
"""Widths of a figure in a paper of two columns, in inches."""

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
)
COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Of Okabe and Ito, told apart with any colour vision; their yellow is left out, too pale for thin lines."""
GREY = "#555555"
MARKERS = ("o", "s", "^", "D", "P", "*", "X", "<", "p", ">")
CROSSES = ("+", "x", "1", "2")
LINES: tuple[LineStyleType, ...] = (
    "-",
    (0, (4, 1.5)),
    (0, (4, 1.2, 1, 1.2)),
    (0, (1, 1)),
    (0, (7, 1.5, 1, 1.5, 1, 1.5)),
)
PATH_LABELS = {"hard": "hard (deployed)", "map": "hard, MAP receiver", "soft": "soft (surrogate)"}
PATH_COLORS = {"hard": BLUE, "soft": VERMILLION, "map": GREEN}


@dataclass(frozen=True)
class Look:
    """How a curve is drawn; the marker tells curves apart where there are no colours."""

    color: str
    marker: str = "o"
    line: LineStyleType = "-"


@contextmanager
def picture_style() -> Iterator[None]:
    """Type that can be read in a column, and files that hold text as text.

    Text of SVG stays text, so that it can be searched, read aloud and edited; PDF embeds its fonts whole as
    outlines that printers take (TrueType), so that it looks the same everywhere.
    """
    style: dict[Any, Any] = {
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "legend.frameon": False,
        "legend.handlelength": 2.6,
        "legend.columnspacing": 1.2,
        "axes.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.linewidth": 0.4,
        "grid.alpha": 0.4,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "ytick.minor.width": 0.4,
        "lines.linewidth": 1.1,
        "lines.markersize": 4,
        "lines.markeredgewidth": 0.8,
        "svg.fonttype": "none",
        "svg.hashsalt": "linksim",
        "pdf.fonttype": 42,
    }
    with rc_context(style), warnings.catch_warnings():
        # The font that measures the text may lack letters of a label; the reader's has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def plain(text: str) -> str:
    """A label as it is: dollar signs do not begin a formula, and what SVG cannot hold becomes a space."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("$", r"\$")
