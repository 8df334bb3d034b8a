"""Temperatures and phases over the epochs of `fit`."""

from typing import Any

from linksim import checks
from linksim.interop.keras.backend import keras
from linksim.interop.keras.layer import LinkLayer


class TwoPhases(keras.callbacks.Callback):
    """Trains soft at falling temperatures first, and from an epoch on hard at the lowest of them.

    The rule of linksim's trainer: in epoch e, counted from 1, both temperatures are max(floor,
    start·decay^(e−1)) before `hard_from`, and `floor` from there on.

    Args:
        layer: whose path and temperatures are set as an epoch begins.
        hard_from: first epoch of the hard forward pass; 1: hard from the start.
        start: temperatures in epoch 1.
        decay: factor from epoch to epoch, in (0, 1].
        floor: lowest value, and that of the hard phase.

    Raises:
        TypeError, ValueError: if an argument is wrong, naming it.
    """

    def __init__(
        self,
        layer: LinkLayer,
        hard_from: int = 20,
        start: float = 1.0,
        decay: float = 0.97,
        floor: float = 0.7,
    ) -> None:
        super().__init__()
        if not isinstance(layer, LinkLayer):
            raise TypeError(f"layer must be a LinkLayer, got {type(layer).__name__}")
        self.layer = layer
        self.hard_from = checks.whole("hard_from", hard_from, 1)
        self.start = checks.real("start", start, above=0)
        self.decay = checks.real("decay", decay, above=0, most=1)
        self.floor = checks.real("floor", floor, above=0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set path and temperatures; `epoch` counts from 0, as Keras counts."""
        hard = epoch + 1 >= self.hard_from
        temperature = self.floor if hard else max(self.floor, self.start * self.decay**epoch)
        self.layer.forward = "hard" if hard else "soft"
        self.layer.vq_temp = self.layer.symbol_temp = temperature
