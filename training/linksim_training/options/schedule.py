"""Phases, temperatures and SNR over the epochs."""

from dataclasses import dataclass
from typing import Literal

from linksim import checks


@dataclass(kw_only=True)
class Schedule:
    """When each phase runs, how hard the soft path is, and at which SNR."""

    epochs: int = 30
    """Epochs in all."""
    alignment_start_epoch: int = 20
    """First epoch of phase 2 (ALIGNMENT: hard forward, soft backward). 1: no phase 1. Beyond the last epoch:
    no phase 2."""
    temp_freeze_floor: float = 0.7
    """Lowest value of both temperatures, and their value in phase 2."""
    vq_temp_start: float = 1.0
    """Temperature of the assignment in epoch 1."""
    vq_temp_decay: float = 0.97
    """Factor on it from epoch to epoch."""
    vq_temp_floor: float | None = None
    """Its own floor, instead of --temp-freeze-floor."""
    symbol_temp_start: float = 1.0
    """Temperature of the symbols in epoch 1."""
    symbol_temp_decay: float = 0.97
    """Factor on it from epoch to epoch."""
    symbol_temp_floor: float | None = None
    """Its own floor, instead of --temp-freeze-floor."""
    backward_vq_temp: float | None = None
    """Temperature of the assignment that gradients come from, in all epochs; that of the forward pass if left
    out."""
    backward_symbol_temp: float | None = None
    """Temperature of the symbols that gradients come from, in all epochs; that of the forward pass if left
    out."""
    hardening: Literal["step", "ramp"] = "step"
    """Phase 2 is hard from its first epoch, or its share of hard frames ramps from 0 to 1 over its epochs."""
    hardening_blend: Literal["frame", "convex"] = "frame"
    """What the ramp does: send each frame hard with that probability, or blend the embeddings of both paths,
    which no transmitter could send."""
    snr_db_range: tuple[float, float] | None = None
    """Draw the Es/N0 in dB of every frame in training and validation from this range, instead of --snr-db."""

    def _check_schedule(self) -> None:
        checks.whole("epochs", self.epochs, 1)
        checks.whole("alignment_start_epoch", self.alignment_start_epoch, 1)
        for name in ("temp_freeze_floor", "vq_temp_start", "symbol_temp_start"):
            checks.real(name, getattr(self, name), above=0)
        for name in ("vq_temp_decay", "symbol_temp_decay"):
            checks.real(name, getattr(self, name), above=0, most=1)
        for name in ("vq_temp_floor", "symbol_temp_floor", "backward_vq_temp", "backward_symbol_temp"):
            if getattr(self, name) is not None:
                checks.real(name, getattr(self, name), above=0)
        checks.one_of("hardening", self.hardening, ("step", "ramp"))
        checks.one_of("hardening_blend", self.hardening_blend, ("frame", "convex"))
        if self.snr_db_range is not None:
            self.snr_db_range = _range("snr_db_range", self.snr_db_range)

    def phase(self, epoch: int) -> str:
        """LEARNING, or ALIGNMENT from `alignment_start_epoch` on; epochs count from 1."""
        return "ALIGNMENT" if epoch >= self.alignment_start_epoch else "LEARNING"

    def vq_temp(self, epoch: int) -> float:
        """Temperature of the assignment in an epoch: max(floor, start·decay^(epoch−1)), then the floor."""
        floor = self.temp_freeze_floor if self.vq_temp_floor is None else self.vq_temp_floor
        return self._temperature(epoch, self.vq_temp_start, self.vq_temp_decay, floor)

    def symbol_temp(self, epoch: int) -> float:
        """Temperature of the symbols in an epoch, by the same rule as `vq_temp`."""
        floor = self.temp_freeze_floor if self.symbol_temp_floor is None else self.symbol_temp_floor
        return self._temperature(epoch, self.symbol_temp_start, self.symbol_temp_decay, floor)

    def _temperature(self, epoch: int, start: float, decay: float, floor: float) -> float:
        if self.phase(epoch) == "ALIGNMENT":
            return floor
        return max(floor, start * decay ** (epoch - 1))

    @property
    def backward_temperatures(self) -> tuple[float | None, float | None]:
        """Temperatures of assignment and symbols that gradients come from; None: the forward pass's."""
        return self.backward_vq_temp, self.backward_symbol_temp

    def alignment_progress(self, epoch: int) -> float:
        """How far phase 2 has come: 0 in its first epoch (and before), 1 in its last, also if it has one."""
        epochs = self.epochs - self.alignment_start_epoch
        if epochs <= 0:
            return float(self.phase(epoch) == "ALIGNMENT")
        return min(1.0, max(0.0, (epoch - self.alignment_start_epoch) / epochs))

    def hard_share(self, epoch: int) -> float:
        """α, the share of the hard path in the forward pass: 0 in phase 1, 1 or a ramp up to 1 in phase 2."""
        if self.hardening == "ramp":
            return self.alignment_progress(epoch)
        return float(self.phase(epoch) == "ALIGNMENT")


def _range(name: str, value: tuple[float, float]) -> tuple[float, float]:
    if len(value) != 2:
        raise ValueError(f"{name} must be two numbers, lowest and highest, got {len(value)}")
    low, high = (checks.real(name, one) for one in value)
    if low > high:
        raise ValueError(f"{name} must have the lowest value first, got {low:g} and {high:g}")
    return low, high
