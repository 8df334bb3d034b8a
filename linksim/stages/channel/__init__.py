"""Channels: one function on both paths, drawn beforehand by Sionna."""

from importlib import import_module

from linksim.channel_options import CHANNEL_KINDS
from linksim.config import LinkConfig
from linksim.stages.channel.awgn import AwgnChannel
from linksim.stages.channel.bsc import BinarySymmetricChannel
from linksim.stages.channel.fading import FadingChannel
from linksim.stages.channel.protocol import Channel

__all__ = ["AwgnChannel", "BinarySymmetricChannel", "Channel", "FadingChannel", "make_channel"]


def make_channel(config: LinkConfig) -> Channel:
    """The channel that a configuration names."""
    return import_module(f"{__name__}.{CHANNEL_KINDS[config.channel].module}").make(config)
