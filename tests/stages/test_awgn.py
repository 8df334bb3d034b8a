"""White Gaussian noise: what is drawn, and what is added."""

import math

import pytest
import torch
from helpers.oracles import LEVEL, check_variance
from scipy import special

from linksim.seeds import stream
from linksim.stages.channel import AwgnChannel

SNRS = (0.0, 10.0, -10.0, 3.0, -200.0, 200.0)
VARIANCES = (1.0, 0.1, 10.0, 0.5011872336272722, 1e20, 1e-20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_drawn(dtype):
    draw = AwgnChannel().draw(6, 5, torch.tensor(SNRS, dtype=dtype), stream(0))
    assert set(draw) == {"noise", "noise_variance"}
    assert draw["noise"].shape == (6, 5)
    assert draw["noise"].dtype == dtype.to_complex()
    assert draw["noise_variance"].shape == (6, 1)
    assert draw["noise_variance"].dtype == dtype
    expected = torch.tensor(VARIANCES, dtype=dtype).unsqueeze(1)
    torch.testing.assert_close(draw["noise_variance"], expected, rtol=3e-6, atol=0)


def test_noise_has_unit_variance_whatever_the_snr():
    draw = AwgnChannel().draw(100, 500, torch.linspace(-100, 100, 100), stream(1))
    noise = draw["noise"]
    check_variance("real part", noise.real, 0.5)
    check_variance("imaginary part", noise.imag, 0.5)
    limit = -float(special.ndtri((1 - LEVEL) / 2)) / math.sqrt(noise.numel())
    assert abs(float((noise.real * noise.imag).mean())) < 0.5 * limit
    assert abs(float((noise[:, 1:] * noise[:, :-1].conj()).mean().real)) < 0.75 * limit


def test_received_symbols_are_sent_ones_plus_scaled_noise():
    sent = torch.tensor([[1 + 2j, -1j], [0.5 + 0j, 2 - 2j]], dtype=torch.complex128)
    noise = torch.tensor([[0.5 - 1j, 1 + 0j], [2j, -0.25 + 1j]], dtype=torch.complex128)
    draw = {"noise": noise, "noise_variance": torch.tensor([[4.0], [0.25]], dtype=torch.float64)}
    received, gain, variance = AwgnChannel().apply(sent, draw)
    expected = torch.tensor([[2 + 0j, 2 - 1j], [0.5 + 1j, 1.875 - 1.5j]], dtype=torch.complex128)
    assert torch.equal(received, expected)
    assert torch.equal(gain, torch.ones(2, 1, dtype=torch.float64))
    assert torch.equal(variance, draw["noise_variance"])


def test_received_symbols_follow_the_draw_exactly():
    channel = AwgnChannel()
    draw = channel.draw(3, 7, torch.tensor([-5.0, 5.0, 15.0]), stream(2))
    sent = torch.randn(3, 7, dtype=torch.complex64, generator=stream(3))
    received, gain, variance = channel.apply(sent, draw)
    for frame in range(3):
        own = draw["noise_variance"][frame, 0]
        assert torch.equal(received[frame], sent[frame] + torch.sqrt(own) * draw["noise"][frame])
    assert gain.dtype == variance.dtype == torch.float32
    assert gain.tolist() == [[1.0]] * 3
