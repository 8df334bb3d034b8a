"""What a receiver believes in that observes the gain with an error."""

import math

import numpy as np
import pytest
import torch
from helpers.oracles import LEVEL, check_ber, check_variance
from scipy import special

from linksim import Link, LinkConfig
from linksim.metrics.theory import qam_ber
from linksim.seeds import stream
from linksim.stages.channel import FadingChannel

FRAMES = 60_000
DEVIATIONS = -float(special.ndtri((1 - LEVEL) / 2))


def test_estimate_by_hand():
    """K = 1: constant √½ and scattered variance ½. An error of variance ½ halves the weight."""
    root = math.sqrt(0.5)
    channel = FadingChannel(1.0, csi_error=0.5)
    draw = {
        "gain": torch.tensor([[root + 1j], [root - 0.5]], dtype=torch.complex128),
        "gain_error": torch.tensor([[1 + 0j], [0.5 + 2j]], dtype=torch.complex128),
        "noise": torch.zeros(2, 1, dtype=torch.complex128),
        "noise_variance": torch.tensor([[0.1], [2.0]], dtype=torch.float64),
    }
    received, estimate, variance = channel.apply(torch.ones(2, 1, dtype=torch.complex128), draw)
    assert torch.equal(received, draw["gain"])
    expected = torch.tensor([[root + 0.5 + 0.5j], [root + 1j]], dtype=torch.complex128)
    torch.testing.assert_close(estimate, expected, rtol=1e-15, atol=1e-15)
    expected = torch.tensor([[0.35], [2.25]], dtype=torch.float64)
    torch.testing.assert_close(variance, expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize(("k_factor", "csi_error"), [(0.0, 0.1), (0.0, 2.0), (3.0, 0.1), (1.0, 1.0)])
def test_estimate_is_the_posterior_mean(k_factor, csi_error):
    """Gaussian prior and Gaussian error: precisions add, and the mean is weighted by precision."""
    channel = FadingChannel(k_factor, csi_error=csi_error)
    draw = channel.draw(20, 2, torch.zeros(20, dtype=torch.float64), stream(1))
    _, estimate, variance = channel.apply(torch.zeros(20, 2, dtype=torch.complex128), draw)
    prior, likelihood = k_factor + 1, 1 / csi_error
    constant = math.sqrt(k_factor / (k_factor + 1))
    observed = draw["gain"] + draw["gain_error"]
    expected = (prior * constant + likelihood * observed) / (prior + likelihood)
    torch.testing.assert_close(estimate, expected, rtol=1e-12, atol=1e-12)
    expected = torch.full((20, 1), 1 + 1 / (prior + likelihood), dtype=torch.float64)
    torch.testing.assert_close(variance, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("every_symbol", [False, True])
@pytest.mark.parametrize(("k_factor", "csi_error"), [(0.0, 0.3), (2.0, 0.1)])
def test_estimate_is_the_regression_of_the_gain(k_factor, csi_error, every_symbol):
    """Least squares of the gain on its observation finds it; what is left has the stated variance."""
    channel = FadingChannel(k_factor, every_symbol, csi_error)
    frames, symbols = (FRAMES // 6, 6) if every_symbol else (FRAMES, 1)
    draw = channel.draw(frames, symbols, torch.zeros(frames, dtype=torch.float64), stream(2))
    sent = torch.zeros(frames, symbols, dtype=torch.complex128)
    _, estimate, variance = channel.apply(sent, draw)
    assert estimate.shape == draw["gain"].shape
    gain, estimate = draw["gain"].flatten(), estimate.flatten()
    observed = gain + draw["gain_error"].flatten()

    design = np.stack([np.ones(FRAMES), observed.numpy()], axis=1)
    coefficients, *_ = np.linalg.lstsq(design, gain.numpy(), rcond=None)
    fitted = torch.from_numpy(design @ coefficients)
    # Both coefficients have a standard error of about 1/√FRAMES.
    assert float((fitted - estimate).abs().square().mean().sqrt()) < 2 * DEVIATIONS / math.sqrt(FRAMES)

    remaining = gain - estimate
    posterior_variance = float(variance[0, 0]) - 1
    check_variance("remaining error, real", remaining.real, posterior_variance / 2)
    check_variance("remaining error, imaginary", remaining.imag, posterior_variance / 2)
    for first in (estimate.real, estimate.imag, estimate.abs().square()):
        for second in (remaining.real, remaining.imag, remaining.abs().square()):
            correlation = float(torch.corrcoef(torch.stack([first, second]))[0, 1])
            assert abs(correlation) < DEVIATIONS / math.sqrt(FRAMES)


@pytest.mark.parametrize("channel", ["rayleigh", "rayleigh-fast"])
@pytest.mark.parametrize(("snr_db", "csi_error"), [(10.0, 0.05), (15.0, 0.2), (0.0, 1.0)])
def test_bit_error_rate_of_qpsk(channel, snr_db, csi_error):
    """QPSK over Rayleigh fading, at the SNR that the estimate leaves: (1 − v)/(N0 + v), v = σ²/(1 + σ²)."""
    config = LinkConfig(
        tokens=4, codebook_size=16, bits_per_symbol=2, channel=channel, csi_error=csi_error, embedding_dim=2
    )
    link, generator = Link(config), stream(3)
    index = torch.randint(16, (6000, 4), generator=generator)
    left = csi_error / (1 + csi_error)
    effective = (1 - left) / (10 ** (-snr_db / 10) + left)
    expected = (1 - math.sqrt(effective / (2 + effective))) / 2
    assert qam_ber(2, 10 * math.log10(effective), "rayleigh") == pytest.approx(expected, rel=1e-6)
    check_ber(link, index, link.draw(6000, snr_db, generator), expected)
