"""Additive white Gaussian noise."""

from collections.abc import Mapping

import torch
from torch import Tensor

from linksim.config import LinkConfig
from linksim.sionna_bridge import unit_noise
from linksim.stages.channel.protocol import Channel


class AwgnChannel:
    """y = x + √N0·w with w complex Gaussian of unit variance."""

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


def make(_: LinkConfig) -> Channel:
    """The channel "awgn", which depends on nothing but the SNR."""
    return AwgnChannel()
