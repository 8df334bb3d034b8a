"""Rayleigh and Rician gains, per frame or per symbol: what is drawn, and what the receiver gets."""

import math

import pytest
import torch
from helpers.oracles import LEVEL, check_variance
from scipy import special, stats

from linksim import LinkConfig
from linksim.seeds import stream
from linksim.sionna_bridge import rayleigh_gain
from linksim.stages.channel import AwgnChannel, BinarySymmetricChannel, FadingChannel, make_channel

FRAMES = 40_000
DEVIATIONS = -float(special.ndtri((1 - LEVEL) / 2))


def draw_of(channel, frames, symbols, seed=0, snr_db=10.0, dtype=torch.float64):
    return channel.draw(frames, symbols, torch.full((frames,), snr_db, dtype=dtype), stream(seed))


def assert_mean(name, samples, expected):
    """The mean of independent real samples lies within the 99.9 % interval around the expected one."""
    samples = samples.double().flatten()
    limit = DEVIATIONS * float(samples.std()) / math.sqrt(len(samples))
    assert abs(float(samples.mean()) - expected) < limit, f"{name}: {float(samples.mean())}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("every_symbol", "count"), [(False, 1), (True, 7)])
def test_what_is_drawn(every_symbol, count, dtype):
    for csi_error, names in ((0.0, set()), (0.5, {"gain_error"})):
        channel = FadingChannel(3.0, every_symbol, csi_error)
        draw = draw_of(channel, 4, 7, dtype=dtype)
        assert set(draw) == {"gain", "noise", "noise_variance"} | names
        assert draw["noise"].shape == (4, 7)
        assert draw["noise_variance"].tolist() == [[pytest.approx(0.1)]] * 4
        for name in {"gain"} | names:
            assert draw[name].shape == (4, count)
            assert draw[name].dtype == dtype.to_complex()


