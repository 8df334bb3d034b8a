"""Rayleigh and Rician fading, constant over a frame or new for every symbol, known well or badly."""

from collections.abc import Mapping

import torch
from torch import Tensor

from linksim.config import LinkConfig
from linksim.sionna_bridge import rayleigh_gain, unit_noise
from linksim.stages.channel.awgn import AwgnChannel
from linksim.stages.channel.protocol import Channel


class FadingChannel:
    """y = h·x + √N0·w with a complex gain h of unit mean power.

    h = √(K/(K+1)) + √(1/(K+1))·g with g complex Gaussian of unit variance: Rician fading with K-factor K,
    Rayleigh fading for K = 0. The SNR is the mean Es/N0 over the fading.

    The receiver observes h + e with e complex Gaussian of variance σ², and believes in the mean of h given
    what it observed, m + v/(v + σ²)·(h + e − m), where m is the constant part of h and v = 1/(K+1) the
    variance of the scattered part (the linear minimum mean square error estimate, Kay, Estimation Theory,
    section 12.3). What is left of h around that mean has the variance v·σ²/(v + σ²); times the unit mean
    energy of a symbol it adds to N0 in the noise variance that the demapper works with.

    Args:
        k_factor: K, linear, at least 0.
        every_symbol: whether each symbol has a gain of its own (fast fading) or a frame has one (block
            fading).
        csi_error: σ², at least 0; 0 is perfect channel state information.
    """

    def __init__(self, k_factor: float = 0.0, every_symbol: bool = False, csi_error: float = 0.0) -> None:
        self.every_symbol = every_symbol
        self.csi_error = csi_error
        self.scattered = 1 / (k_factor + 1)
        self.constant = (k_factor / (k_factor + 1)) ** 0.5
        self._noise = AwgnChannel()

    def draw(
        self, frames: int, symbols: int, snr_db: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Gain [B, 1] or [B, S], error of its observation if any, unit noise [B, S] and N0 [B, 1]."""
        count = symbols if self.every_symbol else 1
        scattered = rayleigh_gain(frames * count, snr_db.dtype, generator).reshape(frames, count)
        drawn = {"gain": self.constant + self.scattered**0.5 * scattered}
        if self.csi_error:
            error = unit_noise((frames, count), snr_db.dtype, generator)
            drawn["gain_error"] = self.csi_error**0.5 * error
        return {**drawn, **self._noise.draw(frames, symbols, snr_db, generator)}

    def apply(self, symbols: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Fade, then add noise; the receiver gets its estimate of the gain."""
        gain = draw["gain"]
        received, _, variance = self._noise.apply(gain * symbols, draw)
        if not self.csi_error:
            return received, gain, variance
        weight = self.scattered / (self.scattered + self.csi_error)
        estimate = self.constant + weight * (gain + draw["gain_error"] - self.constant)
        return received, estimate, variance + weight * self.csi_error


def make(config: LinkConfig) -> Channel:
    """The channels "rayleigh" and "rician", each also with "-fast"."""
    family, _, fast = config.channel.partition("-")
    k_factor = config.rician_k if family == "rician" else 0.0
    return FadingChannel(k_factor, fast == "fast", config.csi_error)
