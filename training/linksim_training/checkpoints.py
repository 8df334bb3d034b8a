"""Checkpoints: plain tensors and plain metadata, nothing that runs code when loaded."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from linksim import checks, files
from linksim.archive import Limits, NotPlain, read_archive
from linksim_training import specified
from linksim_training.build import AnyModel, build_from
from linksim_training.model import SemanticModel
from linksim_training.routed_model import RoutedModel

FORMAT = "linksim checkpoint 1"
LIMITS = Limits(file_bytes=2**31)


@dataclass(frozen=True)
class Checkpoint:
    """A model with what was recorded beside it.

    Attributes:
        model: in evaluation mode, at the temperatures it was saved with.
        metadata: data set, Es/N0, epoch, settings and validation figures.
    """

    model: SemanticModel
    metadata: dict[str, Any]


@dataclass(frozen=True)
class RoutedCheckpoint:
    """A model with several modes and what was recorded beside it, as for `Checkpoint`."""

    model: RoutedModel
    metadata: dict[str, Any]


def save_checkpoint(path: str | Path, model: AnyModel, metadata: dict[str, Any]) -> None:
    """Write a model and plain metadata whole.

    Args:
        path: usually `checkpoints/….pt`.
        model: its weights, specification and temperatures are saved.
        metadata: numbers, strings, lists and dictionaries.
    """
    content = {
        "format": FORMAT,
        "model_state_dict": {name: t.detach().cpu() for name, t in model.state_dict().items()},
        "spec": model.spec,
        "temperatures": {"vq_temp": model.link.vq_temp, "symbol_temp": model.link.symbol_temp},
        "metadata": metadata,
    }
    write(path, content)


def write(path: str | Path, content: dict[str, Any]) -> None:
    """Write plain tensors and metadata whole."""
    buffer = io.BytesIO()  # because on a full disk torch.save says something else than that
    torch.save(content, buffer)
    with files.whole(path) as aside:
        aside.write_bytes(buffer.getbuffer())


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint and build its model.

    Loading runs no code from the file, and what it holds is checked against the model it describes.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a checkpoint, is truncated, does not fit its own specification, or holds a
            model with several modes.
    """
    model, metadata = load_any_checkpoint(path)
    if isinstance(model, RoutedModel):
        raise ValueError(
            f"{path} holds a model with several modes, and one with a single mode is needed here: linksim "
            "modes reports on it, load_routed_checkpoint reads it"
        )
    return Checkpoint(model, metadata)


def load_routed_checkpoint(path: str | Path) -> RoutedCheckpoint:
    """Read a checkpoint of a model with several modes; otherwise as `load_checkpoint`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: as `load_checkpoint`, and if the model has a single mode.
    """
    model, metadata = load_any_checkpoint(path)
    if isinstance(model, SemanticModel):
        raise ValueError(
            f"{path} holds a model with a single mode, and one with several is needed here: train one with "
            "linksim train --modes"
        )
    return RoutedCheckpoint(model, metadata)


def load_any_checkpoint(path: str | Path) -> tuple[AnyModel, dict[str, Any]]:
    """Read a checkpoint, whatever its number of modes: the model, and what was recorded beside it.

    Raises:
        FileNotFoundError, ValueError: as `load_checkpoint`.
    """
    content = _read(Path(path))
    if content["spec"] is None:
        raise ValueError(
            f"{path} holds a model with networks of one's own: build it in Python, and load "
            "torch.load(path, weights_only=True)['model_state_dict'] into it"
        )
    try:
        weights = content["model_state_dict"]
        specified.check(content["spec"], weights)  # before memory is taken for what it describes
        model = build_from(content["spec"])
        model.load_state_dict(weights)
        temperatures = content["temperatures"]
        model.link.vq_temp = checks.real("vq_temp", temperatures["vq_temp"], above=0)
        model.link.symbol_temp = checks.real("symbol_temp", temperatures["symbol_temp"], above=0)
        metadata = dict(content["metadata"].items())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit the model it describes: {checks.one_line(error)}") from error
    return model.eval(), metadata


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no such checkpoint: {path}")
    try:
        content = read_archive(path, LIMITS)
    except NotPlain as error:
        raise ValueError(
            f"{path} holds more than plain tensors and metadata, so it was not loaded: "
            f"{checks.one_line(error)}"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path} is not a readable checkpoint: {checks.one_line(error)}") from error
    needed = {"format", "model_state_dict", "spec", "temperatures", "metadata"}
    if not isinstance(content, dict) or not needed <= content.keys() or content["format"] != FORMAT:
        raise ValueError(f"{path} is not a linksim checkpoint")
    return content
