"""What commands write: rows as CSV and JSON."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from linksim import files

Rows = Sequence[Mapping[str, Any]]


def check_places(written: Sequence[Path], json: Path | None) -> None:
    """Refuse early what could not be written in the end, and a `--json` that would replace another result.

    Args:
        written: paths of the results.
        json: another place for the JSON, or None.

    Raises:
        ValueError: if that is one of those paths.
        OSError: as `linksim.files.check_writable` raises it.
    """
    files.check_writable(*written, json)
    if json is not None and json.resolve() in [path.resolve() for path in written]:
        raise ValueError(f"--json {json} is written or read anyway: leave it out, or give another file")


def write_csv(path: Path, rows: Rows) -> None:
    """Write rows as CSV, with a line of column names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(path, text.getvalue())


def write_results(
    out: Path,
    name: str,
    rows: Rows,
    provenance: Mapping[str, Any],
    json: Path | None,
    csv_too: bool = True,
    beside: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write `NAME.json` (rows and provenance) and `NAME.csv` into a folder, and the JSON once more elsewhere.

    Args:
        out: the folder.
        name: of the result.
        rows: dictionaries with equal keys.
        provenance: the card that says where they come from.
        json: another place for the JSON, or None.
        csv_too: whether to write the CSV.
        beside: what else the JSON holds.

    Returns:
        the paths written.
    """
    content = {"rows": list(rows), **(beside or {}), "provenance": provenance}
    paths = [out / f"{name}.json", *([json] if json is not None else [])]
    for path in paths:
        files.write_json(path, content)
    if csv_too:
        paths.append(out / f"{name}.csv")
        write_csv(paths[-1], rows)
    return paths
