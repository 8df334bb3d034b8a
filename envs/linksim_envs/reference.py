"""Checkpoints of models with several modes and the data sets they were trained on; one comes along.

The only place of this package that reads with `linksim_training`, and only when it is asked to.
"""

import random
from pathlib import Path
from typing import Any

CHECKPOINT = Path(__file__).with_name("semantic_rate.pt")
"""Modes (64, 2), (64, 4) and (64, 6) on the data set "digits"; docs/semantic-rate.md has its command."""

METRICS = Path(__file__).with_name("semantic_rate.json")
"""What `linksim_envs.reference_metrics` measured of it."""


def read(
    checkpoint: str | Path | None = None, images: Any = None, labels: Any = None
) -> tuple[Any, Any, Any]:
    """A model with several modes, and images and labels for it.

    Args:
        checkpoint: as `linksim train --modes` writes it; the one that comes along if None.
        images, labels: passed on if either is given; else the test part of the data set that the checkpoint
            was trained on.

    Raises:
        FileNotFoundError: if there is no such checkpoint, or its data are gone.
        TypeError: if `checkpoint` is no path.
        ValueError: in one line, if it is none, has a single mode, or does not name its data set.
    """
    if checkpoint is not None and not isinstance(checkpoint, (str, Path)):
        raise TypeError(f"checkpoint must be the path of a file, got {type(checkpoint).__name__}")
    from linksim_training.checkpoints import load_routed_checkpoint

    path = CHECKPOINT if checkpoint is None else Path(checkpoint)
    loaded = load_routed_checkpoint(path)
    if images is None and labels is None:
        images, labels = part_of(path, loaded.metadata, "test")
    return loaded.model, images, labels


def read_part(part: str, checkpoint: str | Path | None = None) -> tuple[Any, Any]:
    """Images [n, c, h, w] and labels [n] of a part of the data set that a checkpoint was trained on.

    Args:
        part: "train", "validation" or "test".
        checkpoint: as for `read`.

    Raises:
        FileNotFoundError, ValueError: as `read`.
    """
    from linksim_training.checkpoints import load_routed_checkpoint

    path = CHECKPOINT if checkpoint is None else Path(checkpoint)
    return part_of(path, load_routed_checkpoint(path).metadata, part)


def part_of(path: Path, metadata: dict[str, Any], part: str) -> tuple[Any, Any]:
    """Images and labels of the data set that the metadata of a checkpoint name.

    Args:
        path: of the checkpoint, for messages.
        metadata: of it.
        part: "train", "validation" or "test".
    """
    from linksim_training.data import load_data

    name = metadata.get("data")
    if not isinstance(name, str):
        raise ValueError(f"{path} does not say which data set it was trained on: give images and labels")
    # Importing scikit-learn's data sets draws from Python's global generator, which is the user's.
    before = random.getstate()
    try:
        return load_data(name).part(part)
    finally:
        random.setstate(before)
