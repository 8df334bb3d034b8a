"""Training as one call."""

from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from typing import Any

from lightning_fabric import Fabric

from linksim.seeds import stream_seed
from linksim_training import world
from linksim_training.build import AnyModel
from linksim_training.config import TrainConfig
from linksim_training.devices import make_fabric
from linksim_training.interruption import Interrupted
from linksim_training.isolation import isolated
from linksim_training.monitor import Finding
from linksim_training.trainer import Loader, Trainer

Listener = Callable[[AnyModel, dict[str, Any]], None]


@dataclass
class History:
    """What training left: one row per epoch, as in `metrics.jsonl`."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def best(self, part: str, figure: str) -> dict[str, Any]:
        """The earliest row with the highest figure of a part, such as ("val", "hard_accuracy")."""
        return max(self.rows, key=lambda row: row[part][figure])

    @property
    def findings(self) -> list[Finding]:
        """Warnings and diagnoses, each when first seen."""
        return [Finding(**one) for row in self.rows for one in row["findings"]]

    @property
    def aligned(self) -> bool:
        """Whether training stopped early because both paths agreed."""
        return bool(self.rows) and self.rows[-1]["stopped_early"]


def fit(
    model: AnyModel,
    train_loader: Loader,
    validation_loader: Loader,
    config: TrainConfig | None = None,
    *,
    snr_db: float = 8.0,
    on_epoch: Listener | None = None,
    on_batch: Callable[[], None] | None = None,
    on_state: Callable[[dict[str, Any]], None] | None = None,
    state: dict[str, Any] | None = None,
    stop: Callable[[], bool] | None = None,
    fabric: Fabric | None = None,
) -> History:
    """Train in two phases.

    Phase LEARNING trains the soft path at falling temperatures. Phase ALIGNMENT, from
    `config.alignment_start_epoch` on, transmits hard, with the gradient of `config.gradient` and the
    consistency loss, at frozen temperatures. Both paths are validated after every epoch on the same draws,
    which are the same in every epoch.

    What is random about a frame depends on the seed, the epoch and the frame's place in it, not on the batch
    size or the number of processes. A loader with a method `set_epoch` is told the epoch before each pass, as
    PyTorch's `DistributedSampler` is; only then does a resumed training see the order of an unbroken one.

    Args:
        model: trained in place; moved to `config.device`.
        train_loader: batches of inputs [B, ...] and labels [B]; each process goes through all of it and takes
            its part of each batch.
        validation_loader: likewise; never trained on.
        config: settings; the defaults if None.
        snr_db: Es/N0 in dB of training and validation, unless the settings have a range.
        on_epoch: called with the model and the row after every epoch, for logs and checkpoints.
        on_batch: called after every training step, for progress.
        on_state: called with the state after every epoch, and when training is stopped, to be kept for
            `state`.
        state: of a training with the same settings, data and model, to go on from.
        stop: asked after every training step and every epoch; when it says so, training stops.
        fabric: launched devices; made from the settings, and launched, if None.

    Returns:
        the rows of all epochs.

    Raises:
        Interrupted: when `stop` says so, after `on_state`.
        ValueError: if a loader is empty, a device is not there, or a loss or gradient is not finite.

    Example:
        >>> import torch
        >>> from linksim_training import TrainConfig, build_model, fit, load_data
        >>> data = load_data("digits")
        >>> model = build_model(data.image_shape, data.classes)
        >>> generator = torch.Generator().manual_seed(0)
        >>> loaders = data.loader("train", 64, generator), data.loader("validation", 256)
        >>> history = fit(model, *loaders, TrainConfig(epochs=1))
        >>> sorted(history.rows[0])[:4]
        ['codebook', 'epoch', 'findings', 'hard_forward']
    """
    config = TrainConfig() if config is None else config
    for name, loader in (("train_loader", train_loader), ("validation_loader", validation_loader)):
        if not isinstance(loader, Sized) or not len(loader):
            raise ValueError(f"{name} must be a list or loader of at least one batch, with a length")
    if fabric is None:
        fabric = make_fabric(config)
        fabric.launch()
    learns = model.link.codebook.requires_grad
    with isolated(stream_seed(config.seed, "modules"), fabric.device):
        try:
            trainer = Trainer(model, train_loader, validation_loader, config, snr_db, fabric, state)
            while not trainer.finished:
                try:
                    trainer.train_epoch(on_batch, stop)
                except Interrupted:
                    if on_state is not None:
                        on_state(trainer.state())
                    raise
                row = trainer.finish_epoch()
                if on_epoch is not None:
                    on_epoch(model, row)
                if on_state is not None:
                    on_state(trainer.state())
                if not trainer.finished and stop is not None and any(world.gathered(stop())):
                    raise Interrupted(trainer.epoch, trainer.batch)
        finally:
            model.link.codebook.requires_grad_(learns)
    model.eval()
    return History(trainer.rows)
