"""What commands show: text, tables, progress."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

WIDTH_OF_FILES = 160


def console(quiet: bool = False) -> Console:
    """Where a command prints; nothing if quiet. Files and pipes get lines long enough for every table."""
    target = Console(quiet=quiet, soft_wrap=True, highlight=False, markup=False)
    if not target.is_terminal:
        target.width = max(target.width, WIDTH_OF_FILES)
    return target


def progress_on(target: Console) -> Progress:
    """Progress bars, shown on terminals only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = target.is_terminal and not target.quiet
    return Progress(*columns, console=target, transient=True, disable=not shown)


def table_of(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """A table with right-aligned columns after the first.

    Args:
        title: above it.
        columns: their heads.
        cells: one sequence per row, as long as `columns`.
    """
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    return table
