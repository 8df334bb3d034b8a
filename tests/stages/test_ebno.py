"""Eb/N0 of coded and padded frames, measured from what was transmitted and received."""

import math

import pytest
import torch

from linksim import Link, LinkConfig
from linksim.seeds import stream

FRAMES = 4000

FRAME_TYPES = [
    {"code": "ldpc", "code_rate": 0.5, "crc": "CRC24A"},
    {"code": "ldpc", "code_rate": 1 / 3, "bits_per_symbol": 2},
    {"code": "ldpc", "code_rate": 0.37, "bits_per_symbol": 2, "crc": "CRC11"},
    {"code": "ldpc", "code_rate": 0.5, "bits_per_symbol": 10},
    {"code": "ldpc", "code_rate": 0.8, "bits_per_symbol": 3, "modulation": "psk", "crc": "CRC6"},
    {"code": "ldpc", "bits_per_symbol": 1, "modulation": "psk"},
    {"crc": "CRC16", "bits_per_symbol": 4, "modulation": "psk", "interleaver": "none"},
    {"crc": "CRC11", "bits_per_symbol": 2},
    {"bits_per_symbol": 5, "modulation": "psk"},
    {"bits_per_symbol": 6},
]
SHORT_CODED = [
    {"tokens": 4, "codebook_size": 16, "code_rate": 2 / 3, "crc": "CRC6"},
    {"tokens": 9, "code_rate": 0.4, "bits_per_symbol": 8},
    {"tokens": 30, "codebook_size": 2, "code_rate": 0.9, "bits_per_symbol": 10},
]
"""Frames of few symbols with several pad bits, all LDPC-coded and interleaved."""


def decibels(ratio):
    return 10 * math.log10(ratio)


def measured_ebno_db(link, snr_db, seed):
    """All energy that is sent, over all information bits, over the variance of what is received beside it.

    Equally probable indices; 0.05 dB are more than four standard errors for each frame type here.
    """
    generator = stream(seed)
    index = torch.randint(link.config.codebook_size, (FRAMES, link.config.tokens), generator=generator)
    draw = link.draw(FRAMES, snr_db, generator)
    transmitted = link.front_end.transmit(link.map.hard(index)[1])
    received, _, _ = link.channel.apply(transmitted, draw.channel)
    energy = transmitted.abs().square().double().sum().item()
    noise = (received - transmitted).abs().square().double().mean().item()
    bits_per_token = math.ceil(math.log2(link.config.codebook_size))
    return decibels(energy / (FRAMES * link.config.tokens * bits_per_token) / noise)


@pytest.mark.parametrize("options", FRAME_TYPES)
@pytest.mark.parametrize("snr_db", [-3.0, 6.0])
def test_energy_per_information_bit_over_the_noise(options, snr_db):
    link = Link(LinkConfig(tokens=9, codebook_size=64, embedding_dim=2, **options))
    assert measured_ebno_db(link, snr_db, 0) == pytest.approx(link.layout.ebno_db(snr_db), abs=0.05)


@pytest.mark.parametrize("options", SHORT_CODED)
def test_short_coded_frames_too(options):
    """Pad bits of an interleaved frame are sign bits, so that its symbols have unit mean energy."""
    link = Link(LinkConfig(embedding_dim=2, code="ldpc", **options))
    assert link.layout.pad_bits > 0
    assert measured_ebno_db(link, 3.0, 1) == pytest.approx(link.layout.ebno_db(3.0), abs=0.05)


def test_zeros_at_the_end_of_an_uncoded_frame_have_less_energy():
    """54 bits of 16-QAM: the last of 14 symbols has both amplitude bits zero, energy 1/5; −0.26 dB in all."""
    link = Link(LinkConfig(embedding_dim=2, tokens=9))
    assert (link.layout.pad_bits, link.layout.symbols) == (2, 14)
    missing = decibels((13 + 1 / 5) / 14)
    assert missing == pytest.approx(-0.256, abs=1e-3)
    assert measured_ebno_db(link, 3.0, 1) == pytest.approx(link.layout.ebno_db(3.0) + missing, abs=0.05)


def test_some_of_these_frames_are_padded():
    layouts = [LinkConfig(tokens=9, codebook_size=64, **options).layout for options in FRAME_TYPES]
    padded = [layout for layout in layouts if layout.pad_bits]
    assert {layout.code for layout in padded} == {"none", "ldpc"}
    assert len(padded) == 4


def test_cost_of_a_frame_by_hand():
    """54 information bits, 24 of CRC, rate ½: 156 coded bits, 39 symbols; 39/54 is −1.413 dB."""
    layout = LinkConfig(tokens=9, code="ldpc", crc="CRC24A").layout
    assert (layout.coded_bits, layout.symbols) == (156, 39)
    assert layout.ebno_db(2.0) == pytest.approx(2.0 + 10 * math.log10(39 / 54))
    assert layout.ebno_db(2.0) == pytest.approx(0.5867, abs=1e-4)


def test_binary_symmetric_channel():
    """The share of flips is Q(√(2·Es/N0)), with Es/N0 from the Eb/N0 that the layout states."""
    config = LinkConfig(
        tokens=9, channel="bsc", modulation="psk", bits_per_symbol=1, code="ldpc", code_rate=0.75, crc="CRC6"
    )
    link, generator = Link(config), stream(1)
    assert link.layout.symbols == 80
    esno_db = link.layout.esno_db(3.0)
    assert esno_db == pytest.approx(3.0 - 10 * math.log10(80 / 54))
    index = torch.randint(64, (FRAMES, 9), generator=generator)
    sent = link.map.hard(index)[1]
    received, _, _ = link.channel.apply(sent, link.draw(FRAMES, esno_db, generator).channel)
    flips = (received.real * sent.real < 0).double().mean().item()
    expected = math.erfc(math.sqrt(10 ** (3.0 / 10) * 54 / 80)) / 2
    deviation = math.sqrt(expected * (1 - expected) / (FRAMES * 80))
    assert abs(flips - expected) < 3.3 * deviation
    energy = sent.abs().square().double().sum().item()
    measured = decibels(energy / (FRAMES * 54) * 10 ** (esno_db / 10))
    assert measured == pytest.approx(3.0, abs=1e-4)
