"""Accuracy of a trained model against SNR, every path on the same draws."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from linksim.evaluation import evaluating, placed
from linksim.inputs import check_snr
from linksim.provenance import configuration_hash
from linksim_benchmarks import checkpoint_data
from linksim_benchmarks.accuracy_rows import rows
from linksim_benchmarks.image_point import BLOCK, ImagePoint, PathSetting, packed
from linksim_benchmarks.montecarlo.engine import OnChange, Progress, run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.montecarlo.workers import local_workers
from linksim_training.data import ImageData
from linksim_training.evaluate import hard_path
from linksim_training.model import SemanticModel

PATHS = ("hard", "map", "soft")
BATCH = 500
MOST_KEPT = 4
"""Models with the latents of their images that a process keeps."""


@torch.no_grad()
def encode(model: SemanticModel, images: Tensor) -> list[Tensor]:
    """Latents of all images, in batches; they do not depend on the SNR."""
    with evaluating(model):
        return [model.encoder(placed(batch, model.link.codebook)) for batch in images.split(BATCH)]


@torch.no_grad()
def correct_paths(
    model: SemanticModel,
    latents: Tensor,
    labels: Tensor,
    snr_db: float,
    settings: Sequence[PathSetting],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Send images once, and see on every path which are classified right.

    Args:
        model: what to test.
        latents: [B, N, D].
        labels: [B].
        snr_db: Es/N0 in dB.
        settings: what to evaluate on the transmission.
        generator: of the transmission.

    Returns:
        name of the setting → [B] booleans.
    """
    link, outputs = model.link, {}
    draw = link.draw(len(latents), snr_db, generator)
    if any(setting.path in ("hard", "map") for setting in settings):
        outputs = hard_path(model, latents, draw)
    found = {}
    for one in settings:
        if one.path == "soft":
            trace = link.soft(latents, draw, vq_temp=one.vq_temp, symbol_temp=one.symbol_temp)
            output = model.decode(trace)
        else:
            output = outputs[one.path]
        found[one.name] = output.logits.argmax(-1).cpu() == labels
    return found


@dataclass(frozen=True)
class ModelPoint(ImagePoint):
    """The test images sent by a trained model at one SNR.

    Attributes:
        checkpoint: path of the checkpoint, which every worker must be able to read; no part of the content.
        dataset: as `load_data` takes it, or None for the data of the training.
        memory: model and images, if they do not come from files.
    """

    checkpoint: str = ""
    dataset: str | None = None
    memory: "ModelImages | None" = field(default=None, compare=False, repr=False)

    def count(self, chunk: int, frames: int, generator: torch.Generator) -> dict[str, Any]:
        """Send a block of images and see on every path which are classified right.

        Args:
            chunk: its number.
            frames: number of images.
            generator: of the channel.

        Returns:
            frames, and under the name of each setting a string of hexadecimal digits, a bit per image.

        Raises:
            OSError, ValueError: if checkpoint or data cannot be read, or are not those of the sweep.
        """
        loaded = self.memory or _known(self.checkpoint, self.dataset, self.identity)
        first = self.first(chunk)
        found: dict[str, list[Tensor]] = {setting.name: [] for setting in self.settings}
        with evaluating(loaded.model):
            for start in range(first, first + frames, BATCH):
                own = slice(start, min(start + BATCH, first + frames))
                one = correct_paths(
                    loaded.model,
                    loaded.latents[own],
                    loaded.labels[own],
                    self.snr_db,
                    [setting if setting.path in PATHS else _hard(setting) for setting in self.settings],
                    generator,
                )
                for name, correct in one.items():
                    found[name].append(correct)
        return {"frames": frames} | {name: packed(torch.cat(parts).numpy()) for name, parts in found.items()}


def _hard(setting: PathSetting) -> PathSetting:
    """A model that is a baseline is tested on its hard path."""
    return PathSetting(setting.name, "hard")


def model_points(
    checkpoint: Path,
    dataset: str | None,
    snr_db: Sequence[float],
    settings: Sequence[PathSetting],
    subject: str = "model",
) -> list[ModelPoint]:
    """Points of a trained model, one for each SNR.

    Args:
        checkpoint: path of the checkpoint.
        dataset: whose test part is sent; that of the training if None.
        snr_db: Es/N0 in dB.
        settings: what to evaluate at each; a path other than hard, map and soft is a name of the hard one.
        subject: name of the model.

    Raises:
        OSError, ValueError: as loading raises them.
    """
    # A worker may have another working directory.
    path = str(checkpoint.resolve())
    loaded = _loaded(path, dataset)
    if loaded.data.endswith(".npz"):
        dataset = str(Path(loaded.data).resolve())
    _keep(path, dataset, loaded)
    common = (subject, loaded, snr_db, settings)
    return [replace(point, checkpoint=path, dataset=dataset) for point in _points(*common)]


