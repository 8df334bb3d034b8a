"""LLRs are ln P(b=1)/P(b=0) by the definition, in float64 NumPy."""

import numpy as np
import pytest
import torch
from helpers.oracles import assert_near, check_llr, check_llr_sign
from helpers.qam import WIDTHS, llr, qam_points

from linksim import Modem
from linksim.config import BACKENDS

METHODS = ("app", "maxlog")


def transmission(width, snr_db, symbols, seed, dtype=torch.float32):
    """Random symbols, the same with noise, and the noise variance."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.from_numpy(qam_points(width))
    sent = points[torch.randint(len(points), (symbols,), generator=generator)]
    noise_variance = 10 ** (-snr_db / 10)
    noise = torch.randn(symbols, 2, dtype=torch.float64, generator=generator)
    received = sent + torch.view_as_complex(noise) * (noise_variance / 2) ** 0.5
    return sent.to(dtype.to_complex()), received.to(dtype.to_complex()), noise_variance


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_llrs_equal_the_definition(width, method, backend, dtype):
    modem = Modem(bits_per_symbol=width, demapper=method, backend=backend)
    for snr_db in range(-20, 21, 5):
        _, received, noise_variance = transmission(width, snr_db, 200, snr_db + 20, dtype)
        check_llr(modem, received, noise_variance, qam_points(width))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", WIDTHS)
def test_llrs_keep_their_sign_up_to_60_db(width, method, backend):
    modem = Modem(bits_per_symbol=width, demapper=method, backend=backend)
    for snr_db in range(-20, 61, 10):
        sent, received, noise_variance = transmission(width, snr_db, 200, snr_db + 20)
        check_llr_sign(modem, received, noise_variance, qam_points(width))
        check_llr_sign(modem, sent, noise_variance, qam_points(width))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", WIDTHS)
def test_noiseless_labels_come_back(width, method, backend):
    """At 60 dB the sign of every LLR is the bit that was sent."""
    modem = Modem(bits_per_symbol=width, demapper=method, backend=backend)
    bits = (torch.arange(2**width).unsqueeze(1) >> torch.arange(width - 1, -1, -1)) & 1
    llrs = modem.demodulate(modem.modulate(bits.flatten()), 1e-6)
    assert torch.equal((llrs > 0).long(), bits.flatten())


def test_sign_convention():
    """A positive LLR means that the bit is more probably one (the textbook sign is the opposite)."""
    modem = Modem(bits_per_symbol=2)
    symbols = modem.modulate(torch.tensor([1, 0]))
    # QPSK by hand: ln P(b=1)/P(b=0) = −2√2·Re(y)/N0
    first, second = modem.demodulate(symbols, 0.5).tolist()
    assert first == pytest.approx(4, rel=1e-5)
    assert second == pytest.approx(-4, rel=1e-5)


def test_maxlog_differs_from_app_where_it_should():
    _, received, noise_variance = transmission(4, 0, 200, 0)
    exact = Modem(bits_per_symbol=4, demapper="app").demodulate(received, noise_variance)
    approximate = Modem(bits_per_symbol=4, demapper="maxlog").demodulate(received, noise_variance)
    assert (exact - approximate).abs().max() > 0.1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", METHODS)
def test_noise_variance_broadcasts(method, backend):
    modem = Modem(bits_per_symbol=4, demapper=method, backend=backend)
    _, received, _ = transmission(4, 5, 60, 1)
    received = received.reshape(3, 20)
    variances = torch.tensor([[0.1], [0.5], [2.0]])
    together = modem.demodulate(received, variances).reshape(3, 20, 4)
    for frame, variance in enumerate(variances.flatten().tolist()):
        expected = llr(received[frame].numpy(), variance, qam_points(4), method)
        assert_near("LLR", together[frame], expected, relative=1e-4, absolute=1e-4)
    per_symbol = variances.expand(3, 20).contiguous()
    assert torch.equal(modem.demodulate(received, per_symbol).reshape(3, 20, 4), together)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", [1, 3, 4])
def test_llrs_of_own_points(width, method):
    generator = torch.Generator().manual_seed(width)
    points = torch.randn(2**width, dtype=torch.complex128, generator=generator)
    modem = Modem(bits_per_symbol=width, demapper=method, constellation=3 * points)
    unit = points.numpy() / np.sqrt((np.abs(points.numpy()) ** 2).mean())
    assert_near("points", modem.constellation(torch.float64), unit, absolute=1e-12)
    received = torch.randn(100, dtype=torch.complex64, generator=generator)
    for noise_variance in (0.01, 0.3, 10.0):
        check_llr(modem, received, noise_variance, unit)
    bits = torch.tensor([[(label >> (width - 1 - j)) & 1 for j in range(width)] for label in range(2**width)])
    assert_near("symbols", modem.modulate(bits.double().flatten()), unit, absolute=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", WIDTHS)
def test_dimensions_apart_give_the_llrs_of_sionna(width, method):
    """In float64, with gains of their own taken out, noise variances per symbol, and their gradients."""
    generator = torch.Generator().manual_seed(width)
    variance = 10 ** (-(torch.rand(20, 50, dtype=torch.float64, generator=generator) * 80 - 20) / 10)
    found = []
    for backend in ("sionna", "fused"):
        modem = Modem(bits_per_symbol=width, demapper=method, backend=backend)
        assert modem.backend == backend
        generator.manual_seed(width)
        bits = torch.randint(2, (20, 50 * width), generator=generator).double()
        noise = torch.view_as_complex(torch.randn(20, 50, 2, dtype=torch.float64, generator=generator))
        received = (modem.modulate(bits) + (variance / 2).sqrt() * noise).requires_grad_()
        llrs = modem.demodulate(received, variance)
        weights = torch.rand(llrs.shape, dtype=torch.float64, generator=generator)
        (gradient,) = torch.autograd.grad((weights * llrs).sum(), received)
        found.append((llrs.detach(), gradient))
    (expected, slope), (llrs, gradient) = found
    assert_near("LLR", llrs, expected.numpy(), relative=1e-9, absolute=1e-9)
    assert_near("gradient", gradient, slope.numpy(), relative=1e-9, absolute=1e-9)


def test_other_points_are_left_to_sionna():
    assert Modem(bits_per_symbol=3, modulation="psk", backend="fused").backend == "sionna"
    assert Modem(bits_per_symbol=1, constellation=torch.tensor([1, 1j]), backend="fused").backend == "sionna"
