"""The channels by name: what each is called, what it depends on, and what holds of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal, get_args

from linksim import checks

ChannelName = Literal["awgn", "rayleigh", "rayleigh-fast", "rician", "rician-fast", "bsc"]
CHANNELS: tuple[ChannelName, ...] = get_args(ChannelName)


@dataclass(frozen=True, kw_only=True)
class ChannelOptions:
    """What a channel depends on besides the SNR."""

    rician_k: float = 3.0
    """Rician K-factor: power of the constant part of the gain over that of the scattered part."""
    csi_error: float = 0.0
    """Variance of the error with which the receiver observes a fading gain of unit mean power; 0 is perfect
    channel knowledge."""

    def __post_init__(self) -> None:
        for name, least in {"rician_k": 0.0, "csi_error": 0.0}.items():
            object.__setattr__(self, name, checks.real(name, getattr(self, name), least=least, most=1e6))


@dataclass(frozen=True, kw_only=True)
class ChannelKind:
    """What is known of a channel without making one.

    Attributes:
        module: in `linksim.stages.channel`, with a function `make(config)`.
        title: in pictures and descriptions.
        options: of `ChannelOptions`, those it takes; others have no effect on it.
        theory: whether `linksim.metrics.theory` has formulas for it.
        gain_and_noise: whether y = h·x + √N0·w, drawn as "gain" (absent if it is one), "noise" and
            "noise_variance", with a gain that the receiver knows if no option says otherwise.
        independent_bits: whether uncoded bits of a frame go wrong independently of each other.
    """

    module: str
    title: str
    options: tuple[str, ...] = ()
    theory: bool = False
    gain_and_noise: bool = False
    independent_bits: bool = False


def _fading(title: str, *options: str) -> ChannelKind:
    return ChannelKind(
        module="fading", title=title, options=(*options, "csi_error"), theory=True, gain_and_noise=True
    )


CHANNEL_KINDS: Mapping[ChannelName, ChannelKind] = MappingProxyType(
    {
        "awgn": ChannelKind(
            module="awgn", title="AWGN", theory=True, gain_and_noise=True, independent_bits=True
        ),
        "rayleigh": _fading("Rayleigh block fading"),
        "rayleigh-fast": _fading("Rayleigh fast fading"),
        "rician": _fading("Rician block fading", "rician_k"),
        "rician-fast": _fading("Rician fast fading", "rician_k"),
        "bsc": ChannelKind(
            module="bsc", title="binary symmetric channel", theory=True, independent_bits=True
        ),
    }
)

WITH_THEORY = tuple(name for name in CHANNELS if CHANNEL_KINDS[name].theory)
"""Channels that `linksim.metrics.theory` has formulas for."""


def check_options(channel: ChannelName, options: ChannelOptions) -> None:
    """Refuse imperfect channel knowledge where no gain is estimated.

    Raises:
        ValueError: if there is.
    """
    if options.csi_error and "csi_error" not in CHANNEL_KINDS[channel].options:
        raise ValueError(
            f"csi_error={options.csi_error:g} needs a channel with a gain to estimate: give channel "
            f"'rayleigh' or 'rician' (or -fast), got {channel!r}"
        )


def idle_options(channel: ChannelName) -> set[str]:
    """The options that have no effect on a channel."""
    return {option.name for option in fields(ChannelOptions)} - set(CHANNEL_KINDS[channel].options)
