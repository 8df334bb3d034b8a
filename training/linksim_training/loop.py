"""The two-phase training loop."""

import os
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from linksim.seeds import stream, stream_seed
from linksim_training.config import TrainConfig
from linksim_training.evaluate import evaluate
from linksim_training.isolation import isolated
from linksim_training.meter import Meter
from linksim_training.model import SemanticModel, initialise_codebook
from linksim_training.optimiser import make_optimiser, make_scheduler
from linksim_training.step import TrainingStep

Loader = Iterable[tuple[Tensor, Tensor]]
Listener = Callable[[SemanticModel, dict[str, Any]], None]
KMEANS_IMAGES = 2000


@dataclass
class History:
    """What training left: one row per epoch, as in `metrics.jsonl`."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def best(self, part: str, figure: str) -> dict[str, Any]:
        """The earliest row with the highest figure of a part, such as ("val", "hard_accuracy")."""
        return max(self.rows, key=lambda row: row[part][figure])


def fit(
    model: SemanticModel,
    train_loader: Loader,
    validation_loader: Loader,
    config: TrainConfig | None = None,
    *,
    snr_db: float = 8.0,
    on_epoch: Listener | None = None,
    on_batch: Callable[[], None] | None = None,
) -> History:
    """Train in two phases.

    Phase LEARNING trains the soft path at falling temperatures. Phase ALIGNMENT, from
    `config.alignment_start_epoch` on, transmits hard, with the gradient of `config.gradient` and the
    consistency loss, at frozen temperatures. Both paths are validated after every epoch on the same draws,
    which are the same in every epoch.

    Args:
        model: trained in place; moved to `config.device`.
        train_loader: batches of images [B, c, h, w] and labels [B].
        validation_loader: likewise; never trained on.
        config: settings; the defaults if None.
        snr_db: Es/N0 in dB of training and validation.
        on_epoch: called with the model and the row after every epoch, for logs and checkpoints.
        on_batch: called after every training step, for progress.

    Returns:
        the rows of all epochs.

    Raises:
        ValueError: if a loader is empty, the device is not there, or training diverges.

    Example:
        >>> from linksim_training import TrainConfig, build_model, fit, load_data
        >>> data = load_data("digits")
        >>> model = build_model(data.image_shape, data.classes)
        >>> generator = torch.Generator().manual_seed(0)
        >>> loaders = data.loader("train", 64, generator), data.loader("validation", 256)
        >>> history = fit(model, *loaders, TrainConfig(epochs=1))
        >>> sorted(history.rows[0])[:4]
        ['epoch', 'hard_forward', 'lr', 'mismatch']
    """
    config = TrainConfig() if config is None else config
    for name, loader in (("train_loader", train_loader), ("validation_loader", validation_loader)):
        if not isinstance(loader, Sized) or not len(loader):
            raise ValueError(f"{name} must be a list or loader of at least one batch, with a length")
    fabric = make_fabric(config)
    history = History()
    with isolated(stream_seed(config.seed, "modules"), fabric.device):
        if not config.random_codebook:
            initialise_codebook(model, first_images(train_loader, KMEANS_IMAGES), config.seed)
        bare_optimiser = make_optimiser(model, config)
        step, optimiser = fabric.setup(TrainingStep(model, config), bare_optimiser)
        steps = len(train_loader) * config.epochs  # type: ignore[arg-type]
        scheduler = make_scheduler(bare_optimiser, config, steps)
        draws = stream(config.seed, "training draws")
        for epoch in range(1, config.epochs + 1):
            phase = config.phase(epoch)
            model.link.vq_temp, model.link.symbol_temp = config.vq_temp(epoch), config.symbol_temp(epoch)
            learning_rate = bare_optimiser.param_groups[0]["lr"]
            model.train()
            meter = Meter()
            for images, labels in train_loader:
                images, labels = images.to(fabric.device), labels.to(fabric.device)
                figures = step(images, labels, snr_db, draws, phase)
                if not bool(torch.isfinite(figures["loss"])):
                    raise ValueError(
                        f"training diverged in epoch {epoch}: the loss is not finite; lower --lr"
                    )
                optimiser.zero_grad()
                fabric.backward(figures["loss"])
                norms = gradient_norms(model)
                optimiser.step()
                scheduler.step()
                meter.add({**figures, **norms}, len(images))
                if on_batch is not None:
                    on_batch()
            evaluation = evaluate(
                model, validation_loader, snr_db, stream(config.seed, "validation draws"), config, phase
            )
            layout = model.link.layout
            row = {
                "epoch": epoch,
                "phase": phase,
                "vq_temp": model.link.vq_temp,
                "symbol_temp": model.link.symbol_temp,
                "hard_forward": phase == "ALIGNMENT",
                "lr": learning_rate,
                "rate": {"bits": layout.information_bits, "symbols": layout.symbols},
                "train": meter.result(),
                "val": {
                    **evaluation.figures,
                    "soft_accuracy": evaluation.accuracy("soft"),
                    "hard_accuracy": evaluation.accuracy("hard"),
                    "map_accuracy": evaluation.accuracy("map"),
                    "gap": evaluation.gap,
                },
                "mismatch": evaluation.mismatch,
            }
            history.rows.append(row)
            if on_epoch is not None:
                on_epoch(model, row)
    model.eval()
    return history


def make_fabric(config: TrainConfig) -> Fabric:
    """The device and precision to train with.

    Raises:
        ValueError: if the device is not there, or several processes were launched.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' is not available on this machine: use auto or cpu")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("WORLD_SIZE is over 1: training runs in one process, start it without torchrun")
    use_cuda = config.device != "cpu" and torch.cuda.is_available()
    return Fabric(accelerator="cuda" if use_cuda else "cpu", devices=1, precision=config.precision)


def first_images(loader: Loader, count: int) -> Tensor:
    """The first images that a loader gives, at most `count`."""
    parts, have = [], 0
    for images, _ in loader:
        parts.append(images)
        have += len(images)
        if have >= count:
            break
    return torch.cat(parts)[:count]


def gradient_norms(model: SemanticModel) -> dict[str, Tensor]:
    """Norm of the gradient of encoder, codebook and head."""
    stages = {
        "encoder": model.encoder,
        "codebook": model.transceiver_dig,
        "head": model.head,
    }
    norms = {}
    for stage, module in stages.items():
        parameters = module.parameters() if isinstance(module, nn.Module) else ()
        gradients = [p.grad.flatten() for p in parameters if p.grad is not None]
        total = torch.cat(gradients).norm() if gradients else torch.zeros(())
        norms[f"gradient_norm_{stage}"] = total
    return norms