def test_noise_is_white_and_independent_of_gain_and_error():
    draw = FadingChannel(csi_error=1.0).draw(FRAMES // 2, 2, torch.linspace(-9, 9, FRAMES // 2), stream(1))
    check_variance("real part", draw["noise"].real, 0.5)
    check_variance("imaginary part", draw["noise"].imag, 0.5)
    for first, second in (("gain", "noise"), ("gain_error", "noise"), ("gain", "gain_error")):
        assert_mean(f"{first} and {second}", (draw[first] * draw[second].conj()).real.mean(1), 0.0)
    expected = 10 ** (-torch.linspace(-9, 9, FRAMES // 2) / 10)
    torch.testing.assert_close(draw["noise_variance"], expected.unsqueeze(1))


@pytest.mark.parametrize(("every_symbol", "count"), [(False, 1), (True, 3)])
def test_rayleigh_gains_are_those_of_sionna(every_symbol, count):
    gain = draw_of(FadingChannel(every_symbol=every_symbol), 5, 3, seed=7)["gain"]
    assert torch.equal(gain, rayleigh_gain(5 * count, torch.float64, stream(7)).reshape(5, count))


def test_gain_is_a_constant_and_a_scattered_part():
    scattered = draw_of(FadingChannel(), 50, 3)["gain"]
    for k_factor, constant, share in ((3.0, 0.75**0.5, 0.5), (0.25, 0.2**0.5, 0.8**0.5), (1e6, 1.0, 1e-3)):
        gain = draw_of(FadingChannel(k_factor), 50, 3)["gain"]
        torch.testing.assert_close(gain, constant + share * scattered, rtol=1e-6, atol=1e-6)


def test_error_scales_with_its_deviation():
    unit = draw_of(FadingChannel(csi_error=1.0), 50, 3)["gain_error"]
    double = draw_of(FadingChannel(csi_error=4.0), 50, 3)["gain_error"]
    torch.testing.assert_close(double, 2 * unit, rtol=1e-15, atol=0)
    check_variance("real part", draw_of(FadingChannel(csi_error=0.3), FRAMES, 1)["gain_error"].real, 0.15)
    check_variance(
        "imaginary part", draw_of(FadingChannel(csi_error=0.3), FRAMES, 1)["gain_error"].imag, 0.15
    )


@pytest.mark.parametrize("every_symbol", [False, True])
@pytest.mark.parametrize("k_factor", [0.0, 1.0, 3.0, 15.0])
def test_distribution_of_the_gain(k_factor, every_symbol):
    """Unit mean power; mean √(K/(K+1)), real; scattered part circular with variance 1/(K+1)."""
    channel = FadingChannel(k_factor, every_symbol)
    frames, symbols = (FRAMES // 8, 8) if every_symbol else (FRAMES, 2)
    gain = draw_of(channel, frames, symbols, seed=int(k_factor))["gain"].flatten()
    assert len(gain) == FRAMES
    constant = math.sqrt(k_factor / (k_factor + 1))
    assert_mean("power", gain.abs().square(), 1.0)
    assert_mean("real part", gain.real, constant)
    assert_mean("imaginary part", gain.imag, 0.0)
    check_variance("scattered, real", gain.real - constant, 0.5 / (k_factor + 1))
    check_variance("scattered, imaginary", gain.imag, 0.5 / (k_factor + 1))
    assert_mean("correlation of the parts", (gain.real - constant) * gain.imag, 0.0)
    assert_mean(
        "correlation of neighbours", ((gain[1::2] - constant) * (gain[::2] - constant).conj()).real, 0.0
    )


def test_power_of_rayleigh_fading_is_exponential():
    power = draw_of(FadingChannel(), FRAMES, 1)["gain"].abs().square().flatten()
    assert stats.kstest(power.numpy(), "expon").pvalue > 1 - LEVEL


@pytest.mark.parametrize("every_symbol", [False, True])
def test_received_symbols_follow_the_draw_exactly(every_symbol):
    channel = FadingChannel(2.0, every_symbol)
    draw = channel.draw(3, 5, torch.tensor([-5.0, 5.0, 15.0], dtype=torch.float64), stream(4))
    sent = torch.randn(3, 5, dtype=torch.complex128, generator=stream(5))
    received, gain, variance = channel.apply(sent, draw)
    for frame in range(3):
        for symbol in range(5):
            own = draw["gain"][frame, symbol if every_symbol else 0]
            noise = math.sqrt(draw["noise_variance"][frame, 0].item()) * draw["noise"][frame, symbol]
            assert received[frame, symbol].item() == pytest.approx((own * sent[frame, symbol] + noise).item())
    assert torch.equal(gain, draw["gain"])
    assert torch.equal(variance, draw["noise_variance"])


def test_defaults_are_rayleigh_block_fading_known_perfectly():
    channel = FadingChannel()
    assert (channel.constant, channel.scattered, channel.every_symbol, channel.csi_error) == (0, 1, False, 0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"channel": "rayleigh"}, (0.0, 1.0, False, 0.0)),
        ({"channel": "rayleigh", "rician_k": 8.0}, (0.0, 1.0, False, 0.0)),
        ({"channel": "rayleigh-fast", "csi_error": 0.2}, (0.0, 1.0, True, 0.2)),
        ({"channel": "rician", "rician_k": 3.0}, (0.75**0.5, 0.25, False, 0.0)),
        ({"channel": "rician"}, (0.75**0.5, 0.25, False, 0.0)),
        ({"channel": "rician-fast", "rician_k": 1.0, "csi_error": 0.1}, (0.5**0.5, 0.5, True, 0.1)),
        ({"channel": "rician", "rician_k": 0.0}, (0.0, 1.0, False, 0.0)),
    ],
)
def test_names_of_fading_channels(options, expected):
    channel = make_channel(LinkConfig(**options))
    assert isinstance(channel, FadingChannel)
    actual = (channel.constant, channel.scattered, channel.every_symbol, channel.csi_error)
    assert actual == pytest.approx(expected)


def test_names_of_other_channels():
    assert isinstance(make_channel(LinkConfig()), AwgnChannel)
    bsc = LinkConfig(channel="bsc", modulation="psk", bits_per_symbol=1)
    assert isinstance(make_channel(bsc), BinarySymmetricChannel)
