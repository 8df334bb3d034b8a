"""Defects of demapper, decoder, word lengths and decision.

Each function takes pytest's monkeypatch; links must be made after planting.
"""

import torch

from linksim import Link, Modem, bits
from linksim.stages import demap, llr_quantizer, uniform
from linksim.stages.code import Code, Decoded
from linksim.stages.decide import Decide, Decision
from linksim.stages.decide_integer import IntegerArithmetic
from linksim.stages.demap import Demap


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


def noise_variance_doubled_in_the_demapper(plant):
    original = Modem.demodulate
    plant.setattr(Modem, "demodulate", lambda self, y, n0: original(self, y, 2 * n0))


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


def never_deinterleaved(plant):
    plant.setattr(demap, "strip_frame", lambda llr, layout: llr[:, : layout.coded_bits])


def crc_always_passes(plant):
    original = Code.decode

    def decode(self, llr):
        decoded = original(self, llr)
        if decoded.crc_ok is None:
            return decoded
        return Decoded(decoded.llr, torch.ones_like(decoded.crc_ok))

    plant.setattr(Code, "decode", decode)


def decoder_skipped(plant):
    """The systematic part of the code word is handed on as it was received."""

    def decode(self, llr):
        own = llr[:, -self.layout.message_bits :]
        passed = torch.ones(len(own), dtype=torch.bool)
        return Decoded(own[:, : self.layout.information_bits], None if self.layout.crc == "none" else passed)

    plant.setattr(Code, "decode", decode)


def saturates_one_word_higher(plant):
    """LLR words from −2^(n − 1) to 2^(n − 1), one more than the word holds."""

    def mid_tread(llr, step, bits):
        largest = 2 ** (bits - 1) * step
        return uniform.mid_tread(llr, step, bits + 1).clamp(-largest, largest)

    plant.setattr(llr_quantizer, "mid_tread", mid_tread)


def weights_cut_off(plant):
    """Posterior weights are cut off instead of rounded."""

    def weights(self, below):
        return ((2**self.weight_bits - 1) * (-self.llr.step * below).exp()).floor()

    plant.setattr(IntegerArithmetic, "weights", weights)


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
