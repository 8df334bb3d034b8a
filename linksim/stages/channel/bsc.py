"""Binary symmetric channel."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.special import log_ndtr

from linksim.config import LinkConfig
from linksim.sionna_bridge import bit_flips
from linksim.stages.channel.protocol import Channel


class BinarySymmetricChannel:
    """Each bit flips with probability p, whatever the others do: y = ±x for BPSK symbols x.

    p = Q(√(2·Es/N0)): what hard decisions on BPSK leave of a channel with white Gaussian noise, so that the
    SNR axis keeps its meaning (`linksim.metrics.theory.bsc_snr_db` gives the SNR for a wanted p). The exact
    LLR is ∓ln((1 − p)/p). The demapper computes it from y, since the LLR of BPSK in Gaussian noise is
    −4·Re(y)/N0: the noise variance handed on is 4/ln((1 − p)/p).
    """

    def draw(
        self, frames: int, symbols: int, snr_db: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Sign of each symbol [B, S], −1 where the bit flips, and noise variance [B, 1] for the demapper."""
        amplitude = (2 * 10 ** (snr_db.to(generator.device).double() / 10)).sqrt().unsqueeze(1)
        log_flip, log_keep = log_ndtr(-amplitude), log_ndtr(amplitude)
        flips = bit_flips(log_flip.exp(), symbols, generator)
        return {
            "sign": (1 - 2 * flips).to(snr_db.dtype),
            "noise_variance": (4 / (log_keep - log_flip)).to(snr_db.dtype),
        }

    def apply(self, symbols: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Flip; the gain is one."""
        variance = draw["noise_variance"]
        return draw["sign"] * symbols, torch.ones_like(variance), variance


def make(_: LinkConfig) -> Channel:
    """The channel "bsc", which depends on nothing but the SNR."""
    return BinarySymmetricChannel()
