"""What a training run leaves on disk."""

import json
from pathlib import Path
from typing import Any

from linksim import files
from linksim_training.checkpoints import save_checkpoint
from linksim_training.model import SemanticModel

RUN_FILES = (
    "config.json",
    "metrics.jsonl",
    "summary.json",
    *(f"checkpoints/{name}_model.pt" for name in ("best", "best_hard", "last")),
)
"""What makes a folder hold a run."""

RESULT_FILES = tuple(
    f"{name}.{kind}" for name in ("audit", "ber", "accuracy") for kind in ("json", "csv", "png")
)
"""What other commands may have made of that run, and which is not true of the next."""


class RunFolder:
    """`config.json`, `metrics.jsonl`, `summary.json`, `checkpoints/` and TensorBoard events.

    Args:
        path: of the folder, made if missing.
        overwrite: remove an earlier run's files, at the first write, instead of refusing.

    Raises:
        FileExistsError: if the folder holds a run and `overwrite` is off.
    """

    def __init__(self, path: str | Path, overwrite: bool = False) -> None:
        self.path = Path(path)
        held = [self.path / name for name in RUN_FILES if (self.path / name).is_file()]
        if held and not overwrite:
            raise FileExistsError(
                f"{self.path} already holds a run ({held[0].name}): choose another --run-dir, "
                "or add --overwrite"
            )
        results = [self.path / name for name in RESULT_FILES if held and (self.path / name).is_file()]
        self._outdated = [*held, *results, *(self.path / "tensorboard").glob("events.out.tfevents.*")]
        self._rows: list[dict[str, Any]] = []
        self._best: dict[str, float] = {}
        self._events: Any = None

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    def _begin(self) -> None:
        for one in self._outdated:
            one.unlink()
        self._outdated = []

    def write_config(self, config: dict[str, Any]) -> None:
        """Write `config.json`."""
        self._begin()
        files.write_json(self.path / "config.json", config)

    def add_epoch(self, model: SemanticModel, row: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Log an epoch and write checkpoints: the last, and the best so far of each path on validation data.

        `best_model.pt` has the best soft path, for soft inference; `best_hard_model.pt` the best hard path,
        the one to deploy. The earliest of equals is kept.
        """
        self._begin()
        self._rows.append(row)
        lines = (json.dumps(one, allow_nan=False) for one in self._rows)
        files.write_text(self.path / "metrics.jsonl", "".join(line + "\n" for line in lines))
        self._write_events(row)
        metadata = {**metadata, "epoch": row["epoch"], "val": row["val"]}
        save_checkpoint(self.checkpoints / "last_model.pt", model, metadata)
        for name, figure in (("best_model", "soft_accuracy"), ("best_hard_model", "hard_accuracy")):
            if row["val"][figure] > self._best.get(name, -1.0):
                self._best[name] = row["val"][figure]
                save_checkpoint(self.checkpoints / f"{name}.pt", model, metadata)

    def _write_events(self, row: dict[str, Any]) -> None:
        if self._events is None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(self.path / "tensorboard"))
        for part in ("train", "val", "mismatch"):
            for name, value in row[part].items():
                self._events.add_scalar(f"{part}/{name}", value, row["epoch"])
        for name in ("vq_temp", "symbol_temp", "lr"):
            self._events.add_scalar(f"schedule/{name}", row[name], row["epoch"])
        self._events.flush()

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write `summary.json` and close the events."""
        files.write_json(self.path / "summary.json", summary)
        self._events.close()
