"""Optimiser and learning rate."""

import math
from typing import Any

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from linksim_training.config import TrainConfig

ROUTER = "transceiver_dig.router."
ROUTER_BETAS = (0.9, 0.98)
ROUTER_DECAY = 5.0
"""Modes differ by nats at first and by thousandths later. A short memory of squared gradients lets the router
learn the latter, too, and the decay keeps it from being so sure of the former that no gradient is left."""


def make_optimiser(model: nn.Module, config: TrainConfig, lr: float | None = None) -> AdamW:
    """AdamW at `lr`, or at the configured learning rate.

    Biases and the codebook do not decay, since zero is no special value for them.
    """
    named = {name: p for name, p in model.named_parameters() if not name.startswith(ROUTER)}
    decaying = [p for name, p in named.items() if p.dim() > 1 and not name.endswith("codebook")]
    kept = [p for name, p in named.items() if p.dim() <= 1 or name.endswith("codebook")]
    groups: list[dict[str, Any]] = [
        {"params": decaying, "weight_decay": config.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    router = [p for name, p in model.named_parameters() if name.startswith(ROUTER)]
    if router:
        groups.append({"params": router, "weight_decay": ROUTER_DECAY, "betas": ROUTER_BETAS})
    return AdamW(groups, lr=config.lr if lr is None else lr, fused=True)


def make_scheduler(optimiser: AdamW, config: TrainConfig, steps: int) -> LambdaLR:
    """Learning rate step by step, over `steps` of them in all."""
    return LambdaLR(optimiser, lambda step: learning_rate_factor(config, step / steps))


def learning_rate_factor(config: TrainConfig, progress: float) -> float:
    """Learning rate over its configured value.

    Args:
        config: gives the schedule, its end and the warm-up.
        progress: share of all training steps that are done, from 0 to 1.
    """
    epochs = progress * config.epochs
    warm = min(1.0, epochs / config.lr_warmup_epochs) if config.lr_warmup_epochs else 1.0
    if config.lr_schedule == "constant":
        return warm
    end = config.lr_end
    if config.lr_schedule == "phase":
        # A step early or late by rounding would be one at ten times the rate.
        aligned = epochs > config.alignment_start_epoch - 1 - 1e-9
        return warm * ((0.1 if end is None else end) if aligned else 1.0)
    end, done = 0.0 if end is None else end, min(1.0, progress)
    falling = 0.5 * (1 + math.cos(math.pi * done)) if config.lr_schedule == "cosine" else 1 - done
    return warm * (end + (1 - end) * falling)
