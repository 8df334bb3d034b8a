"""The bound that no link can beat: the same encoder and head, joined directly."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from linksim import provenance
from linksim.metrics.intervals import clopper_pearson
from linksim_training.checkpoints import Checkpoint
from linksim_training.config import TrainConfig
from linksim_training.data import ImageData, load_data
from linksim_training.noiseless import fit_noiseless

LEVEL = 0.95


@dataclass(frozen=True)
class NoiselessBound:
    """Accuracy without a link on a test part, with its 95 % interval (Clopper-Pearson).

    Attributes:
        accuracy, low, high: from 0 to 1.
        samples: test images.
        source: "summary", that of the checkpoint's training, or "trained", anew by the same rule.
    """

    accuracy: float
    low: float
    high: float
    samples: int
    source: Literal["summary", "trained"]


def noiseless_bound(
    path: Path, checkpoint: Checkpoint, data: ImageData, on_batch: Callable[[], None] | None = None
) -> NoiselessBound:
    """Read the bound from the summary of the checkpoint's training, or train for it again.

    The summary counts if it lies where `linksim train` writes it, in the folder above `checkpoints`, is of a
    training with the checkpoint's options, and tested the same data. Training again is deterministic, and
    takes about as long as two trainings without a link.

    Args:
        path: of the checkpoint.
        checkpoint: what it holds.
        data: whose test part counts; if its name is another than that of the training, the networks are
            trained on the latter.
        on_batch: called after every training step, for progress.

    Raises:
        FileNotFoundError, ValueError: if the data of the training cannot be loaded, or the checkpoint does
            not hold the settings of a training of this version.
    """
    known = known_bound(path, checkpoint, data)
    if known is not None:
        return known
    if data.name != checkpoint.metadata["data"]:
        test = {"x_test": data.x_test, "y_test": data.y_test}
        data = replace(load_data(checkpoint.metadata["data"]), **test)
    assert checkpoint.model.spec is not None
    options = checkpoint.metadata["options"]
    try:
        config, batch_size = TrainConfig(**options["training"]), int(options["batch_size"])
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not hold the settings of a training of this version ({error!r}): train it again "
            "with linksim train"
        ) from error
    fitted = fit_noiseless(data, checkpoint.model.spec, config, batch_size, torch.device("cpu"), on_batch)
    right, samples = int(fitted.correct.sum()), len(fitted.correct)
    low, high = clopper_pearson(right, samples, LEVEL)
    return NoiselessBound(right / samples, low, high, samples, "trained")


def known_bound(path: Path, checkpoint: Checkpoint, data: ImageData) -> NoiselessBound | None:
    """The bound that the training left in its summary.

    Args:
        path: of the checkpoint.
        checkpoint: what it holds.
        data: whose test part counts.

    Returns:
        None if there is no summary where `linksim train` writes it, or it is of another training or test.
    """
    if data.name != checkpoint.metadata["data"]:
        return None
    summary_path = Path(path).absolute().parent.parent / "summary.json"
    try:
        summary: dict[str, Any] = json.loads(summary_path.read_text(encoding="utf-8"))
        own = provenance.configuration_hash(checkpoint.metadata["options"])
        if summary["provenance"]["configuration_hash"] != own or summary["samples"] != len(data.y_test):
            return None
        accuracy, low, high = (float(summary["noiseless"][name]) for name in ("accuracy", "low", "high"))
        return NoiselessBound(accuracy, low, high, len(data.y_test), "summary")
    except (OSError, LookupError, TypeError, ValueError):
        return None
