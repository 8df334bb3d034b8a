"""One training step's forward pass, as a module that devices, precision and distribution can wrap."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from linksim_training import nonfinite, world
from linksim_training.build import AnyModel
from linksim_training.config import TrainConfig
from linksim_training.losses import frame_sums, terms_of, total_loss
from linksim_training.meter import measured_sums
from linksim_training.model import Output
from linksim_training.parts import AnyOutput
from linksim_training.randomness import FrameRandomness
from linksim_training.routed_model import RoutedModel
from linksim_training.score import with_score
from linksim_training.signal_gradients import SignalGradients

CODEWORD_SUMS = ("codeword_counts", "codeword_totals")


class Frames(NamedTuple):
    """Which frames of an epoch a process transmits, and whether they count.

    Attributes:
        start, end: numbers of the frames in the epoch, the last excluded.
        counted: False for a process that has none of its own in this batch and goes along.
    """

    start: int
    end: int
    counted: bool = True


class TrainingStep(nn.Module):
    """Images and labels to the loss and what is logged of it.

    Attributes:
        signals: knows the gradients of the link's signals after the backward pass.
        failure: after a loss that is not finite, the first stage that was not.
        figures: what `forward` returned last, before precision of any kind could round it.
    """

    def __init__(self, model: AnyModel, config: TrainConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.signals = SignalGradients()
        self.failure = "the loss"
        self.figures: dict[str, Tensor] = {}

    def forward(
        self, images: Tensor, labels: Tensor, frames: Frames, randomness: FrameRandomness, epoch: int
    ) -> dict[str, Tensor]:
        """Transmit a batch and compute its loss.

        The draw is made here, not handed in, so that mixed precision cannot round it.

        Args:
            images: [B, c, h, w], those of this process.
            labels: [B] int64.
            frames: their numbers.
            randomness: of this epoch.
            epoch: decides phase, weights and temperatures.

        Returns:
            "loss", the terms of it, and the figures of `Meter`, each over the frames of all processes; for
            moving averages, "codeword_counts" and "codeword_totals" are sums over them, not means.
        """
        config, phase = self.config, self.config.phase(epoch)
        with randomness.dropout(self.model, frames.start, frames.end):
            output = world.together(lambda: self._transmit(images, labels, frames, randomness, epoch))
        self.signals.watch(output)
        parts = frame_sums(self.model, output, labels, config, phase)
        measured = measured_sums(self.model, output, labels, parts)
        if config.codebook_update == "ema":
            assert isinstance(output, Output)
            measured.update(self._codeword_sums(output))
        parts = {**measured, **parts}  # what both have comes with its gradient
        if not frames.counted:
            parts = {name: 0 * part for name, part in parts.items()}
        sums = world.sums(parts)
        terms = terms_of(sums, config)
        loss = total_loss(terms, config, epoch)
        score = terms.pop("score", None)
        if score is not None:
            loss = loss + score - score.detach()  # a gradient, not a loss
        if not bool(torch.isfinite(loss)):
            self.failure = nonfinite.output_stage(self.model, output, terms)
        means = {name: sums[name] / (1 if name in CODEWORD_SUMS else sums["frames"]) for name in measured}
        result = {"loss": loss, **terms, **means}
        self.figures = {n: one.detach() if one.requires_grad else one for n, one in result.items()}
        return result

    def _codeword_sums(self, output: Output) -> dict[str, Tensor]:
        """[K] number and [K, D] sum of the latents nearest to each codeword."""
        trace = output.trace if output.trace.surrogate is None else output.trace.surrogate
        assert trace.index is not None
        assert trace.latents is not None
        nearest, latents = trace.index.flatten(), trace.latents.detach().flatten(0, 1).double()
        totals = torch.zeros_like(self.model.link.codebook, dtype=torch.float64)
        return {
            "codeword_counts": torch.bincount(nearest, minlength=len(totals)).double(),
            "codeword_totals": totals.index_add_(0, nearest, latents),
        }

    def _transmit(
        self, images: Tensor, labels: Tensor, frames: Frames, randomness: FrameRandomness, epoch: int
    ) -> AnyOutput:
        config = self.config
        draw = randomness.draw(frames.start, frames.end)
        if config.phase(epoch) == "LEARNING":
            return self.model(
                images,
                draw,
                path="soft",
                backward_temperatures=config.backward_temperatures,
            )
        share = config.hard_share(epoch)
        path: str | Tensor = "hard"
        if share < 1:
            path = torch.full_like(draw.snr_db, share)
            if config.hardening_blend == "frame":
                chosen = randomness.uniforms("hardening", (), frames.start, frames.end)
                path = (chosen.to(path.device) < share).to(path.dtype)
        output = self.model(
            images,
            draw,
            path=path,
            backward=config.backward(config.alignment_progress(epoch), draw.snr_db),
            backward_temperatures=config.backward_temperatures,
            end_to_end=config.surrogate_at == "end-to-end",
        )
        if isinstance(self.model, RoutedModel):
            return output
        return with_score(self.model, output, labels, draw, config)
