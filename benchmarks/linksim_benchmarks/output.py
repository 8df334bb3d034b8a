"""What commands write and show: rows as CSV, JSON and tables, and progress."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from linksim import files

WIDTH_OF_FILES = 120

Rows = Sequence[Mapping[str, Any]]


def write_csv(path: Path, rows: Rows) -> None:
    """Write rows as CSV, with a line of column names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(path, text.getvalue())


def write_results(
    out: Path, name: str, rows: Rows, provenance: Mapping[str, Any], json: Path | None, csv_too: bool = True
) -> list[Path]:
    """Write `NAME.json` (rows and provenance) and `NAME.csv` into a folder, and the JSON once more elsewhere.

    Args:
        out: the folder.
        name: of the result.
        rows: dictionaries with equal keys.
        provenance: the card that says where they come from.
        json: another place for the JSON, or None.
        csv_too: whether to write the CSV.

    Returns:
        the paths written.
    """
    content = {"rows": list(rows), "provenance": provenance}
    paths = [out / f"{name}.json", *([json] if json is not None else [])]
    for path in paths:
        files.write_json(path, content)
    if csv_too:
        paths.append(out / f"{name}.csv")
        write_csv(paths[-1], rows)
    return paths


def console(quiet: bool) -> Console:
    """Where a command prints; nothing if quiet. Files and pipes get lines long enough for every table."""
    target = Console(quiet=quiet, soft_wrap=True, highlight=False, markup=False)
    if not target.is_terminal:
        target.width = max(target.width, WIDTH_OF_FILES)
    return target


def progress_on(target: Console) -> Progress:
    """A progress bar, shown on terminals only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = target.is_terminal and not target.quiet
    return Progress(*columns, console=target, transient=True, disable=not shown)


def table_of(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """A table with right-aligned columns after the first."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    return table
