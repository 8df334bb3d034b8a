"""The state of a training between two steps, as a file that a killed run goes on from."""

from pathlib import Path
from typing import Any

from linksim import checks
from linksim.archive import Limits, read_archive
from linksim_training import checkpoints

FORMAT = "linksim training state 1"
FILE = "training_state.pt"
"""Its name among the checkpoints."""

KEYS = {"format", "epoch", "batch", "meter", "model", "optimiser", "scheduler", "averages", "random", "rows"}
LIMITS = Limits(file_bytes=2**33, values=2**26)
"""It holds the rows of all epochs."""


def save_state(path: str | Path, state: dict[str, Any]) -> None:
    """Write a state whole."""
    checkpoints.write(path, {"format": FORMAT, **state})


def load_state(path: str | Path) -> dict[str, Any]:
    """Read a state; loading runs no code from the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a training state, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such training state: {path}")
    try:
        state = read_archive(path, LIMITS)
    except ValueError as error:
        raise ValueError(
            f"{path} is not a readable training state: start again with --overwrite "
            f"({checks.one_line(error)})"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT or not state.keys() >= KEYS:
        raise ValueError(f"{path} is not a training state of this version: start again with --overwrite")
    return state
