"""The expectation that mean |LLR| is compared with: by formula, by sampling, over a range of SNR."""

import pytest
import torch

from linksim import Link, LinkConfig
from linksim.expected_llr import expected_mean_llr, has_formula

FORMULA = {
    "16-QAM at 0 dB": ({}, 0.0),
    "16-QAM at 20 dB": ({}, 20.0),
    "QPSK": ({"bits_per_symbol": 2}, 5.0),
    "64-QAM, max-log": ({"bits_per_symbol": 6, "demapper": "maxlog"}, 12.0),
    "8-PSK": ({"modulation": "psk", "bits_per_symbol": 3}, 8.0),
    "Rayleigh": ({"channel": "rayleigh-fast"}, 8.0),
    "Rician": ({"channel": "rician-fast", "rician_k": 5.0}, 8.0),
    "binary symmetric": ({"modulation": "psk", "bits_per_symbol": 1, "channel": "bsc"}, 2.0),
}
SAMPLED = {
    "48 codewords": ({"codebook_size": 48}, 8.0),
    "padding": ({"tokens": 1, "bits_per_symbol": 10}, 8.0),
    "code": ({"code": "ldpc", "bp_iterations": 1}, 3.0),
    "CRC": ({"crc": "CRC16", "tokens": 4}, 8.0),
    "LLRs of 3 bits": ({"llr_bits": 3}, 8.0),
    "converters of 3 bits": ({"adc_bits": 3}, 8.0),
    "amplifier": ({"pa_backoff_db": 0.0}, 8.0),
    "noisy gains": ({"channel": "rayleigh-fast", "csi_error": 0.1}, 8.0),
}


def measured(link, snr_db, frames=1500):
    """Mean |LLR| over frames of random codewords, on draws of the test's own."""
    generator = torch.Generator().manual_seed(77)
    config = link.config
    index = torch.randint(config.codebook_size, (frames, config.tokens), generator=generator)
    with torch.no_grad():
        trace = link.hard(index=index, draw=link.draw(frames, snr_db, generator))
    return trace.llr.abs().mean().item()


@pytest.mark.parametrize("kind", FORMULA)
def test_the_formula_against_the_link(kind):
    settings, snr_db = FORMULA[kind]
    link = Link(LinkConfig(**settings))
    assert has_formula(link)
    assert expected_mean_llr(link, snr_db) == pytest.approx(measured(link, snr_db), rel=0.02)


@pytest.mark.parametrize("kind", SAMPLED)
def test_where_there_is_no_formula_frames_are_sampled(kind):
    settings, snr_db = SAMPLED[kind]
    link = Link(LinkConfig(**settings))
    assert not has_formula(link)
    expected = expected_mean_llr(link, snr_db)
    assert expected == pytest.approx(measured(link, snr_db), rel=0.04)
    assert expected == expected_mean_llr(link, snr_db)


def test_a_constellation_and_a_channel_of_ones_own_are_sampled():
    points = torch.exp(2j * torch.pi * torch.arange(4) / 4)
    config = LinkConfig(bits_per_symbol=2, modulation="custom")
    own = Link(config, constellation=points)
    assert not has_formula(own)
    assert expected_mean_llr(own, 6.0) == pytest.approx(measured(own, 6.0), rel=0.03)

    class Loud(type(Link(LinkConfig()).channel)):
        pass

    assert not has_formula(Link(LinkConfig(), channel=Loud()))


def test_the_mean_over_a_range_is_that_over_uniform_snr():
    link = Link(LinkConfig())
    low, high = -2.0, 20.0
    snr = low + (high - low) * (torch.arange(2000) + 0.5) / 2000
    assert expected_mean_llr(link, (low, high)) == pytest.approx(measured(link, snr, 2000), rel=0.02)
    narrow = expected_mean_llr(link, (8.0, 8.0))
    assert narrow == pytest.approx(expected_mean_llr(link, 8.0))


def test_it_knows_no_codebook():
    link = Link(LinkConfig(llr_bits=4))
    before = expected_mean_llr(link, 3.0)
    with torch.no_grad():
        link.codebook.zero_()
    assert expected_mean_llr(link, 3.0) == before
