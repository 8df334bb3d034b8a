"""Defects known from other simulators, planted into linksim to show that the checks find them.

Each function takes pytest's monkeypatch; links must be made after planting.
"""

import torch
from torch.nn.functional import pad

from linksim import Link, Modem, bits
from linksim.stages import quantize
from linksim.stages import map as mapping
from linksim.stages.channel import AwgnChannel, awgn
from linksim.stages.decide import Decide, Decision
from linksim.stages.demap import Demap
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


def llr_sign_flipped(plant):
    """LLRs in the textbook's sign."""
    original = Modem.demodulate
    plant.setattr(Modem, "demodulate", lambda self, y, n0: -original(self, y, n0))


def maximum_for_exact(plant):
    """The exact demapper takes the maximum."""
    original = Modem.demodulate

    def demodulate(self, received, noise_variance):
        return original(Modem(self.bits_per_symbol, "maxlog"), received, noise_variance)

    plant.setattr(Modem, "demodulate", demodulate)


def noise_variance_doubled(plant):
    """N0 in each real dimension."""
    original = awgn.unit_noise
    plant.setattr(awgn, "unit_noise", lambda *arguments: 2**0.5 * original(*arguments))


def noise_in_one_dimension(plant):
    """All of N0 in the real part."""
    original = awgn.unit_noise
    plant.setattr(awgn, "unit_noise", lambda *arguments: 2**0.5 * original(*arguments).real + 0j)


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


def equaliser_without_conjugate(plant):
    def apply(self, received, gain, noise_variance):
        power = gain.abs().square()
        llr = self.modem.demodulate(received * gain / power, noise_variance / power)
        return llr[:, : self.layout.information_bits]

    plant.setattr(Demap, "__call__", apply)


def pad_bits_stripped_from_the_front(plant):
    def apply(self, received, gain, noise_variance):
        llr = self.modem.demodulate(received / gain, noise_variance / gain.abs().square())
        return llr[:, self.layout.pad_bits :]

    plant.setattr(Demap, "__call__", apply)


def invalid_indices_have_probability(plant):
    """The posterior is normalised over all 2^b words."""

    def soft(self, llr, codebook):
        width = self.layout.bits_per_token
        words = bits.labels(2**width, width).to(llr)
        every = (llr.unflatten(1, (self.layout.tokens, width)) @ words.T).softmax(-1)
        posterior = every[..., : self.layout.codebook_size]
        return Decision(posterior, posterior.argmax(-1), posterior @ codebook)

    plant.setattr(Decide, "soft", soft)


def invalid_indices_wrap_around(plant):
    """A hard decision that falls on an invalid index is taken modulo K."""
    original = Decide.soft

    def soft(self, llr, codebook):
        width = self.layout.bits_per_token
        word = bits.bits_to_index(llr.unflatten(1, (self.layout.tokens, width)) > 0)
        decided = original(self, llr, codebook)
        return Decision(decided.posterior, word % self.layout.codebook_size, decided.embedding)

    plant.setattr(Decide, "soft", soft)


def hard_receiver_rounds(plant):
    """The deployed receiver looks up one codeword while the surrogate takes the mean."""
    original = Decide.soft

    def hard(self, llr, codebook):
        decided = original(self, llr, codebook)
        return Decision(decided.posterior, decided.index, codebook[decided.index])

    plant.setattr(Decide, "hard", hard)


def embedding_follows_temperature(plant):
    original = Link.hard

    def hard(self, *arguments, **named):
        trace = original(self, *arguments, **named)
        return trace.replace(embedding=trace.embedding * self.vq_temp)

    plant.setattr(Link, "hard", hard)


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
