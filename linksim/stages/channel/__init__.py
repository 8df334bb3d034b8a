"""Channels: one function on both paths, drawn beforehand by Sionna."""

from linksim.config import LinkConfig
from linksim.stages.channel.awgn import AwgnChannel
from linksim.stages.channel.bsc import BinarySymmetricChannel
from linksim.stages.channel.fading import FadingChannel
from linksim.stages.channel.protocol import Channel

__all__ = ["AwgnChannel", "BinarySymmetricChannel", "Channel", "FadingChannel", "make_channel"]


def make_channel(config: LinkConfig) -> Channel:
    """The channel that a configuration names."""
    if config.channel == "awgn":
        return AwgnChannel()
    if config.channel == "bsc":
        return BinarySymmetricChannel()
    family, _, fast = config.channel.partition("-")
    k_factor = config.rician_k if family == "rician" else 0.0
    return FadingChannel(k_factor, fast == "fast", config.csi_error)
