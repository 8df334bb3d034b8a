"""Statistics of the channels: noise, gains, flips."""

import math

import torch
from scipy import special

from linksim.channel_options import CHANNEL_KINDS, CHANNELS, ChannelName
from linksim.config import LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.signals import Draw
from linksim.verification.broken import close, during, near, require, signal
from linksim.verification.links import PRECISIONS, precision_name
from linksim.verification.random_inputs import random_index
from linksim.verification.statistics import (
    check_complex_gaussian,
    check_noise,
    check_share,
    normal_quantile,
    shared_level,
)

WAVEFORMS: tuple[ChannelName, ...] = tuple(name for name in CHANNELS if CHANNEL_KINDS[name].gain_and_noise)
FADING: tuple[ChannelName, ...] = ("rayleigh", "rayleigh-fast", "rician", "rician-fast")
RICIAN_K = 3.0
FRAMES = 1000

NOISE_LEVEL = shared_level(6 * len(WAVEFORMS) + 6)
GAIN_LEVEL = shared_level(44)
FLIP_LEVEL = shared_level(6)
"""Of each comparison, so that a check as a whole misses by chance for one seed in a thousand."""


def noise_variance(seed: int) -> str:
    """Noise of total variance N0 = 10^(-Es/N0 dB/10), half in each dimension; the receiver is told so."""
    shares = []
    for channel in WAVEFORMS:
        for dtype in PRECISIONS:
            generator = stream(seed, "verify", "noise-variance", channel, str(dtype))
            link = Link(LinkConfig(tokens=64, codebook_size=2, bits_per_symbol=2, channel=channel)).to(dtype)
            with during(f"{channel}, {precision_name(dtype)}"):
                snr_db = torch.linspace(-10, 30, FRAMES, dtype=dtype)
                draw = link.draw(FRAMES, snr_db, generator)
                index = random_index(link, FRAMES, generator)
                shares.append(check_noise(link, index, draw, NOISE_LEVEL))
                _, _, told = link.channel.apply(
                    torch.ones(FRAMES, 32, dtype=dtype.to_complex()), draw.channel
                )
                n0 = 10 ** (-snr_db.double().numpy() / 10)
                near("variance that the receiver is told", told.flatten(), n0, relative=1e-5)
                near("variance that the LLRs tell of", _of_llr(link, index, draw), n0, relative=1e-3)
    uncertain = [_check_uncertain_gain(channel, seed) for channel in FADING if channel.endswith("-fast")]
    uncertain_range = f"{min(uncertain):.4f} … {max(uncertain):.4f} of the stated"
    return f"{min(shares):.4f} … {max(shares):.4f} of N0, with channel estimates {uncertain_range}"


def _of_llr(link: Link, index: torch.Tensor, draw: Draw) -> torch.Tensor:
    """[B] N0 as it follows from the LLRs of QPSK, which are ∓2√2·Re(h*·y)/N0 and ∓2√2·Im(h*·y)/N0."""
    trace = link.hard(index=index, draw=draw)
    matched = draw.channel.get("gain", torch.ones(1)).conj() * signal(trace, "received")
    parts = torch.view_as_real(matched.resolve_conj()).abs().flatten(1)
    return 2 * math.sqrt(2) * parts.sum(1) / signal(trace, "llr").abs().sum(1)


def _check_uncertain_gain(channel: ChannelName, seed: int) -> float:
    """What is left around believed gain times symbol has the variance that the receiver is told."""
    config = LinkConfig(
        tokens=64,
        codebook_size=2,
        bits_per_symbol=2,
        channel=channel,
        rician_k=RICIAN_K,
        csi_error=0.3,
    )
    generator = stream(seed, "verify", "uncertain-gain", channel)
    link = Link(config)
    with during(f"{channel}, channel estimate"):
        draw = link.draw(FRAMES, 15.0, generator)
        trace = link.hard(index=random_index(link, FRAMES, generator), draw=draw)
        symbols = signal(trace, "symbols")
        received, gain, variance = link.channel.apply(symbols, draw.channel)
        return check_complex_gaussian("error", (received - gain * symbols) / variance.sqrt(), NOISE_LEVEL)


