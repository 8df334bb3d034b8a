"""What a modem refuses."""

import math

import pytest
import torch

from linksim import Modem


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"bits_per_symbol": 3}, ValueError, "bits_per_symbol"),
        ({"bits_per_symbol": 0}, ValueError, "bits_per_symbol"),
        ({"bits_per_symbol": 12}, ValueError, "bits_per_symbol"),
        ({"bits_per_symbol": "4"}, TypeError, "bits_per_symbol"),
        ({"demapper": "soft"}, ValueError, "demapper"),
        ({"backend": "cpp"}, ValueError, "backend"),
        ({"constellation": torch.zeros(8, dtype=torch.complex64)}, ValueError, "constellation"),
        ({"constellation": torch.zeros(4, 4, dtype=torch.complex64)}, ValueError, "constellation"),
        ({"constellation": torch.zeros(16, dtype=torch.complex64)}, ValueError, "constellation"),
        ({"constellation": torch.full((16,), math.nan + 0j)}, ValueError, "constellation"),
        ({"constellation": torch.full((16,), math.inf + 0j)}, ValueError, "constellation"),
        ({"constellation": torch.ones(16), "bits_per_symbol": 11}, ValueError, "bits_per_symbol"),
    ],
)
def test_bad_arguments_are_named(arguments, error, named):
    with pytest.raises(error, match=named):
        Modem(**arguments)


@pytest.mark.parametrize("shape", [(3,), (2, 6), ()])
def test_bits_must_fill_symbols(shape):
    with pytest.raises(ValueError, match="multiple of 4"):
        Modem(bits_per_symbol=4).modulate(torch.zeros(shape))


def test_received_symbols_must_be_complex():
    modem = Modem()
    with pytest.raises(TypeError, match="complex"):
        modem.demodulate(torch.zeros(3), 0.1)


@pytest.mark.parametrize("noise_variance", [-0.1, math.nan, math.inf])
def test_noise_variance_must_be_a_variance(noise_variance):
    with pytest.raises(ValueError, match="noise_variance"):
        Modem().demodulate(torch.zeros(3, dtype=torch.complex64), noise_variance)


def test_precision_follows_the_input():
    modem = Modem(bits_per_symbol=6)
    for dtype in (torch.float32, torch.float64):
        symbols = modem.modulate(torch.ones(12, dtype=dtype))
        assert symbols.dtype == dtype.to_complex()
        assert modem.demodulate(symbols, 0.1).dtype == dtype
        assert modem.constellation(dtype).dtype == dtype.to_complex()


def test_llrs_are_differentiable():
    received = torch.randn(5, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    received.requires_grad_()
    for demapper in ("app", "maxlog"):
        llr = Modem(bits_per_symbol=4, demapper=demapper).demodulate(received, 0.3)
        (gradient,) = torch.autograd.grad(llr.square().sum(), received)
        assert torch.isfinite(torch.view_as_real(gradient)).all()
        assert (gradient.abs() > 0).all()
