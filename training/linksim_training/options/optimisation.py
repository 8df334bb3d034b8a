"""How the weights are learnt, and on what."""

from dataclasses import dataclass
from typing import Literal

from linksim import checks


@dataclass(kw_only=True)
class Optimisation:
    """How the weights are learnt."""

    lr: float = 1e-3
    """Learning rate of AdamW."""
    lr_schedule: Literal["cosine", "linear", "constant", "phase"] = "cosine"
    """cosine and linear: fall to --lr-end over all epochs; phase: constant, times --lr-end in phase 2."""
    lr_end: float | None = None
    """Share of --lr that the schedule ends with; 0 by default, 0.1 for the schedule phase."""
    lr_warmup_epochs: int = 0
    """Epochs over which the learning rate first rises from 0, step by step."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW, on encoder and head."""
    clip_norm: float | None = None
    """Scale the gradient of all weights down to this norm where it is longer."""
    seed: int = 0
    """Seed of everything random in training."""

    def _check_optimisation(self) -> None:
        checks.real("lr", self.lr, above=0)
        checks.one_of("lr_schedule", self.lr_schedule, ("cosine", "linear", "constant", "phase"))
        if self.lr_end is not None:
            checks.real("lr_end", self.lr_end, least=0, most=1)
        checks.whole("lr_warmup_epochs", self.lr_warmup_epochs, 0)
        checks.real("weight_decay", self.weight_decay, least=0)
        if self.clip_norm is not None:
            checks.real("clip_norm", self.clip_norm, above=0)
        checks.whole("seed", self.seed, 0, 2**63 - 1)


@dataclass(kw_only=True)
class Devices:
    """Machines, processes and precision."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Kind of device to train on; auto takes a GPU if there is one."""
    devices: int = 1
    """Devices per machine, or processes on a CPU; a batch is divided among them."""
    num_nodes: int = 1
    """Machines, as started by SLURM or torchrun."""
    strategy: Literal["auto", "ddp"] = "auto"
    """ddp: one process per device, gradients averaged; auto takes it where there is more than one device."""
    precision: Literal["32-true", "64-true", "bf16-mixed"] = "32-true"
    """Floating-point precision; the link itself is never in less than 32 bits."""

    def _check_devices(self) -> None:
        checks.one_of("device", self.device, ("auto", "cpu", "cuda"))
        checks.whole("devices", self.devices, 1)
        checks.whole("num_nodes", self.num_nodes, 1)
        checks.one_of("strategy", self.strategy, ("auto", "ddp"))
        checks.one_of("precision", self.precision, ("32-true", "64-true", "bf16-mixed"))

    @property
    def distributed(self) -> bool:
        """Whether processes train together."""
        return self.strategy == "ddp" or self.devices * self.num_nodes > 1
