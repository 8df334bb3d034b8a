"""Channel: one function on both paths. What is random about it is drawn beforehand, by Sionna."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from linksim.sionna_bridge import rayleigh_gain, unit_noise


class Channel(Protocol):
    """What a channel is: two methods. Any object that has them can be given to `Link`."""

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
            received [B, S]; gain that the receiver believes in and noise variance, both of a shape that
            broadcasts to [B, S].
        """
        ...


class AwgnChannel:
    """Additive white Gaussian noise: y = x + √N0·w with w complex Gaussian of unit variance."""

    def draw(
        self, frames: int, symbols: int, snr_db: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Unit noise [B, S] and noise variance N0 [B, 1] for unit symbol energy."""
        variance = 10 ** (-snr_db.to(generator.device) / 10)
        return {
            "noise": unit_noise((frames, symbols), snr_db.dtype, generator),
            "noise_variance": variance.unsqueeze(1),
        }

    def apply(self, symbols: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Add noise; the gain is one."""
        variance = draw["noise_variance"]
        received = symbols + variance.sqrt() * draw["noise"]
        return received, torch.ones_like(variance), variance


class RayleighChannel:
    """Block Rayleigh fading: y = h·x + √N0·w, one complex Gaussian gain h of unit mean power per frame.

    The receiver knows h. The SNR is the mean Es/N0 over the fading.
    """

    def __init__(self) -> None:
        self._noise = AwgnChannel()

    def draw(
        self, frames: int, symbols: int, snr_db: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Gain [B, 1], unit noise [B, S] and noise variance N0 [B, 1]."""
        gain = rayleigh_gain(frames, snr_db.dtype, generator)
        return {"gain": gain, **self._noise.draw(frames, symbols, snr_db, generator)}

    def apply(self, symbols: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Fade, then add noise."""
        received, _, variance = self._noise.apply(draw["gain"] * symbols, draw)
        return received, draw["gain"], variance


CHANNELS: dict[str, type[AwgnChannel] | type[RayleighChannel]] = {
    "awgn": AwgnChannel,
    "rayleigh": RayleighChannel,
}
