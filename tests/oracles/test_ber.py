"""Uncoded bit error rates of the link lie inside 99.9 % intervals of the closed form."""

import pytest
import torch
from helpers.oracles import check_ber

from linksim import Link, LinkConfig
from linksim.metrics.theory import qam_ber

SYMBOLS = 8
BITS_PER_TOKEN = 4
FRAMES = {"awgn": 5000, "rayleigh": 12_000}
SNR_DB = {
    ("awgn", 2): (-4, 0, 3, 5, 7, 9),
    ("awgn", 4): (-5, 0, 5, 10, 13, 16),
    ("awgn", 6): (0, 5, 10, 15, 19, 22),
    ("rayleigh", 2): (-5, 0, 5, 10, 15, 20),
    ("rayleigh", 4): (-5, 0, 5, 10, 15, 22),
    ("rayleigh", 6): (0, 5, 10, 15, 20, 25),
}
POINTS = [(channel, width, snr_db) for (channel, width), all_db in SNR_DB.items() for snr_db in all_db]


def link_and_signals(channel, width, snr_db, demapper="app"):
    """A link whose bits are all equally probable and independent: uniform indices, K = 2^b, no padding."""
    tokens = SYMBOLS * width // BITS_PER_TOKEN
    config = LinkConfig(
        tokens=tokens,
        codebook_size=2**BITS_PER_TOKEN,
        embedding_dim=1,
        bits_per_symbol=width,
        channel=channel,
        demapper=demapper,
    )
    link = Link(config)
    assert link.layout.pad_bits == 0
    generator = torch.Generator().manual_seed(1000 * width + snr_db)
    index = torch.randint(2**BITS_PER_TOKEN, (FRAMES[channel], tokens), generator=generator)
    return link, index, link.draw(FRAMES[channel], float(snr_db), generator)


@pytest.mark.parametrize(("channel", "width", "snr_db"), POINTS)
def test_ber_agrees_with_theory(channel, width, snr_db):
    link, index, draw = link_and_signals(channel, width, snr_db)
    check_ber(link, index, draw, qam_ber(width, snr_db, channel, "app"))


@pytest.mark.parametrize(("channel", "width", "snr_db"), [("awgn", 4, 10), ("rayleigh", 6, 10)])
def test_ber_of_the_maximum_approximation(channel, width, snr_db):
    link, index, draw = link_and_signals(channel, width, snr_db, "maxlog")
    check_ber(link, index, draw, qam_ber(width, snr_db, channel, "maxlog"))


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_half_a_decibel_is_noticed(channel):
    """The test can fail: the closed form half a dB away (1 dB under fading) is rejected."""
    link, index, draw = link_and_signals(channel, 4, 10)
    for offset in (-1, 1):
        wrong = 10 + offset * (0.5 if channel == "awgn" else 1.0)
        with pytest.raises(AssertionError, match="closed form"):
            check_ber(link, index, draw, qam_ber(4, wrong, channel, "app"))


def test_hard_bits_of_the_map_index_are_the_signs_of_the_llrs():
    """So that a bit error rate from decoded indices is the same one."""
    link, index, draw = link_and_signals("rayleigh", 4, 5)
    with torch.no_grad():
        trace = link.hard(index=index, draw=draw)
    signs = (trace.llr > 0).long().unflatten(1, (-1, BITS_PER_TOKEN))
    word = (signs * torch.tensor([8, 4, 2, 1])).sum(-1)
    assert torch.equal(trace.decoded_index, word)
