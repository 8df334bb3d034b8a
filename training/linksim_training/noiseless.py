"""The baseline without a link: the same encoder and head, joined directly."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from linksim import LinkConfig
from linksim.seeds import stream, stream_seed
from linksim_training.build import build_model
from linksim_training.config import TrainConfig
from linksim_training.data import ImageData
from linksim_training.isolation import isolated
from linksim_training.model import SemanticModel
from linksim_training.optimiser import make_optimiser, make_scheduler

LEARNING_RATE_FACTORS = (1.0, 2.0)


@dataclass(frozen=True)
class Noiseless:
    """The best noiseless classifier.

    Attributes:
        correct: [n] booleans on the test part.
        lr: its learning rate, the best on the validation part.
        epoch: its epoch, the best on the validation part.
        validation_accuracy: its accuracy there.
    """

    correct: Tensor
    lr: float
    epoch: int
    validation_accuracy: float


def fit_noiseless(
    data: ImageData,
    spec: dict[str, Any],
    config: TrainConfig,
    batch_size: int,
    device: torch.device,
    on_batch: Callable[[], None] | None = None,
) -> Noiseless:
    """Train encoder and head without a link, and test the best of them.

    Same data, initial weights, epochs, batch size, weight decay and learning-rate schedule as the
    model over the link. The start of the learning rate (among `LEARNING_RATE_FACTORS` times the configured
    one) and the epoch are chosen on the validation part.

    Args:
        data: images and labels.
        spec: of the model, as `build_model` made it.
        config: settings of the training.
        batch_size: images per step.
        device: where to train.
        on_batch: called after every training step, for progress.
    """
    best: Noiseless | None = None
    for factor in LEARNING_RATE_FACTORS:
        one = _fit_one(data, spec, config, config.lr * factor, batch_size, device, on_batch)
        if best is None or one.validation_accuracy > best.validation_accuracy:
            best = one
    assert best is not None
    return best


def _fit_one(
    data: ImageData,
    spec: dict[str, Any],
    config: TrainConfig,
    lr: float,
    batch_size: int,
    device: torch.device,
    on_batch: Callable[[], None] | None,
) -> Noiseless:
    link = LinkConfig(**spec["link"])
    encoder = spec.get("encoder", "convolution")
    model = build_model(data.image_shape, data.classes, link, config.seed, encoder=encoder).to(device)
    networks = nn.ModuleDict({name: model.get_submodule(name) for name in ("encoder", "head")})
    optimiser = make_optimiser(networks, config, lr)
    steps = config.epochs * math.ceil(len(data.x_train) / batch_size)
    scheduler = make_scheduler(optimiser, config, steps)
    loader = data.loader("train", batch_size, stream(config.seed, "order"))
    best: Noiseless | None = None
    with isolated(stream_seed(config.seed, "noiseless modules"), device):
        for epoch in range(1, config.epochs + 1):
            model.train()
            for images, labels in loader:
                logits = _classify(model, images.to(device))
                optimiser.zero_grad()
                smoothing = config.label_smoothing
                cross_entropy(logits, labels.to(device), label_smoothing=smoothing).backward()
                if config.clip_norm is not None:
                    nn.utils.clip_grad_norm_(networks.parameters(), config.clip_norm)
                optimiser.step()
                scheduler.step()
                if on_batch is not None:
                    on_batch()
            accuracy = float(_correct(model, data, "validation").double().mean())
            if best is None or accuracy > best.validation_accuracy:
                best = Noiseless(_correct(model, data, "test"), lr, epoch, accuracy)
    assert best is not None
    return best


def _classify(model: SemanticModel, images: Tensor) -> Tensor:
    logits, _ = model.head(model.link.quantize.normalise(model.encoder(images)))
    return logits


@torch.no_grad()
def _correct(model: SemanticModel, data: ImageData, part: str) -> Tensor:
    model.eval()
    device = model.link.codebook.device
    batches = data.loader(part, 500)
    return torch.cat([(_classify(model, x.to(device)).argmax(-1).cpu() == y) for x, y in batches])