def _points(
    subject: str, loaded: "ModelImages", snr_db: Sequence[float], settings: Sequence[PathSetting]
) -> list[ModelPoint]:
    layout = loaded.model.link.layout
    for snr in snr_db:
        check_snr(snr, 1, torch.float32)
    return [
        ModelPoint(
            subject,
            loaded.identity,
            float(snr),
            layout.ebno_db(snr),
            len(loaded.labels),
            layout.information_bits,
            layout.symbols,
            tuple(settings),
        )
        for snr in dict.fromkeys(snr_db)
    ]


def count_sweep(
    model: SemanticModel,
    images: Tensor,
    labels: Tensor,
    snr_db: Sequence[float],
    paths: Sequence[str] = PATHS,
    draws: int = 1,
    seed: int = 0,
    on_change: OnChange | None = None,
) -> Progress:
    """Count how often each image is classified right, in this process, without a store.

    Args:
        model: what to test, at the temperatures of its link.
        images: [n, c, h, w].
        labels: [n].
        snr_db: Es/N0 in dB; the result at one does not depend on the others.
        paths: of "hard", "map", "soft", all on the same draws.
        draws: transmissions of every image.
        seed: root of the random streams.
        on_change: called after every chunk.

    Returns:
        the counts, as `ImageTally` has them, by name of the path.
    """
    digest = hashlib.sha256(b"".join(_bytes(part) for part in (*model.state_dict().values(), images, labels)))
    loaded = ModelImages(model, torch.cat(encode(model, images)), labels, {"model": digest.hexdigest()})
    link = model.link
    settings = [
        PathSetting(path, path, link.vq_temp, link.symbol_temp) if path == "soft" else PathSetting(path, path)
        for path in paths
    ]
    points = [replace(point, memory=loaded) for point in _points("model", loaded, snr_db, settings)]
    rule = StopRule(max_bits=draws * len(labels) * link.layout.information_bits)
    with local_workers(1) as workers:
        return run(Sweep("accuracy", points, seed, {"block": BLOCK}), rule, workers, on_change=on_change)


def sweep(
    model: SemanticModel,
    images: Tensor,
    labels: Tensor,
    snr_db: Sequence[float],
    paths: Sequence[str] = PATHS,
    draws: int = 1,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Accuracy at every SNR, in this process.

    Args:
        model, images, labels, snr_db, paths, draws, seed: as for `count_sweep`.

    Returns:
        rows, as `accuracy_rows.rows` has them.
    """
    return rows(count_sweep(model, images, labels, snr_db, paths, draws, seed))


@dataclass(frozen=True)
class ModelImages:
    """A model, the latents [n, N, D] and labels [n] of test images, what identifies them, the data's name."""

    model: SemanticModel
    latents: Tensor
    labels: Tensor
    identity: dict[str, str]
    data: str = ""


_kept: dict[tuple[str, str | None, str], ModelImages] = {}
"""What this process has loaded, by what it was loaded from and a hash of its content."""


def _known(checkpoint: str, dataset: str | None, identity: Mapping[str, str]) -> ModelImages:
    """A model and the latents of its test images, loaded at most once by each worker.

    Workers may outlive a sweep, and the file may have been replaced since: what is kept is known by content.

    Raises:
        ValueError: if the files hold something else.
    """
    kept = _kept.get((checkpoint, dataset, configuration_hash(identity)))
    if kept is not None:
        return kept
    loaded = _loaded(checkpoint, dataset)
    if loaded.identity != identity:
        raise ValueError(f"{checkpoint} or its data changed since the sweep began: start it anew")
    _keep(checkpoint, dataset, loaded)
    return loaded


def _keep(checkpoint: str, dataset: str | None, loaded: ModelImages) -> None:
    for key in list(_kept)[: max(0, len(_kept) + 1 - MOST_KEPT)]:
        _kept.pop(key, None)
    _kept[checkpoint, dataset, configuration_hash(loaded.identity)] = loaded


def _loaded(checkpoint: str, dataset: str | None) -> ModelImages:
    """A model and the latents of its test images, as they are on the disk."""
    loaded, data = checkpoint_data.load(Path(checkpoint), dataset)
    identity = {
        "checkpoint": hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest(),
        "data": data_digest(data),
    }
    latents = torch.cat(encode(loaded.model, data.x_test))
    return ModelImages(loaded.model, latents, data.y_test, identity, data.name)


def data_digest(data: ImageData) -> str:
    """SHA-256 of the test part."""
    return hashlib.sha256(_bytes(data.x_test) + _bytes(data.y_test)).hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()
