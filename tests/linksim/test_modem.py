"""What a modem refuses, and what it keeps."""

import copy
import math
import pickle

import pytest
import torch
from helpers.generators import generator

from linksim import Modem, sionna_bridge
from linksim import modem as module


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
    received = torch.randn(5, dtype=torch.complex64, generator=generator())
    received.requires_grad_()
    for demapper in ("app", "maxlog"):
        llr = Modem(bits_per_symbol=4, demapper=demapper).demodulate(received, 0.3)
        (gradient,) = torch.autograd.grad(llr.square().sum(), received)
        assert torch.isfinite(torch.view_as_real(gradient)).all()
        assert (gradient.abs() > 0).all()


@pytest.fixture
def nothing_kept():
    """As in a new process: blocks and points are made when they are first asked for."""
    kept = (module._amplitudes, sionna_bridge.mapper, sionna_bridge.demapper, sionna_bridge._constellation)
    for function in kept:
        function.cache_clear()


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("backend", ["sionna", "fused"])
def test_gradients_after_a_first_use_in_inference_mode(backend, demapper):
    modem = Modem(6, demapper, backend)
    received = torch.randn(5, dtype=torch.complex64, generator=generator())
    with torch.inference_mode():
        first = modem.demodulate(received, 0.3)
    variance = torch.full((5,), 0.3, requires_grad=True)
    received.requires_grad_()
    llr = modem.demodulate(received, variance)
    assert torch.equal(llr, first)
    for gradient in torch.autograd.grad(llr.square().sum(), (received, variance)):
        assert torch.isfinite(gradient.abs()).all()
        assert (gradient.abs() > 0).all()


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_amplitudes_are_kept_for_gradients_too(dtype):
    """Once for each precision, whichever modem asks first."""
    received = torch.zeros(3, dtype=dtype.to_complex())
    with torch.inference_mode():
        for _ in range(2):
            # With a prior, so that the compiled loops, which need no amplitudes, are not used.
            Modem(6, backend="fused").demodulate(received, 0.3, torch.zeros(18))
    assert module._amplitudes.cache_info().currsize == 1
    amplitudes = module._amplitudes(6, sionna_bridge.precision_of(dtype), "cpu")
    assert amplitudes.dtype == dtype
    assert not amplitudes.is_inference()


@pytest.mark.parametrize("backend", ["sionna", "fused"])
def test_a_used_modem_can_be_copied_and_pickled(backend):
    modem = Modem(4, backend=backend)
    received = torch.randn(5, dtype=torch.complex64, generator=generator())
    llr = modem.demodulate(received, 0.3)
    assert all(not isinstance(value, torch.Tensor) for value in vars(modem).values())
    for again in (copy.deepcopy(modem), pickle.loads(pickle.dumps(modem))):
        assert torch.equal(again.demodulate(received, 0.3), llr)
