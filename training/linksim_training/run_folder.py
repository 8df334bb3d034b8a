"""What a training run leaves on disk."""

import json
from pathlib import Path
from typing import Any

from linksim import files
from linksim_training import state as training_state
from linksim_training.build import AnyModel
from linksim_training.checkpoints import save_checkpoint
from linksim_training.events import Events

RUN_FILES = (
    "config.json",
    "metrics.jsonl",
    "summary.json",
    *(f"checkpoints/{name}_model.pt" for name in ("best", "best_hard", "last")),
    f"checkpoints/{training_state.FILE}",
)
"""What makes a folder hold a run."""

BEST = {"best_model": "soft_accuracy", "best_hard_model": "hard_accuracy"}
"""Checkpoints of the best epoch so far, and the validation figure that it is best in."""

RESULT_FILES = tuple(
    f"{name}.{kind}" for name in ("audit", "ber", "accuracy") for kind in ("json", "csv", "png")
)
"""What other commands may have made of that run, and which is not true of the next."""


class RunFolder:
    """`config.json`, `metrics.jsonl`, `summary.json`, `checkpoints/` and TensorBoard events.

    Args:
        path: of the folder, made if missing.
        overwrite: remove an earlier run's files, at the first write, instead of refusing.
        resume: go on with the run that the folder holds, if any.

    Raises:
        FileExistsError: if the folder holds a run, and neither `overwrite` nor `resume` is on.
    """

    def __init__(self, path: str | Path, overwrite: bool = False, resume: bool = False) -> None:
        self.path = Path(path)
        self._outdated: list[Path] = []
        self._rows: list[dict[str, Any]] = []
        self._best: dict[str, float] = {}
        self._events: Events | None = None
        if resume:
            return
        held = [self.path / name for name in RUN_FILES if (self.path / name).is_file()]
        if held and not overwrite:
            raise FileExistsError(
                f"{self.path} already holds a run ({held[0].name}): choose another --run-dir, "
                "or add --overwrite, or --resume to go on with it"
            )
        results = [self.path / name for name in RESULT_FILES if held and (self.path / name).is_file()]
        self._outdated = [*held, *results, *(self.path / "tensorboard").glob("events.out.tfevents.*")]

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def replaces(self) -> bool:
        """Whether an earlier run is still there, to be removed by `begin`."""
        return bool(self._outdated)

    def begin(self, config: dict[str, Any]) -> None:
        """Remove what is outdated, and write `config.json`."""
        for one in self._outdated:
            one.unlink(missing_ok=True)
        self._outdated = []
        self._remove_leftovers()
        files.write_json(self.path / "config.json", config)

    def config(self) -> dict[str, Any] | None:
        """What `begin` wrote; None if nothing has begun.

        Raises:
            ValueError: if it cannot be read.
        """
        path = self.path / "config.json"
        if not path.is_file():
            return None
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not readable: start again with --overwrite") from error
        if not isinstance(config, dict):
            raise ValueError(f"{path} does not hold the settings of a run: start again with --overwrite")
        return config

    def save_state(self, state: dict[str, Any]) -> None:
        """Keep what a training goes on from."""
        training_state.save_state(self.checkpoints / training_state.FILE, state)

    def load_state(self) -> dict[str, Any] | None:
        """What `save_state` kept last; None if nothing was.

        Raises:
            ValueError: if it cannot be read, or is not the state of a run.
        """
        path = self.checkpoints / training_state.FILE
        if not path.is_file():
            return None
        state = training_state.load_state(path)
        try:
            self._rows = list(state["rows"])
            for row in self._rows:
                for name, figure in BEST.items():
                    self._best[name] = max(self._best.get(name, -1.0), float(row["val"][figure]))
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not the state of a run: start again with --overwrite") from error
        return state

    def go_on(self) -> None:
        """After `load_state`, bring the folder to where that state was kept."""
        self._remove_leftovers()
        self._write_rows()

    def _remove_leftovers(self) -> None:
        """What a process killed while writing leaves behind."""
        for path in (self.path / name for name in RUN_FILES):
            for one in path.parent.glob(f".[0-9]*.{path.name}"):
                one.unlink(missing_ok=True)

    def add_epoch(self, model: AnyModel, row: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Log an epoch and write checkpoints: the last, and the best so far of each path on validation data.

        `best_model.pt` has the best soft path, for soft inference; `best_hard_model.pt` the best hard path,
        the one to deploy. The earliest of equals is kept.
        """
        self._rows.append(row)
        self._write_rows()
        self._write_events(row)
        metadata = {**metadata, "epoch": row["epoch"], "val": row["val"]}
        save_checkpoint(self.checkpoints / "last_model.pt", model, metadata)
        for name, figure in BEST.items():
            if row["val"][figure] > self._best.get(name, -1.0):
                self._best[name] = row["val"][figure]
                save_checkpoint(self.checkpoints / f"{name}.pt", model, metadata)

    def _write_rows(self) -> None:
        lines = (json.dumps(one, allow_nan=False) for one in self._rows)
        files.write_text(self.path / "metrics.jsonl", "".join(line + "\n" for line in lines))

    def _write_events(self, row: dict[str, Any]) -> None:
        if self._events is None:
            self._events = Events(self.path / "tensorboard", row["epoch"])
        parts = ("train", "val", "mismatch")
        figures = {f"{part}/{name}": value for part in parts for name, value in row[part].items()}
        figures |= {f"schedule/{name}": row[name] for name in ("vq_temp", "symbol_temp", "lr")}
        # A histogram of the codewords' shares of use, one entry per codeword.
        self._events.write(row["epoch"], figures, {"codebook/usage": row["codebook"]["usage"]})

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`."""
        files.write_json(self.path / "summary.json", summary)
