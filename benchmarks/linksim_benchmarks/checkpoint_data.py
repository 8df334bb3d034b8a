"""A checkpoint together with the test part of the data it was trained on, or of other data."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from linksim import checks
from linksim_training.checkpoints import Checkpoint, load_checkpoint
from linksim_training.data import ImageData, load_data
from linksim_training.model import SemanticModel

LEAST_TEMPERATURE = 1e-9
"""Far below, exponents overflow."""


def load(path: Path, dataset: str | None) -> tuple[Checkpoint, ImageData]:
    """Load both.

    Args:
        path: of the checkpoint.
        dataset: as `load_data` takes it; that of the training if None.

    Raises:
        FileNotFoundError, ValueError: as loading raises them, or if the images do not fit the model.
    """
    checkpoint = load_checkpoint(path)
    missing = [name for name in ("data", "options", "epoch", "snr_db") if name not in checkpoint.metadata]
    if missing:
        raise ValueError(f"{path} was not written by linksim train: its metadata lacks {', '.join(missing)}")
    data = load_data(checkpoint.metadata["data"] if dataset is None else dataset)
    assert checkpoint.model.spec is not None
    shape = tuple(checkpoint.model.spec["image_shape"])
    if data.image_shape != shape:
        raise ValueError(f"{data.name} has images of shape {data.image_shape}, but {path} takes {shape}")
    if data.classes > checkpoint.model.spec["classes"]:
        raise ValueError(
            f"{data.name} has {data.classes} classes, but {path} knows {checkpoint.model.spec['classes']}"
        )
    return checkpoint, data


def temperatures(
    model: SemanticModel, vq_temp: Sequence[float], symbol_temp: Sequence[float]
) -> list[tuple[float, float]]:
    """Every pair of a vq_temp and a symbol_temp, once; those of the checkpoint where none is given.

    Raises:
        ValueError: if one is not a number from `LEAST_TEMPERATURE`.
    """
    vq = [checks.real("--vq-temp", value, least=LEAST_TEMPERATURE) for value in vq_temp] or [
        model.link.vq_temp
    ]
    symbol = [checks.real("--symbol-temp", v, least=LEAST_TEMPERATURE) for v in symbol_temp] or [
        model.link.symbol_temp
    ]
    return list(dict.fromkeys(product(vq, symbol)))
