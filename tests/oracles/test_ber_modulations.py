"""Bit error rates of further modulations and channels lie inside 99.9 % intervals of theory."""

import numpy as np
import pytest
import torch

from linksim import Link, LinkConfig
from linksim.metrics.theory import bit_error_rate
from linksim.verification.statistics import check_ber

INFORMATION_BITS = 48
FRAMES = {"awgn": 4000, "bsc": 4000, "rician": 10_000, "rayleigh-fast": 4000, "rician-fast": 4000}

# modulation, bits per symbol, channel, K-factor, Es/N0 in dB
POINTS = [
    *(("psk", 1, "awgn", 3.0, snr) for snr in (-5, 0, 4, 7)),
    *(("psk", 3, "awgn", 3.0, snr) for snr in (-3, 3, 8, 13)),
    *(("qam", 8, "awgn", 3.0, snr) for snr in (2, 10, 18, 26)),
    *(("qam", m, "rician", k, snr) for m in (2, 4) for k in (3.0, 10.0) for snr in (0, 8, 14)),
    *(("qam", m, "rician-fast", k, 9) for m in (2, 4) for k in (3.0, 10.0)),
    *(("qam", m, "rayleigh-fast", 3.0, 12) for m in (2, 4, 6)),
    ("psk", 1, "rician", 3.0, 6),
    ("psk", 3, "rician", 10.0, 9),
    *(("psk", 1, "bsc", 3.0, snr) for snr in (-5, 0, 4)),
]


def link_and_signals(modulation, width, channel, k_factor, snr_db, demapper="app", points=None):
    """Uniform, independent information bits, one per token, no padding."""
    config = LinkConfig(
        tokens=INFORMATION_BITS,
        codebook_size=2,
        embedding_dim=1,
        bits_per_symbol=width,
        modulation=modulation,
        channel=channel,
        rician_k=k_factor,
        demapper=demapper,
    )
    link = Link(config, constellation=points)
    assert link.layout.pad_bits == 0
    generator = torch.Generator().manual_seed(1000 * width + 10 * int(k_factor) + snr_db)
    index = torch.randint(2, (FRAMES[channel], INFORMATION_BITS), generator=generator)
    return link, index, link.draw(FRAMES[channel], float(snr_db), generator)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: "-".join(map(str, point)))
def test_ber_agrees_with_theory(point):
    modulation, width, channel, k_factor, snr_db = point
    link, index, draw = link_and_signals(*point)
    expected = bit_error_rate(modulation, width, snr_db, channel, "app", rician_k=k_factor)
    check_ber(link, index, draw, expected)


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("channel", ["awgn", "rician-fast"])
def test_points_of_ones_own(demapper, channel):
    """Eight points without symmetry, at random labels."""
    points = torch.randn(8, dtype=torch.complex128, generator=torch.Generator().manual_seed(5))
    link, index, draw = link_and_signals("custom", 3, channel, 3.0, 7, demapper, points)
    expected = bit_error_rate("custom", 3, 7, channel, demapper, points=points.numpy())
    check_ber(link, index, draw, expected)


@pytest.mark.parametrize("point", [("psk", 3, "awgn", 3.0, 8), ("qam", 4, "rician", 3.0, 8)])
def test_half_a_decibel_is_noticed(point):
    """The test can fail: theory half a dB away (1.5 dB under fading) is rejected."""
    modulation, width, channel, k_factor, snr_db = point
    link, index, draw = link_and_signals(*point)
    for offset in (-1, 1):
        wrong = snr_db + offset * (0.5 if channel == "awgn" else 1.5)
        with pytest.raises(AssertionError):
            check_ber(
                link, index, draw, bit_error_rate(modulation, width, wrong, channel, "app", rician_k=k_factor)
            )


def test_the_wrong_k_factor_is_noticed():
    link, index, draw = link_and_signals("qam", 2, "rician", 10.0, 8)
    with pytest.raises(AssertionError):
        check_ber(link, index, draw, bit_error_rate("qam", 2, 8, "rician", "app", rician_k=3.0))


def test_qpsk_with_a_noisy_gain():
    """Constant modulus makes the effective noise Gaussian: Rayleigh fading at (1 − v)/(N0 + v)."""
    variance = 0.05
    left = variance / (1 + variance)
    config = LinkConfig(
        tokens=48, codebook_size=2, embedding_dim=1, bits_per_symbol=2, channel="rayleigh", csi_error=variance
    )
    link = Link(config)
    generator = torch.Generator().manual_seed(3)
    index = torch.randint(2, (10_000, 48), generator=generator)
    effective = 10 * np.log10((1 - left) / (10**-1.2 + left))
    draw = link.draw(10_000, 12.0, generator)
    check_ber(link, index, draw, bit_error_rate("qam", 2, float(effective), "rayleigh", "app"))
    with pytest.raises(AssertionError):
        check_ber(link, index, draw, bit_error_rate("qam", 2, 12.0, "rayleigh", "app"))
