"""The plain way to train over a digital link: hard from the first epoch, straight-through gradients."""

import contextlib
import io
import json
import os
import random
from pathlib import Path
from typing import Any

import torch

from linksim import files, provenance
from linksim_training import command, state
from linksim_training.checkpoints import Checkpoint, load_checkpoint
from linksim_training.options.loss_weights import LossWeights
from linksim_training.run_folder import RUN_FILES, RunFolder
from linksim_training.train_options import TrainOptions

STRAIGHT_THROUGH: dict[str, Any] = {
    "alignment_start_epoch": 1,
    "hardening": "step",
    "gradient": "straight-through",
    "surrogate_at": "embedding",
    "lambda_soft": 0.0,
    "lambda_consistency": 0.0,
    "lambda_entropy": 0.0,
    "lambda_marginal": 0.0,
    "early_stop": False,
}
"""Settings that differ from the checkpoint's: whatever needs the soft path is off. What remains are the
losses of a VQ-VAE: classification, commitment, and reconstruction of the latents."""

ONE_DEVICE: dict[str, Any] = {"device": "auto", "devices": 1, "num_nodes": 1, "strategy": "auto"}
"""Devices change nothing but rounding, and those of the checkpoint need not be here."""


def trained(checkpoint: Checkpoint, folder: Path, quiet: bool = True) -> Path:
    """Train a checkpoint's architecture with straight-through gradients alone, unless that is done already.

    Data, link, SNR, epochs, seed and the other options are the checkpoint's, but for what `settings` changes.
    A training that was broken off goes on. A folder that holds another run is left alone, and its name with
    a hash of the settings behind it is taken.

    Args:
        checkpoint: as `linksim train` wrote it.
        folder: for the run.
        quiet: print nothing.

    Returns:
        the path of `best_hard_model.pt`, the best epoch of the hard path on the validation part.

    Raises:
        ValueError: if the checkpoint does not hold the options of a training of this version, or the loss is
            not finite.
        KeyboardInterrupt: if the training was interrupted; the next call goes on with it.
    """
    record = settings(checkpoint)
    folder = Path(folder)
    if not _free_for(folder, record):
        folder = folder.with_name(f"{folder.name}-{provenance.configuration_hash(record)[:8]}")
    best = folder / "checkpoints" / "best_hard_model.pt"
    readable = _readable(best)
    if readable and (folder / "summary.json").is_file() and _held(folder) == record:
        return best
    if not readable:  # a training that went on would not write an earlier epoch's checkpoint again
        (folder / "checkpoints" / state.FILE).unlink(missing_ok=True)
    if not (folder / "config.json").is_file():
        files.write_json(folder / "config.json", record)
    threads = torch.get_num_threads()
    python_state = random.getstate()  # which the reader of command lines may draw from
    printed = contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext()
    try:
        with printed:
            # Resuming takes all settings from the folder, whether there is anything to go on from or not.
            words = ["--resume", "--run-dir", os.fspath(folder)]
            code = command.main([*words, "--quiet"] if quiet else words)
    finally:
        torch.set_num_threads(threads)
        random.setstate(python_state)
    if code is not None:
        raise KeyboardInterrupt
    return best


def settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """What `config.json` of the straight-through training holds.

    These are the checkpoint's settings with those of `STRAIGHT_THROUGH` and one device. A commitment loss
    that the checkpoint's training did without gets its default weight, since without a surrogate nothing else
    draws codewords and latents together. The learning rate of the schedule "phase", which falls where phase 2
    begins, is constant, since all epochs are of phase 2.

    Args:
        checkpoint: as `linksim train` wrote it.

    Raises:
        ValueError: if it does not hold the options of a training of this version.
    """
    options = TrainOptions()
    try:
        given = checkpoint.metadata["options"]
        for name in ("preset", "batch_size", "threads", "snr_db"):
            setattr(options.run, name, given.get(name, getattr(options.run, name)))
        options.run.dataset = checkpoint.metadata["data"]
        options.run.skip_noiseless = True
        options.take({**given["link"], **given["training"]})
        options.take({**STRAIGHT_THROUGH, **ONE_DEVICE})
        if options.loss.lambda_vq == 0:
            options.loss.lambda_vq = LossWeights.lambda_vq
        if options.optimisation.lr_schedule == "phase":
            options.optimisation.lr_schedule = "constant"
        return json.loads(json.dumps(options.as_record()))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"the checkpoint does not hold the options of a training of this version ({error!r}): train it "
            "again with linksim train"
        ) from error


def _free_for(folder: Path, record: dict[str, Any]) -> bool:
    """Whether a folder holds no run, or one with these settings."""
    held = _held(folder)
    return not any((folder / name).exists() for name in RUN_FILES) if held is None else held == record


def _held(folder: Path) -> dict[str, Any] | None:
    """The settings of the run in a folder; None if there are none that can be read."""
    try:
        return RunFolder(folder, resume=True).config()
    except ValueError:
        return None


def _readable(path: Path) -> bool:
    try:
        load_checkpoint(path)
    except (OSError, ValueError):
        return False
    return True
