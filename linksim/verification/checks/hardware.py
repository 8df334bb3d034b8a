"""Converters, amplifier, LLR words and integer decisions."""

import math

import numpy as np
import torch

from linksim.config import LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.stages.front_end import Converter, RappAmplifier
from linksim.stages.llr_quantizer import LlrQuantizer
from linksim.verification.broken import close, during, near, require, same, signal
from linksim.verification.integer_decision import decide, stored_codebook
from linksim.verification.links import PRECISIONS, precision_name
from linksim.verification.random_inputs import random_index

CONVERTER_TABLE = {
    # sixteenths of the full scale → level of 3 bits, in eighths of the full scale
    **dict.fromkeys((-40, -17, -15, -13), -7),
    **dict.fromkeys((-11, -9), -5),
    **dict.fromkeys((-7, -5), -3),
    **dict.fromkeys((-3, -1), -1),
    **dict.fromkeys((0, 1, 3), 1),
    **dict.fromkeys((5, 7), 3),
    **dict.fromkeys((9, 11), 5),
    **dict.fromkeys((13, 15, 17, 40), 7),
}

LLR_TABLE = {
    # tenths of an LLR → word of 4 bits, whose step is 1
    **dict.fromkeys((-900, -76, -74, -66), -7),
    **dict.fromkeys((-64, -56), -6),
    **dict.fromkeys((-46,), -5),
    **dict.fromkeys((-34, -26), -3),
    **dict.fromkeys((-24, -16), -2),
    **dict.fromkeys((-14, -6), -1),
    **dict.fromkeys((-4, 0, 4), 0),
    **dict.fromkeys((6, 14), 1),
    **dict.fromkeys((16, 24), 2),
    **dict.fromkeys((26, 34), 3),
    **dict.fromkeys((46,), 5),
    **dict.fromkeys((56, 64), 6),
    **dict.fromkeys((66, 74, 76, 900), 7),
}


def converters(seed: int) -> str:
    """Levels and saturation of converters against a table of integers; received samples lie on levels."""
    inputs = torch.tensor(list(CONVERTER_TABLE), dtype=torch.float64) / 16
    levels = torch.tensor(list(CONVERTER_TABLE.values()), dtype=torch.float64) / 8
    for backoff_db in (0.0, 12.0):
        # A complex signal of power 2 has an RMS of one in each dimension.
        converter, scale = Converter(3, backoff_db), 10 ** (backoff_db / 20)
        with during(f"3 bits, full scale {backoff_db:g} dB over the RMS"):
            for power in (2.0, 32.0):
                rms = math.sqrt(power / 2)
                signals = rms * scale * torch.complex(inputs, -inputs.flip(0))
                expected = rms * scale * torch.complex(levels, -levels.flip(0))
                off_zero = signals.imag != 0
                actual = converter(signals, power)
                close("levels of the real part", actual.real, expected.real, 1e-12, rms * scale)
                imaginary = actual.imag[off_zero]
                close("levels of the imaginary part", imaginary, expected.imag[off_zero], 1e-12, rms * scale)
    found = [_check_received_levels(bits, seed) for bits in (1, 3, 6)]
    return f"{len(levels)} levels in the table; {', '.join(map(str, found))} levels of 1, 3, 6 bits received"


def _check_received_levels(bits: int, seed: int) -> int:
    """Every received sample is a level of the converter for the power that the receiver expects."""
    config = LinkConfig(tokens=40, codebook_size=16, adc_bits=bits, adc_backoff_db=9.0)
    generator = stream(seed, "verify", "converters", bits)
    link = Link(config).double()
    snr_db = 10.0
    draw = link.draw(20, snr_db, generator)
    received = signal(link.hard(index=random_index(link, 20, generator), draw=draw), "received")
    full_scale = math.sqrt((1 + 10 ** (-snr_db / 10)) / 2) * 10 ** (9 / 20)
    words = torch.view_as_real(received) / (full_scale / 2 ** (bits - 1)) - 0.5
    with during(f"{bits} bits"):
        close("received samples in steps", words, words.round(), 1e-9)
        require(words.min() > -(2 ** (bits - 1)) - 0.5, "a level lies below the full scale")
        require(words.max() < 2 ** (bits - 1) - 0.5, "a level lies above the full scale")
    return len(words.round().unique())


