"""`linksim compare`: trainings side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.table import Table

from linksim import files, provenance
from linksim.arguments import parse
from linksim.console import console, table_of
from linksim_benchmarks import output
from linksim_benchmarks.compare import compare, load_run
from linksim_benchmarks.pictures.compare import compare_picture

PERCENT = ("hard", "hard_map", "soft", "gap", "noiseless")


@dataclass(kw_only=True)
class CompareOptions:
    """Compare finished runs of linksim train; those that differ in their seed alone are averaged.

    Test accuracies are those of the deployed checkpoint (best hard validation epoch); figures of the last
    epoch are on validation data. Intervals are Student's over the runs of a row.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""
    out: Path = Path("runs/compare")
    """Folder for compare.csv, compare.json and compare.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim compare`."""
    options = parse(CompareOptions, arguments, "compare")
    if not options.runs:
        raise ValueError("nothing to compare: give the folders of finished runs of linksim train")
    files.check_writable(options.out / "compare.json", options.json)
    rows = compare([load_run(folder) for folder in options.runs])
    card = provenance.card(None, "sionna", {"runs": [str(folder) for folder in options.runs]})
    paths = output.write_results(options.out, "compare", rows, card, options.json)
    paths.append(compare_picture(rows, options.out / "compare.png"))
    target = console(options.quiet)
    target.print(table(rows))
    for row in rows:
        if row["warnings"]:
            target.print(f"Warnings by number of runs, {row['settings']}: {row['warnings']}")
    target.print("Written: " + ", ".join(map(str, paths)))


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows as a table in percent, with half-widths of the intervals."""
    columns = [
        "settings",
        "runs",
        *(name.replace("_", " ") for name in PERCENT),
        "last hard",
        "below best",
        "perplexity",
    ]
    cells = [
        [
            row["settings"],
            str(row["runs"]),
            *(_percent(row, name) for name in PERCENT),
            f"{100 * row['last_hard']:.1f}",
            f"{100 * row['below_best']:.1f}",
            f"{row['perplexity']:.1f}",
        ]
        for row in rows
    ]
    return table_of("Test accuracy in percent; last epoch on validation data", columns, cells)


def _percent(row: dict[str, Any], name: str) -> str:
    value, high = row[name], row[f"{name}_high"]
    if value is None:
        return "–"
    return f"{100 * value:.1f}" + ("" if high is None else f" ±{100 * (high - value):.1f}")
