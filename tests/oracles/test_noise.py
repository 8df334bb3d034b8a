"""Noise and fading have the stated statistics; exact tests at the 99.9 % level, fixed seeds."""

import pytest
import torch
from helpers.oracles import check_noise, check_variance

from linksim import Link, LinkConfig
from linksim.sionna_bridge import rayleigh_gain, unit_noise


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("double", [False, True])
def test_noise_has_variance_n0_in_total(channel, double):
    link = Link(LinkConfig(channel=channel))
    link = link.double() if double else link
    generator = torch.Generator().manual_seed(1)
    snr_db = torch.linspace(-10, 30, 1000)
    index = torch.randint(64, (1000, 16), generator=generator)
    check_noise(link, index, link.draw(1000, snr_db, generator))


def test_noise_of_a_list_of_generators():
    link = Link(LinkConfig())
    generators = [torch.Generator().manual_seed(1000 + frame) for frame in range(500)]
    index = torch.randint(64, (500, 16), generator=torch.Generator().manual_seed(2))
    check_noise(link, index, link.draw(500, 3.0, generators))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rayleigh_gain_has_unit_mean_power(dtype):
    gain = rayleigh_gain(50_000, dtype, torch.Generator().manual_seed(3)).flatten()
    assert gain.dtype == dtype.to_complex()
    check_variance("real part", gain.real, 0.5)
    check_variance("imaginary part", gain.imag, 0.5)
    power = gain.abs().square().double()
    # |h|² is exponential: a share exp(−t) of the gains exceeds t (binomial, within 3.3 standard deviations)
    for threshold in (0.1, 1.0, 3.0):
        share = torch.tensor(-threshold).exp().item()
        deviation = (share * (1 - share) / len(power)) ** 0.5
        assert abs((power > threshold).double().mean().item() - share) < 3.3 * deviation


def test_gain_is_constant_over_a_frame_and_independent_between_frames():
    link = Link(LinkConfig(channel="rayleigh"))
    draw = link.draw(20_000, 10.0, torch.Generator().manual_seed(4))
    gain = draw.channel["gain"]
    assert gain.shape == (20_000, 1)
    correlation = (gain[1:] * gain[:-1].conj()).mean().abs().item()
    assert correlation < 4 / 20_000**0.5


def test_unit_noise_is_white():
    noise = unit_noise((2000, 50), torch.float32, torch.Generator().manual_seed(5))
    for shifted, straight in ((noise[:, 1:], noise[:, :-1]), (noise[1:], noise[:-1])):
        correlation = (shifted * straight.conj()).mean().abs().item()
        assert correlation < 4 / shifted.numel() ** 0.5


def test_snr_is_es_over_n0():
    link = Link(LinkConfig())
    draw = link.draw(3, torch.tensor([0.0, 10.0, -3.0]), torch.Generator().manual_seed(6))
    expected = torch.tensor([[1.0], [0.1], [10**0.3]])
    torch.testing.assert_close(draw.channel["noise_variance"], expected)
