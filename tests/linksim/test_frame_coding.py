"""Sizes of frames with CRC and LDPC code, against exact fractions."""

import math
from fractions import Fraction

import pytest
import torch
from helpers.strategies import reproducible
from hypothesis import assume, given
from hypothesis import strategies as st

from linksim import FrameLayout, LinkConfig
from linksim.frame import CODES, CRC_BITS, INTERLEAVERS
from linksim.stages.code import Code

RATES = [
    Fraction(1, 5),
    Fraction(1, 4),
    Fraction(1, 3),
    Fraction(2, 5),
    Fraction(1, 2),
    Fraction(3, 5),
    Fraction(2, 3),
    Fraction(3, 4),
    Fraction(4, 5),
    Fraction(5, 6),
    Fraction(9, 10),
    Fraction(948, 1024),
    *(Fraction(entry, 1024) for entry in (308, 449, 602, 772, 873)),
]

LENGTHS = {"none": 0, "CRC6": 6, "CRC11": 11, "CRC16": 16, "CRC24A": 24, "CRC24B": 24, "CRC24C": 24}


def layout_of(bits, width=2, **options):
    return FrameLayout(tokens=bits, codebook_size=2, bits_per_symbol=width, **options)


def test_names():
    assert CRC_BITS == LENGTHS
    assert CODES == ("none", "ldpc")
    assert INTERLEAVERS == ("none", "38.212")


def test_defaults():
    layout = FrameLayout(tokens=2, codebook_size=4, bits_per_symbol=2)
    assert (layout.crc, layout.code, layout.code_rate, layout.interleaver) == ("none", "none", 0.5, "38.212")
    assert not layout.coded
    assert not layout.interleaved


def test_example_of_the_documentation():
    layout = FrameLayout(tokens=9, codebook_size=48, bits_per_symbol=4, code="ldpc", code_rate=0.4)
    assert (layout.information_bits, layout.message_bits) == (54, 54)
    assert (layout.coded_bits, layout.pad_bits, layout.symbols) == (135, 1, 34)


@pytest.mark.parametrize("crc", LENGTHS)
@pytest.mark.parametrize("width", range(1, 11))
def test_a_check_alone_adds_its_length(crc, width):
    layout = layout_of(17, width, crc=crc)
    assert layout.information_bits == 17
    assert layout.message_bits == layout.coded_bits == 17 + LENGTHS[crc]
    assert layout.symbols == math.ceil(Fraction(17 + LENGTHS[crc], width))
    assert layout.pad_bits == layout.symbols * width - layout.coded_bits
    assert layout.coded == (crc != "none")
    assert not layout.interleaved


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_coded_bits_are_message_bits_over_rate_rounded_up(rate):
    """For every message length up to 700, and some up to the longest; each a code of the standard."""
    longest = 8448 if rate >= Fraction(1, 3) else 3824
    for bits in [*range(12, 700), *range(701, longest, 321), longest]:
        layout = layout_of(bits, code="ldpc", code_rate=float(rate))
        assert layout.coded_bits == math.ceil(bits / rate)


@reproducible(300)
@given(
    tokens=st.integers(1, 60),
    size=st.integers(2, 2000),
    width=st.integers(1, 10),
    rate=st.sampled_from(RATES),
    crc=st.sampled_from(sorted(LENGTHS)),
    interleaver=st.sampled_from(INTERLEAVERS),
)
def test_sizes_of_coded_frames(tokens, size, width, rate, crc, interleaver):
    information = tokens * math.ceil(math.log2(size))
    assume(information + LENGTHS[crc] >= 12)
    layout = FrameLayout(
        tokens=tokens,
        codebook_size=size,
        bits_per_symbol=width,
        crc=crc,
        code="ldpc",
        code_rate=float(rate),
        interleaver=interleaver,
    )
    coded = math.ceil((information + LENGTHS[crc]) / rate)
    symbols = math.ceil(Fraction(coded, width))
    assert (layout.information_bits, layout.message_bits) == (information, information + LENGTHS[crc])
    assert (layout.coded_bits, layout.symbols, layout.pad_bits) == (coded, symbols, symbols * width - coded)
    assert layout.coded
    assert layout.interleaved == (interleaver == "38.212")
    cost = 10 * math.log10(symbols / information)
    assert layout.ebno_db(3.0) == pytest.approx(3.0 + cost, abs=1e-12)
    assert layout.esno_db(3.0) == pytest.approx(3.0 - cost, abs=1e-12)


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize(("bits", "crc"), [(12, "none"), (54, "CRC24A"), (293, "none")])
def test_code_words_have_these_sizes(rate, bits, crc):
    """What Sionna sends for such a frame has as many bits, and the rate over them is that asked for."""
    layout = layout_of(bits, crc=crc, code="ldpc", code_rate=float(rate))
    coded = Code(layout).hard(torch.zeros(1, bits))
    assert coded.shape == (1, layout.coded_bits)
    effective = Fraction(layout.message_bits, layout.coded_bits)
    assert effective <= rate < Fraction(layout.message_bits, layout.coded_bits - 1)


@pytest.mark.parametrize(
    ("bits", "rate", "coded_bits"), [(8448, 1 / 3, 25344), (3824, 0.2, 19120), (8448, 948 / 1024, 9126)]
)
def test_longest_frames(bits, rate, coded_bits):
    layout = layout_of(bits, code="ldpc", code_rate=rate)
    assert layout.coded_bits == coded_bits
    assert Code(layout).hard(torch.ones(1, bits)).shape == (1, coded_bits)


def test_a_configuration_hands_its_code_to_the_layout():
    options = {"crc": "CRC16", "code": "ldpc", "code_rate": 0.75, "interleaver": "none"}
    layout = LinkConfig(tokens=5, codebook_size=20, bits_per_symbol=6, **options).layout
    assert layout == FrameLayout(tokens=5, codebook_size=20, bits_per_symbol=6, **options)
    assert layout.coded_bits == math.ceil(41 / 0.75)