def amplifier(seed: int) -> str:
    """Amplitudes behind the power amplifier against Rapp's formula; the phase stays."""
    generator = stream(seed, "verify", "amplifier")
    amplitude = torch.linspace(0, 4, 41, dtype=torch.float64)
    phase = 2 * torch.pi * torch.rand(41, generator=generator, dtype=torch.float64)
    share = 0.0
    for backoff_db in (0.0, 6.0):
        for smoothness in (1.0, 2.0, 3.5):
            limit = 10 ** (backoff_db / 20)
            factor = [
                (1 + (a / limit) ** (2 * smoothness)) ** (1 / (2 * smoothness)) for a in amplitude.tolist()
            ]
            sent = torch.polar(amplitude, phase)
            expected = sent.numpy() / np.array(factor)
            actual = RappAmplifier(backoff_db, smoothness)(sent)
            with during(f"backoff {backoff_db:g} dB, p = {smoothness:g}"):
                share = max(share, near("amplified symbols", actual, expected, absolute=1e-12))
    return f"6 amplifiers, off by at most {share * 1e-12:.1g}, allowed 1e-12"


def llr_quantizer(seed: int) -> str:
    """LLR words and saturation against a table of integers, and against rounded LLRs of the link."""
    llr = torch.tensor(list(LLR_TABLE), dtype=torch.float64) / 10
    words = torch.tensor(list(LLR_TABLE.values()))
    for dtype in PRECISIONS:
        with during(f"4 bits, {precision_name(dtype)}"):
            quantizer = LlrQuantizer(4)
            same("words", quantizer.words(llr.to(dtype)), words)
            same("quantized LLRs", quantizer(llr.to(dtype)), words.to(dtype))
            coarse = LlrQuantizer(4, step=2.0)
            same("words with a step of 2", coarse.words(2 * llr.to(dtype)), words)
            same("quantized LLRs with a step of 2", coarse(2 * llr.to(dtype)), 2 * words.to(dtype))
    for bits in (2, 5, 8):
        _check_link_llr(bits, seed)
    return f"{2 * len(words)} words in the table, links of 2, 5 and 8 bits"


def _check_link_llr(bits: int, seed: int) -> None:
    generator = stream(seed, "verify", "llr-quantizer", bits)
    exact, quantized = Link(LinkConfig()).double(), Link(LinkConfig(llr_bits=bits)).double()
    index = random_index(exact, 20, generator)
    draw = exact.draw(20, 8.0, generator)
    llr = signal(exact.hard(index=index, draw=draw), "llr").flatten().tolist()
    most, step = 2 ** (bits - 1) - 1, 16 / 2**bits
    expected = torch.tensor([step * max(-most, min(most, round(value / step))) for value in llr])
    actual = signal(quantized.hard(index=index, draw=draw), "llr").flatten()
    with during(f"link of {bits} bits"):
        same("LLRs", actual, expected.to(actual.dtype))


def integer_decision(seed: int) -> str:
    """Indices, weights and means of integer arithmetic against exact integers and fractions."""
    generator, tokens = stream(seed, "verify", "integer-decision"), 0
    for decision, radius in (("mean", None), ("radius", 0), ("radius", 1), ("map", None)):
        config = LinkConfig(
            tokens=4,
            codebook_size=21,
            embedding_dim=3,
            llr_bits=4,
            arithmetic="integer",
            decision=decision,  # type: ignore[arg-type]
            radius=radius or 0,
            weight_bits=6,
            codebook_bits=5,
        )
        for dtype in PRECISIONS:
            link = Link(config).to(dtype)
            words = torch.randint(-7, 8, (30, link.layout.information_bits), generator=generator)
            with during(f"{decision}, radius {radius}, {precision_name(dtype)}"):
                _check_integer_decision(link, words, radius)
            tokens += words.numel() // link.layout.bits_per_token
    return f"{tokens} tokens, every index and every weight equal"


def _check_integer_decision(link: Link, words: torch.Tensor, radius: int | None) -> None:
    config, codebook = link.config, link.codebook.tolist()
    sizes = config.weight_bits, config.codebook_bits
    per_token = words.reshape(-1, link.layout.bits_per_token).tolist()
    exact = [decide(token, 1.0, codebook, *sizes, radius) for token in per_token]
    decided = link.decide.hard(words.to(link.codebook.dtype), link.codebook)
    same("decided index", decided.index.flatten(), torch.tensor([one.index for one in exact]))
    posterior = np.array([[weight / sum(one.weights) for weight in one.weights] for one in exact])
    near("posterior", decided.posterior.flatten(0, 1), posterior, relative=1e-6, absolute=1e-15)
    stored, step = stored_codebook(codebook, config.codebook_bits)
    embedding = [
        [step * word for word in stored[one.index]] if config.decision == "map" else one.embedding
        for one in exact
    ]
    expected = np.array([[float(value) for value in row] for row in embedding])
    near("embedding", decided.embedding.flatten(0, 1), expected, relative=1e-6, absolute=1e-7)
