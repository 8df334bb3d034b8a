"""Devices, processes and precision, through Fabric."""

import torch
from lightning_fabric import Fabric

from linksim_training.config import TrainConfig


def make_fabric(config: TrainConfig) -> Fabric:
    """The devices, processes and precision to train with, not launched yet.

    Raises:
        ValueError: if there are not as many devices as asked for.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' is not available on this machine: use auto or cpu")
    use_cuda = config.device != "cpu" and torch.cuda.is_available()
    if use_cuda and config.devices > torch.cuda.device_count():
        raise ValueError(
            f"devices must be at most {torch.cuda.device_count()}, the GPUs of this machine, got "
            f"{config.devices}"
        )
    strategy = "ddp" if config.distributed else "auto"
    return Fabric(
        accelerator="cuda" if use_cuda else "cpu",
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=strategy,
        precision=config.precision,
    )
