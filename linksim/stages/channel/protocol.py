"""What a channel is: two methods. What is random about a transmission is drawn first, then applied."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor


class Channel(Protocol):
    """Any object with these two methods can be given to `Link`.

    A channel is one function on both paths: `apply` gets the real symbols of the hard path and the mean
    symbols of the soft path with the same draw, and must be differentiable in the symbols. It must treat
    frames independently of each other.
    """

    def draw(
        self, frames: int, symbols: int, snr_db: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Draw everything random about transmitting B frames of S symbols.

        Args:
            frames: B.
            symbols: S.
            snr_db: [B] Es/N0 in dB; its dtype is the precision to draw in.
            generator: what to draw from; results lie on its device.

        Returns:
            tensors by name; the first dimension of each counts frames.
        """
        ...

    def apply(self, symbols: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Transmit.

        Args:
            symbols: [B, S] complex transmitted symbols.
            draw: what `draw` returned.

        Returns:
            received [B, S]; the gain that the receiver believes in; and the variance of everything that the
            receiver must count as noise around gain times symbol, total of both dimensions. Gain and variance
            have a shape that broadcasts to [B, S].
        """
        ...
