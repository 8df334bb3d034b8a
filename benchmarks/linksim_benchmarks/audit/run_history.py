"""How the mismatch of each stage went over a training."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linksim import checks

METRICS = ("vq_nmse", "symbol_nmse", "received_nmse", "llr_nmse", "embedding_nmse", "feature_nmse")
"""Figures of a row of `metrics.jsonl` that stand for a stage each, in the order of the chain."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`.

    Raises:
        ValueError: naming the file and the line, if it is no such file.
    """
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = json.loads(line)
            _check(row)
        except (RecursionError, ValueError) as error:
            reason = checks.one_line(error)
            raise ValueError(
                f"{path} is no metrics.jsonl of linksim train: line {number}: {reason}"
            ) from error
        rows.append(row)
    return rows


def _check(row: Any) -> None:
    if not isinstance(row, dict) or not isinstance(row.get("epoch"), int):
        raise ValueError("it has no epoch")
    mismatch = row.get("mismatch", {})
    if not isinstance(mismatch, dict):
        raise ValueError("its mismatch is no set of figures")
    for metric in METRICS:
        value = mismatch.get(metric)
        if value is not None and not (isinstance(value, (int, float)) and math.isfinite(value)):
            raise ValueError(f"{metric} is {value!r}, no finite number")


def history(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Mismatch by stage and epoch; None without rows.

    Returns:
        epochs; alignment_start_epoch, the first of phase 2, or None; stages: figure → its values by epoch.
    """
    if not rows:
        return None
    aligned = [row["epoch"] for row in rows if row.get("phase") == "ALIGNMENT"]
    return {
        "epochs": [row["epoch"] for row in rows],
        "alignment_start_epoch": min(aligned, default=None),
        "stages": {metric: [row.get("mismatch", {}).get(metric) for row in rows] for metric in METRICS},
    }


def history_of(checkpoint: Path) -> dict[str, Any] | None:
    """History of the run that a checkpoint lies in; None if its folder has none.

    Raises:
        ValueError: if there is a `metrics.jsonl` that cannot be read.
    """
    path = checkpoint.resolve().parent.parent / "metrics.jsonl"
    return history(read_rows(path)) if path.is_file() else None
