"""Defects of noise, fading, random generators, and of what an information bit costs.

Each function takes pytest's monkeypatch; links must be made after planting.
"""

import math

import numpy as np
import torch

from linksim import FrameLayout, Link, sionna_bridge
from linksim.stages.channel import AwgnChannel, BinarySymmetricChannel, FadingChannel, awgn, fading


def noise_variance_doubled(plant):
    """N0 in each real dimension."""
    original = awgn.unit_noise
    plant.setattr(awgn, "unit_noise", lambda *arguments: 2**0.5 * original(*arguments))


def noise_in_one_dimension(plant):
    """All of N0 in the real part."""
    original = awgn.unit_noise
    plant.setattr(awgn, "unit_noise", lambda *arguments: 2**0.5 * original(*arguments).real + 0j)


def told_half_the_noise(plant):
    """The receiver is told the noise variance of one dimension."""
    original = AwgnChannel.apply

    def apply(self, symbols, draw):
        received, gain, variance = original(self, symbols, draw)
        return received, gain, variance / 2

    plant.setattr(AwgnChannel, "apply", apply)


def power_normalised_over_the_batch(plant):
    """The transmitter scales to unit power with the mean over all frames."""
    original = AwgnChannel.apply

    def apply(self, symbols, draw):
        return original(self, symbols / symbols.abs().square().mean().sqrt(), draw)

    plant.setattr(AwgnChannel, "apply", apply)


def first_generator_for_all(plant):
    """Of a list of generators only the first is used."""
    original = Link.draw

    def draw(self, frames, snr_db, generator):
        return original(self, frames, snr_db, generator[0] if isinstance(generator, list) else generator)

    plant.setattr(Link, "draw", draw)


def global_generator_for_noise(plant):
    plant.setattr(awgn, "unit_noise", lambda shape, dtype, _: torch.randn(shape, dtype=dtype.to_complex()))


def global_generator_put_back(plant):
    """Drawn from the global generator, whose state is restored afterwards."""

    def unit_noise(shape, dtype, _):
        with torch.random.fork_rng(devices=[]):
            return torch.randn(shape, dtype=dtype.to_complex())

    plant.setattr(awgn, "unit_noise", unit_noise)


def global_generator_of_numpy(plant):
    """Gains from NumPy's global generator."""

    def rayleigh_gain(frames, dtype, _):
        parts = np.random.randn(frames, 2) * 0.5**0.5  # noqa: NPY002
        return torch.view_as_complex(torch.from_numpy(parts).to(dtype)).unsqueeze(1)

    plant.setattr(fading, "rayleigh_gain", rayleigh_gain)


def global_generator_of_sionna(plant):
    """Sionna's channel draws from Sionna's own generator."""
    plant.setattr(sionna_bridge._SeededAWGN, "torch_rng", sionna_bridge.AWGN.torch_rng)


def gain_of_unit_variance_per_dimension(plant):
    original = fading.rayleigh_gain
    plant.setattr(fading, "rayleigh_gain", lambda *arguments: 2**0.5 * original(*arguments))


def k_factor_in_decibels(plant):
    original = FadingChannel.__init__

    def init(self, k_factor=0.0, *arguments):
        original(self, 10 ** (k_factor / 10) if k_factor else 0.0, *arguments)

    plant.setattr(FadingChannel, "__init__", init)


def estimate_error_not_counted(plant):
    """The receiver takes its estimate of the gain for the gain."""
    original = FadingChannel.apply

    def apply(self, symbols, draw):
        received, gain, _ = original(self, symbols, draw)
        return received, gain, draw["noise_variance"]

    plant.setattr(FadingChannel, "apply", apply)


def flips_of_orthogonal_signals(plant):
    """p = Q(√(Es/N0)) in place of Q(√(2·Es/N0))."""
    original = BinarySymmetricChannel.draw

    def draw(self, frames, symbols, snr_db, generator):
        return original(self, frames, symbols, snr_db - 3.0103, generator)

    plant.setattr(BinarySymmetricChannel, "draw", draw)


def ebno_without_padding(plant):
    """Pad bits cost nothing."""

    def cost(self):
        return 10 * math.log10(self.coded_bits / self.bits_per_symbol / self.information_bits)

    plant.setattr(FrameLayout, "ebno_db", lambda self, esno_db: esno_db + cost(self))
    plant.setattr(FrameLayout, "esno_db", lambda self, ebno_db: ebno_db - cost(self))


def ebno_without_code_rate(plant):
    """Coded bits count as information bits."""

    def ebno_db(self, esno_db):
        return esno_db + 10 * math.log10(self.symbols / self.coded_bits)

    plant.setattr(FrameLayout, "ebno_db", ebno_db)
