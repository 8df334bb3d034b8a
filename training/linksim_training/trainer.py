"""The two-phase training loop, step by step, with a state that it can go on from."""

import math
from collections.abc import Callable, Iterable, Iterator, Sized
from copy import deepcopy
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from linksim import checks
from linksim.seeds import stream
from linksim_training import nonfinite, world
from linksim_training.build import AnyModel
from linksim_training.codebook import (
    MovingAverages,
    initialise_codebook,
    latents_of,
    restart_dead_codes,
)
from linksim_training.config import TrainConfig, check_routed
from linksim_training.evaluate import evaluate
from linksim_training.interruption import Interrupted
from linksim_training.isolation import seed_modules
from linksim_training.meter import Meter
from linksim_training.monitor import Monitor, reached_alignment
from linksim_training.optimiser import learning_rate_factor, make_optimiser, make_scheduler
from linksim_training.parts import links_of
from linksim_training.randomness import FrameRandomness, Snr
from linksim_training.routed_model import RoutedModel
from linksim_training.rows import epoch_row
from linksim_training.step import Frames, TrainingStep

Loader = Iterable[tuple[Tensor, Tensor]]
KMEANS_IMAGES = 2000
CHECKED_IMAGES = 64


class Trainer:
    """One training: model, optimiser and everything that changes from step to step.

    Args:
        model: trained in place.
        train_loader, validation_loader, config, snr_db: as for `fit`.
        fabric: launched.
        state: of an earlier training to go on from, as `state()` gives it.
    """

    def __init__(
        self,
        model: AnyModel,
        train_loader: Loader,
        validation_loader: Loader,
        config: TrainConfig,
        snr_db: float,
        fabric: Fabric,
        state: dict[str, Any] | None = None,
    ) -> None:
        assert isinstance(train_loader, Sized)
        self.model, self.config, self.fabric = model, config, fabric
        self.train_loader, self.validation_loader = train_loader, validation_loader
        self.snr_db: Snr = snr_db if config.snr_db_range is None else config.snr_db_range
        self.epoch, self.batch, self.meter = 1, 0, Meter()
        self.rows: list[dict[str, Any]] = []
        if isinstance(model, RoutedModel):
            check_routed(config)
        self.monitor = Monitor(links_of(model), config, self.snr_db)
        seed_modules(config.seed, "start")
        self.sample = first_images(self._epoch_of(train_loader, 1), KMEANS_IMAGES)
        if state is None and not config.random_codebook:
            initialise_codebook(model, self.sample, config.seed)
        self.averages: MovingAverages | None = None
        codebook = model.link.codebook
        if config.codebook_update == "ema":
            codebook.requires_grad_(False)
        self.bare_optimiser = make_optimiser(model, config)
        self.bare_step = TrainingStep(model, config)
        self.step, self.optimiser = fabric.setup(self.bare_step, self.bare_optimiser)
        self.steps = len(train_loader) * config.epochs
        self.scheduler = make_scheduler(self.bare_optimiser, config, self.steps)
        if config.codebook_update == "ema":
            self.averages = MovingAverages(codebook, config.ema_decay)
        self.random: Tensor | None = None
        if state is not None:
            self._restore(state)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on, as plain values and tensors of its own."""
        state = {
            "epoch": self.epoch,
            "batch": self.batch,
            "meter": self.meter.state() if self.batch else None,
            "model": {name: tensor.detach().cpu() for name, tensor in self.model.state_dict().items()},
            "optimiser": self.bare_optimiser.state_dict(),
            "scheduler": {"last_epoch": self.scheduler.last_epoch},
            "averages": None if self.averages is None else self.averages.state(),
            "random": torch.get_rng_state(),
            "rows": self.rows,
        }
        return deepcopy(state)

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self._take(deepcopy(state))
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            reason = checks.one_line(error)
            raise ValueError(f"the training state does not fit this training: {reason}") from error

    def _take(self, state: dict[str, Any]) -> None:
        self.epoch, self.batch = int(state["epoch"]), int(state["batch"])
        self.meter = Meter(state["meter"])
        self.rows = list(state["rows"])
        batches, done = len(self.train_loader), int(state["scheduler"]["last_epoch"])  # type: ignore[arg-type]
        if not 0 <= self.batch < batches or done != (self.epoch - 1) * batches + self.batch:
            raise ValueError(f"epoch {self.epoch}, batch {self.batch} of {batches}, step {done}")
        if [row["epoch"] for row in self.rows] != list(range(1, self.epoch)):
            raise ValueError(f"epoch {self.epoch} after {len(self.rows)} epochs")
        self.model.load_state_dict(state["model"])
        self.bare_optimiser.load_state_dict(state["optimiser"])
        self.scheduler.last_epoch = done
        for group, base, factor in zip(
            self.bare_optimiser.param_groups,
            self.scheduler.base_lrs,
            self.scheduler.lr_lambdas,
            strict=True,
        ):
            group["lr"] = base * factor(done)
        if self.averages is not None:
            self.averages.restore(state["averages"])
        for row in self.rows:
            self.monitor.observe(row)
        torch.set_rng_state(state["random"])  # refuses what is no state of a generator
        if self.batch and world.size() == 1:
            self.random = state["random"]

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or the last one reached the aim of early stopping."""
        stopped = bool(self.rows) and self.batch == 0 and self.rows[-1]["stopped_early"]
        return self.epoch > self.config.epochs or stopped

    def train_epoch(self, on_batch: Callable[[], None] | None, stop: Callable[[], bool] | None) -> None:
        """Go on to the end of the epoch.

        Raises:
            Interrupted: after a step at which `stop` says so.
            ValueError: if a loss or gradient is not finite, naming epoch, batch and stage.
        """
        config, model = self.config, self.model
        model.link.vq_temp, model.link.symbol_temp = (
            config.vq_temp(self.epoch),
            config.symbol_temp(self.epoch),
        )
        start_step = (self.epoch - 1) * len(self.train_loader)  # type: ignore[arg-type]
        self.learning_rate = config.lr * learning_rate_factor(config, start_step / self.steps)
        key = ("training", self.epoch)
        randomness = FrameRandomness(model.link, config.seed, key, self.snr_db, config.gradient == "gumbel")
        model.train()
        start = 0
        for number, (images, labels) in enumerate(self._batches()):
            first, end, count = world.share_of(len(labels))
            frames = Frames(start + first, start + end, count)
            start += len(labels)
            if number < self.batch:
                continue
            if self.random is not None:  # of modules, where the training was stopped
                torch.set_rng_state(self.random)
                self.random = None
            images, own_labels = images[first:end].to(self.fabric.device), labels[first:end]
            figures = self._train_batch(images, own_labels.to(self.fabric.device), frames, randomness)
            self.batch = number + 1
            self.meter.add(figures, len(labels))
            if on_batch is not None:
                on_batch()
            if stop is not None and self.batch < len(self.train_loader) and any(world.gathered(stop())):  # type: ignore[arg-type]
                raise Interrupted(self.epoch, self.batch)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The epoch's batches, in the same order in every process.

        Loaders that shuffle by the global generator do so as the first batch is asked for; from then on it
        serves the modules, whose masks differ between processes.
        """
        seed_modules(self.config.seed, "order", self.epoch)
        batches = iter(self._epoch_of(self.train_loader, self.epoch))
        first = next(batches)
        seed_modules(self.config.seed, "epoch", self.epoch, world.rank())
        yield first
        yield from batches

    def _train_batch(
        self, images: Tensor, labels: Tensor, frames: Frames, randomness: FrameRandomness
    ) -> dict[str, Tensor]:
        model, config = self.model, self.config
        try:
            loss = self.step(images, labels, frames, randomness, self.epoch)["loss"]
            figures = self.bare_step.figures
        except ValueError as error:
            stages = world.gathered(nonfinite.refused_stage(error, model, images))
            stage = next((stage for stage in stages if stage is not None), None)
            if stage is None:
                raise
            raise nonfinite.diverged(self.epoch, self.batch + 1, "numbers are", stage) from error
        if not bool(torch.isfinite(figures["loss"])):
            stages = world.gathered(nonfinite.input_stage(model, images) or self.bare_step.failure)
            stage = min(stages, key=lambda stage: stage.startswith("the loss"))  # which all processes share
            raise nonfinite.diverged(self.epoch, self.batch + 1, "the loss is", stage)
        self.optimiser.zero_grad()
        self.fabric.backward(loss)
        norms = {**gradient_norms(model), **self.bare_step.signals.norms()}
        if not all(math.isfinite(float(norm)) for norm in norms.values()):
            stage = nonfinite.gradient_stage(model) or "the link's signals"
            raise nonfinite.diverged(self.epoch, self.batch + 1, "the gradient is", stage)
        if config.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        self.optimiser.step()
        self.scheduler.step()
        counts, totals = figures.pop("codeword_counts", None), figures.pop("codeword_totals", None)
        if self.averages is not None:
            assert counts is not None
            assert totals is not None
            self.averages.update(counts, totals)
        return {**figures, **norms}

    def finish_epoch(self) -> dict[str, Any]:
        """Move dead codewords, validate, and begin the next epoch; returns the row of this one."""
        config, link = self.config, self.model.link
        key = ("validation",)
        randomness = FrameRandomness(link, config.seed, key, self.snr_db)
        usage = self.meter.usage()
        restarted = 0
        if config.restart_dead_codes and self.epoch < config.epochs:
            generator = stream(config.seed, "restart", self.epoch)
            latents = latents_of(self.model, self.sample)
            for one, used in zip(links_of(self.model), usage, strict=True):
                dead = restart_dead_codes(
                    one.codebook, used, config.restart_dead_codes, latents, generator, self.bare_optimiser
                )
                if self.averages is not None:
                    self.averages.restart(dead)
                restarted += len(dead)
        phase = config.phase(self.epoch)
        if not bool(torch.isfinite(latents_of(self.model, self.sample[:CHECKED_IMAGES])).all()):
            stage = nonfinite.input_stage(self.model, self.sample[:CHECKED_IMAGES]) or "the latents"
            raise nonfinite.diverged(self.epoch, self.batch, "after the step, numbers are", stage)
        evaluation = evaluate(
            self.model, self.validation_loader, self.snr_db, randomness, config, phase, self.epoch
        )
        figures = {**self.meter.result(), **evaluation.figures, **evaluation.mismatch}
        stage = next((name for name, figure in figures.items() if not math.isfinite(figure)), None)
        if stage is not None:
            raise nonfinite.diverged(self.epoch, self.batch, "the epoch's figures are", stage)
        row = epoch_row(self.epoch, self.model, config, self.learning_rate, self.meter, evaluation, restarted)
        findings = self.monitor.observe(row)
        row["warnings"] = [finding.name for finding in findings if not finding.good]
        row["findings"] = [one.as_dict() for one in findings if self.monitor.first[one.name] is one]
        row["stopped_early"] = reached_alignment(row, config)
        self.rows.append(row)
        self.epoch, self.batch, self.meter = self.epoch + 1, 0, Meter()
        return row

    @staticmethod
    def _epoch_of(loader: Loader, epoch: int) -> Loader:
        if hasattr(loader, "set_epoch"):
            loader.set_epoch(epoch)  # type: ignore[attr-defined]
        return loader


def first_images(loader: Loader, count: int) -> Tensor:
    """The first images that a loader gives, at most `count`."""
    parts, have = [], 0
    for images, _ in loader:
        parts.append(images)
        have += len(images)
        if have >= count:
            break
    return torch.cat(parts)[:count]


def gradient_norms(model: AnyModel) -> dict[str, Tensor]:
    """Norm of the gradient of encoder, codebook and head."""
    stages = {"encoder": model.encoder, "codebook": model.transceiver_dig, "head": model.head}
    norms = {}
    for stage, module in stages.items():
        parameters = module.parameters() if isinstance(module, nn.Module) else ()
        each = [torch.linalg.vector_norm(p.grad) for p in parameters if p.grad is not None]
        norms[f"gradient_norm_{stage}"] = torch.stack(each).norm() if each else torch.zeros(())
    return norms
