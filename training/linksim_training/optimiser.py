"""Optimiser and learning rate."""

import math

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from linksim_training.config import TrainConfig


def make_optimiser(model: nn.Module, config: TrainConfig, lr: float | None = None) -> AdamW:
    """AdamW at `lr`, or at the configured learning rate.

    Biases and the codebook do not decay, since zero is no special value for them.
    """
    decaying = [p for name, p in model.named_parameters() if p.dim() > 1 and not name.endswith("codebook")]
    kept = [p for name, p in model.named_parameters() if p.dim() <= 1 or name.endswith("codebook")]
    groups = [
        {"params": decaying, "weight_decay": config.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=config.lr if lr is None else lr)


def make_scheduler(optimiser: AdamW, config: TrainConfig, steps: int) -> LambdaLR:
    """Learning rate step by step: constant, or half a cosine from the start to zero."""
    if config.lr_schedule == "constant":
        return LambdaLR(optimiser, lambda step: 1.0)
    return LambdaLR(optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))
