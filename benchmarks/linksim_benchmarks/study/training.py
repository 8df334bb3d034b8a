"""One training of a study: what it is made of, and what comes of it."""

import base64
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linksim import LinkConfig
from linksim.evaluation import evaluating
from linksim.provenance import configuration_hash
from linksim.seeds import stream
from linksim_training.build import build_model
from linksim_training.config import TrainConfig
from linksim_training.data import ImageData, load_data
from linksim_training.evaluate import paths_of
from linksim_training.loop import fit
from linksim_training.model import SemanticModel
from linksim_training.options.monitoring import Monitoring
from linksim_training.options.optimisation import Devices

RESULTS = 1
"""Goes up when a training gives other results: those in stores are trained again then."""

VALIDATION_BATCH = 500
PATHS = ("mean", "map", "soft")
"""Hard path with either receiver, and soft path."""

CURVES = ("hard_accuracy", "map_accuracy", "soft_accuracy", "perplexity")
"""Validation figures kept of every epoch."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """One training and the test of its model.

    Attributes:
        dataset: name, or path of an .npz file.
        images: hash of its content.
        settings: what differs from the defaults of the trainer and the link.
        snr_db: Es/N0 in dB of training, validation and test.
        seed: of everything random.
        epochs, batch_size: of the training.
        draws: transmissions of every validation and test image.
        test: whether the test part is sent; tuning does without.
    """

    dataset: str
    images: str
    settings: Mapping[str, Any]
    snr_db: float
    seed: int
    epochs: int
    batch_size: int
    draws: int
    test: bool

    @property
    def link(self) -> LinkConfig:
        """Configuration of the link."""
        names = {one.name for one in fields(LinkConfig)}
        return LinkConfig(**{name: value for name, value in self.settings.items() if name in names})

    @property
    def config(self) -> TrainConfig:
        """Settings of the trainer."""
        names = {one.name for one in fields(TrainConfig)}
        own = {name: value for name, value in self.settings.items() if name in names}
        return TrainConfig(**{**own, "epochs": self.epochs, "seed": self.seed})

    def content(self) -> dict[str, Any]:
        """All that the result depends on, as plain JSON."""
        without = {one.name for kind in (Devices, Monitoring) for one in fields(kind)}
        training = {name: value for name, value in self.config.as_dict().items() if name not in without}
        return {
            "results": RESULTS,
            "data": self.images,
            "link": self.link.as_dict(),
            "training": training,
            **{name: getattr(self, name) for name in ("snr_db", "batch_size", "draws", "test")},
        }

    @property
    def key(self) -> str:
        """Hash of the content."""
        return configuration_hash(self.content())

    def run(self) -> Record:
        """Train on one thread, and send what is to be sent over both paths.

        Returns:
            as plain JSON "curves", lists over the epochs of the figures in `CURVES`; "findings", names of
            the warnings; and of two checkpoints, "by_hard" with the best validation accuracy of the hard
            path and "by_soft" with that of the soft one, "epoch", and "validation" and "test", for each of
            `PATHS` how many of the draws every image was classified correctly in, as base64 of bytes.
        """
        data, config = _data(self.dataset), self.config
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            model = build_model(data.image_shape, data.classes, self.link, self.seed)
            best: dict[str, tuple[float, SemanticModel, int]] = {}

            def keep(trained: Any, row: dict[str, Any]) -> None:
                for path in ("hard", "soft"):
                    accuracy = row["val"][f"{path}_accuracy"]
                    if path not in best or accuracy > best[path][0]:
                        best[path] = accuracy, deepcopy(trained), row["epoch"]

            history = fit(
                model,
                data.loader("train", self.batch_size, stream(self.seed, "order")),
                data.loader("validation", VALIDATION_BATCH),
                config,
                snr_db=self.snr_db,
                on_epoch=keep,
            )
            tested: dict[int, Record] = {}
            for _, model, epoch in best.values():
                if epoch not in tested:
                    tested[epoch] = self._tested(data, model, epoch)
        finally:
            torch.set_num_threads(threads)
        return {
            "curves": {name: [row["val"][name] for row in history.rows] for name in CURVES},
            "findings": [one.name for one in history.findings],
            **{f"by_{path}": tested[epoch] for path, (_, _, epoch) in best.items()},
        }

    def _tested(self, data: ImageData, model: SemanticModel, epoch: int) -> Record:
        parts = ("validation", "test") if self.test else ("validation",)
        return {"epoch": epoch, **{part: self._sent(data, model, part) for part in parts}}

    def _sent(self, data: ImageData, model: SemanticModel, part: str) -> dict[str, str]:
        images, labels = data.part(part)
        generator = stream(self.seed, "study", part)
        counts = {path: torch.zeros(len(labels), dtype=torch.uint8) for path in PATHS}
        with torch.no_grad(), evaluating(model):
            latents = torch.cat([model.encoder(some) for some in images.split(VALIDATION_BATCH)])
            for _ in range(self.draws):
                draw = model.link.draw(len(images), self.snr_db, generator)
                run = paths_of(model, latents, draw, "ALIGNMENT")
                for path in PATHS:
                    counts[path] += (run.logits[path].argmax(-1) == labels).to(torch.uint8)
        return {path: packed(count) for path, count in counts.items()}


def packed(counts: Tensor) -> str:
    """Counts up to 255 as base64."""
    return base64.b64encode(counts.to(torch.uint8).numpy().tobytes()).decode()


def unpacked(text: str) -> np.ndarray:
    """Counts from base64, as float64."""
    return np.frombuffer(base64.b64decode(text, validate=True), np.uint8).astype(np.float64)


@cache
def _data(name: str) -> ImageData:
    return load_data(name)
