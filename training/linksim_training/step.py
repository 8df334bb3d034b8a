"""One training step's forward pass, as a module that devices, precision and distribution can wrap."""

import torch
from torch import Tensor, nn

from linksim_training.config import TrainConfig
from linksim_training.losses import loss_terms, total_loss
from linksim_training.meter import measure
from linksim_training.model import SemanticModel


class TrainingStep(nn.Module):
    """Images and labels to the loss and what is logged of it."""

    def __init__(self, model: SemanticModel, config: TrainConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config

    def forward(
        self, images: Tensor, labels: Tensor, snr_db: float, generator: torch.Generator, phase: str
    ) -> dict[str, Tensor]:
        """Transmit a batch and compute its loss.

        The draw is made here, not handed in, so that mixed precision cannot round it.

        Args:
            images: [B, c, h, w].
            labels: [B] int64.
            snr_db: Es/N0 in dB.
            generator: what the draw is made from.
            phase: LEARNING (soft path) or ALIGNMENT (hard forward, soft backward).

        Returns:
            "loss", the terms of it, and the figures of `measure`.
        """
        draw = self.model.link.draw(len(images), snr_db, generator)
        if phase == "LEARNING":
            output = self.model(images, draw, path="soft")
        else:
            output = self.model(images, draw, path="hard", backward=self.config.backward)
        terms = loss_terms(self.model, output, labels, self.config, phase)
        return {"loss": total_loss(terms, self.config), **terms, **measure(output, labels)}
