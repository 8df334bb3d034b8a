"""How the mismatch of each stage went over a training."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

METRICS = ("vq_nmse", "symbol_nmse", "received_nmse", "llr_nmse", "embedding_nmse", "feature_nmse")
"""Figures of a row of `metrics.jsonl` that stand for a stage each, in the order of the chain."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`.

    Raises:
        ValueError: naming the file, if it cannot be read.
    """
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


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
    path = checkpoint.absolute().parent.parent / "metrics.jsonl"
    return history(read_rows(path)) if path.is_file() else None
