"""Defects of quantizer, bits, symbols and transmitter front end.

Each function takes pytest's monkeypatch; links must be made after planting.
"""

import torch
from torch.nn.functional import pad

from linksim import Modem, bits, constellations, modem
from linksim.stages import front_end, quantize
from linksim.stages import map as mapping
from linksim.stages.front_end import RappAmplifier
from linksim.stages.map import Map
from linksim.stages.quantize import Quantize
from linksim.stages.symbol_distribution import SymbolDistribution

write_msb_first = bits.index_to_bits


def padding_per_batch(plant):
    """The bits of all frames are concatenated and padded once at the end."""

    def hard_bits(self, bits):
        frames, symbols = len(bits), self.layout.symbols
        length = symbols * self.layout.bits_per_symbol
        flat = bits.to(self.index_labels.dtype).flatten()
        padded = pad(flat, (0, frames * length - len(flat))).reshape(frames, length)
        return padded, self.modem.modulate(padded)

    plant.setattr(Map, "hard_bits", hard_bits)


def write_lsb_first(index, width):
    return write_msb_first(index, width).flip(-1)


def lsb_first_in_the_hard_path(plant):
    plant.setattr(mapping, "index_to_bits", write_lsb_first)


def lsb_first_in_both_paths(plant):
    """Labels of the soft map and of the receiver, and the bits of the hard map."""
    plant.setattr(mapping, "index_to_bits", write_lsb_first)
    plant.setattr(bits, "index_to_bits", write_lsb_first)


def per_bit_grouping(plant):
    """The distribution of a symbol as the product of the marginals of its bits."""

    def forward(self, assignment):
        width = self.own_layout.bits_per_symbol
        one = pad((assignment @ self.own_labels).flatten(1), (0, self.own_layout.pad_bits))
        one = one.unflatten(1, (-1, width)).unsqueeze(-2)
        pattern = bits.labels(2**width, width).to(one)
        return (one * pattern + (1 - one) * (1 - pattern)).prod(-1)

    original = SymbolDistribution.__init__

    def remember(self, layout):
        original(self, layout)
        self.own_layout = layout
        self.own_labels = bits.labels(layout.codebook_size, layout.bits_per_token).double()

    plant.setattr(SymbolDistribution, "__init__", remember)
    plant.setattr(SymbolDistribution, "forward", forward)


def distance_softmax(plant):
    """Sharpening as a softmax over squared distances of bit probabilities to bit patterns, over T."""

    def sharpen(probabilities, temperature):
        patterns = bits.labels(probabilities.shape[-1], probabilities.shape[-1].bit_length() - 1)
        patterns = patterns.to(probabilities)
        distance = ((probabilities @ patterns).unsqueeze(-2) - patterns).square().sum(-1)
        return (-distance / temperature).softmax(-1)

    plant.setattr(mapping, "sharpen", sharpen)


def clamp_at_a_trillionth(plant):
    """Sharpening clamps probabilities at 1e-12."""
    plant.setattr(mapping, "sharpen", lambda p, t: (p.clamp_min(1e-12).log() / t).softmax(-1))


def no_clamp(plant):
    """Sharpening takes the logarithm of zero: right in value, NaN in gradient."""
    plant.setattr(mapping, "sharpen", lambda p, t: (p.log() / t).softmax(-1))


def temperature_upside_down(plant):
    """Sharpening multiplies by the temperature."""
    tiny = torch.finfo(torch.float64).tiny
    plant.setattr(mapping, "sharpen", lambda p, t: (p.clamp_min(tiny).log() * t).softmax(-1))


def conjugated_symbols(plant):
    """The mapper mirrors the constellation at the real axis."""
    original = Modem.modulate
    plant.setattr(Modem, "modulate", lambda self, bits: original(self, bits).conj().resolve_conj())


def one_point_moved(plant):
    """The mapper moves one point of every constellation by a hundredth."""
    original = Modem.modulate

    def modulate(self, bits):
        symbols = original(self, bits)
        moved = self.constellation(symbols.real.dtype)[1]
        return torch.where((symbols - moved).abs() < 1e-6, moved + 0.01, symbols)

    plant.setattr(Modem, "modulate", modulate)


def one_listed_point_moved(plant):
    """The constellation that the soft path takes its means over has one point moved by a hundredth."""
    original = Modem.constellation

    def constellation(self, *arguments):
        points = original(self, *arguments).clone()
        points[-1] += 0.01
        return points

    plant.setattr(Modem, "constellation", constellation)


def one_psk_point_moved(plant):
    def psk_points(bits_per_symbol):
        points = constellations.psk_points(bits_per_symbol)
        points[0] *= 1.02
        return points

    plant.setattr(modem, "psk_points", psk_points)


def assignment_by_inner_product(plant):
    """The soft assignment forgets the norms of the codewords."""

    def soft(self, latents, codebook, temperature):
        return (latents @ codebook.T / temperature).softmax(-1)

    plant.setattr(Quantize, "soft", soft)


def temperature_has_a_floor(plant):
    original = Quantize.soft

    def soft(self, latents, codebook, temperature):
        return original(self, latents, codebook, max(temperature, 0.3))

    plant.setattr(Quantize, "soft", soft)


def distance_without_square(plant):
    original = quantize.squared_distances
    plant.setattr(quantize, "squared_distances", lambda z, c: original(z, c).clamp_min(1e-9).sqrt())


def converter_with_a_level_at_zero(plant):
    def mid_tread(signal, full_scale, bits):
        step = full_scale / 2 ** (bits - 1)
        return (signal / step).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * step

    plant.setattr(front_end, "mid_rise", mid_tread)


def amplifier_of_half_the_order(plant):
    """The exponent p where 2p belongs."""

    def call(self, signal):
        power = signal.abs() * 10 ** (-self.backoff_db / 20)
        return signal * (1 + power**self.smoothness) ** (-1 / (2 * self.smoothness))

    plant.setattr(RappAmplifier, "__call__", call)