def fading_gain(seed: int) -> str:
    """Gains of unit mean power and stated K-factor, Gaussian around their constant part, independent."""
    powers = []
    for channel in FADING:
        k = RICIAN_K if channel.startswith("rician") else 0.0
        config = LinkConfig(tokens=8, codebook_size=4, bits_per_symbol=2, channel=channel, rician_k=RICIAN_K)
        with during(channel):
            frames = 4000 if channel.endswith("-fast") else 20_000
            draw = Link(config).draw(frames, 10.0, stream(seed, "verify", "fading-gain", channel))
            gain = draw.channel["gain"].to(torch.complex128)
            own = 8 if channel.endswith("-fast") else 1
            require(gain.shape == (frames, own), f"gains of shape {list(gain.shape)} for {frames} frames")
            powers.append(_check_gain(gain, k))
    return f"mean power {min(powers):.3f} … {max(powers):.3f}, K = 0 and {RICIAN_K:g}"


def _check_gain(gain: torch.Tensor, k: float) -> float:
    count, quantile = gain.numel(), normal_quantile(GAIN_LEVEL)
    power = gain.abs().square()
    mean_power = float(power.mean())
    # |h|² has the variance (1 + 2K)/(1 + K)².
    limit = quantile * math.sqrt((1 + 2 * k) / count) / (1 + k)
    require(abs(mean_power - 1) < limit, f"mean power {mean_power:.4f} is not 1 within {limit:.4f}")
    scattered = (gain - math.sqrt(k / (k + 1))) * math.sqrt(k + 1)
    check_complex_gaussian("scattered part of the gain", scattered, GAIN_LEVEL)
    mean = complex(scattered.mean())
    limit = quantile * math.sqrt(0.5 / count)
    require(max(abs(mean.real), abs(mean.imag)) < limit, f"mean of the scattered part is {mean:.4f}")
    for threshold in (0.1, 1.0, 3.0):
        above = int((scattered.abs().square() > threshold).sum())
        check_share(f"scattered power above {threshold:g}", above, count, math.exp(-threshold), GAIN_LEVEL)
    for axis in range(2):
        if gain.shape[axis] > 1:
            one, other = (
                scattered.narrow(axis, 1, gain.shape[axis] - 1),
                scattered.narrow(axis, 0, gain.shape[axis] - 1),
            )
            correlation = abs(complex((one * other.conj()).mean()))
            # Of independent gains its square is exponential with mean 1/count.
            limit = math.sqrt(-math.log(1 - GAIN_LEVEL) / one.numel())
            require(correlation < limit, f"neighbouring gains correlate by {correlation:.4f}")
    return mean_power


def bit_flips(seed: int) -> str:
    """The binary symmetric channel flips bits with probability Q(√(2 Es/N0)), each by itself."""
    config = LinkConfig(
        tokens=100, codebook_size=2, bits_per_symbol=1, modulation="psk", channel="bsc", embedding_dim=1
    )
    link, figures = Link(config), []
    for snr_db in (-10.0, 0.0, 4.0):
        generator = stream(seed, "verify", "bit-flips", str(snr_db))
        trace = link.hard(index=random_index(link, 1000, generator), draw=link.draw(1000, snr_db, generator))
        ratio = signal(trace, "received") / signal(trace, "symbols")
        with during(f"{snr_db:g} dB"):
            close("magnitude of what is received", ratio.abs(), torch.ones_like(ratio.abs()), 1e-6)
            probability = float(special.ndtr(-math.sqrt(2 * 10 ** (snr_db / 10))))
            flipped = ratio.real < 0
            share = check_share("flips", int(flipped.sum()), flipped.numel(), probability, FLIP_LEVEL)
            both = flipped[:, 0::2] & flipped[:, 1::2]
            check_share("pairs of flips", int(both.sum()), both.numel(), probability**2, FLIP_LEVEL)
        figures.append(f"{share:.3g} ({probability:.3g})")
    return f"measured (expected) {', '.join(figures)}"
