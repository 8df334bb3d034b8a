"""Sizes of a frame and the two definitions of SNR."""

import math

import pytest
import torch
from helpers.enumeration import bits_of_frame
from helpers.oracles import LEVEL
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from linksim import FrameLayout, Link, LinkConfig

layouts = st.builds(
    FrameLayout,
    tokens=st.integers(1, 500),
    codebook_size=st.integers(2, 5000),
    bits_per_symbol=st.integers(1, 10),
)


def test_example_of_the_documentation():
    layout = FrameLayout(tokens=9, codebook_size=48, bits_per_symbol=4)
    assert (layout.bits_per_token, layout.information_bits) == (6, 54)
    assert (layout.pad_bits, layout.symbols) == (2, 14)


@reproducible(300)
@given(layout=layouts)
def test_sizes_are_consistent(layout):
    assert 2 ** (layout.bits_per_token - 1) < layout.codebook_size <= 2**layout.bits_per_token
    assert layout.information_bits == layout.tokens * layout.bits_per_token
    assert 0 <= layout.pad_bits < layout.bits_per_symbol
    assert layout.symbols * layout.bits_per_symbol == layout.information_bits + layout.pad_bits


@reproducible(50)
@given(st.integers(1, 20), st.integers(2, 300), st.sampled_from((2, 4, 6, 8, 10)))
def test_sizes_are_those_of_a_frame_written_out(tokens, codebook_size, width):
    layout = FrameLayout(tokens=tokens, codebook_size=codebook_size, bits_per_symbol=width)
    bits = bits_of_frame([codebook_size - 1] * tokens, codebook_size, width)
    assert layout.symbols * width == len(bits)
    assert bits[layout.information_bits :] == [0] * layout.pad_bits


@reproducible(200)
@given(layout=layouts, snr_db=st.floats(-60, 60))
def test_ebno_and_esno_are_inverse(layout, snr_db):
    assert layout.esno_db(layout.ebno_db(snr_db)) == pytest.approx(snr_db, abs=1e-9)
    assert layout.ebno_db(layout.esno_db(snr_db)) == pytest.approx(snr_db, abs=1e-9)
    ratio = 10 ** ((layout.ebno_db(snr_db) - snr_db) / 10)
    assert ratio == pytest.approx(layout.symbols / layout.information_bits, rel=1e-9)


@pytest.mark.parametrize(("tokens", "codebook_size", "pad_bits"), [(3, 2, 1), (5, 30, 1), (2, 64, 0)])
def test_ebno_is_the_energy_sent_per_information_bit(tokens, codebook_size, pad_bits):
    """Summed from QPSK samples, each of unit energy, padding included: exact."""
    link = Link(LinkConfig(tokens=tokens, codebook_size=codebook_size, bits_per_symbol=2)).double()
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(codebook_size, (10, tokens), generator=generator)
    draw = link.draw(10, 7.0, generator)
    energy = link.hard(index=index, draw=draw).symbols.abs().square().sum().item()
    information_bits = 10 * tokens * math.ceil(math.log2(codebook_size))
    noise_variance = draw.channel["noise_variance"].unique().item()
    measured = 10 * math.log10(energy / information_bits / noise_variance)
    assert link.layout.pad_bits == pad_bits
    assert measured == pytest.approx(link.layout.ebno_db(7.0), abs=1e-9)


@pytest.mark.parametrize("width", [4, 6])
def test_ebno_is_the_mean_energy_per_information_bit(width):
    """Equally probable indices, no padding: within the 99.9 % interval of the mean energy."""
    link = Link(LinkConfig(tokens=12, codebook_size=16, bits_per_symbol=width))
    generator = torch.Generator().manual_seed(width)
    index = torch.randint(16, (4000, 12), generator=generator)
    symbols = link.hard(index=index, draw=link.draw(4000, 0.0, generator)).symbols
    energy = symbols.abs().square().double().flatten()
    limit = -float(special.ndtri((1 - LEVEL) / 2)) * energy.std().item() / len(energy) ** 0.5
    expected = 10 ** (link.layout.ebno_db(0.0) / 10) * link.layout.information_bits / link.layout.symbols
    assert abs(energy.mean().item() - expected) < limit


@pytest.mark.parametrize("argument", ["tokens", "codebook_size", "bits_per_symbol"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (2.0, TypeError),
        ("4", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_bad_sizes_are_named(argument, value, error):
    arguments = {"tokens": 4, "codebook_size": 8, "bits_per_symbol": 4, argument: value}
    with pytest.raises(error, match=argument):
        FrameLayout(**arguments)


def test_sizes_out_of_range_are_named():
    with pytest.raises(ValueError, match="codebook_size"):
        FrameLayout(tokens=1, codebook_size=1, bits_per_symbol=2)
    with pytest.raises(ValueError, match="bits_per_symbol"):
        FrameLayout(tokens=1, codebook_size=2, bits_per_symbol=11)
