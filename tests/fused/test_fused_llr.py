"""Compiled loops: the LLRs, gradients and refusals of backend "fused"."""

import ctypes
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from helpers.qam import WIDTHS

from linksim import Modem
from linksim.config import DEMAPPERS
from linksim.fused import certificate, demodulate, native
from linksim.fused.count import packed_bits, unpacked
from linksim.stages.demap import Demap


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def nothing_kept():
    """What a process keeps of loops and certificates is forgotten, before and after."""
    kept = (native.library, native._own_folder, certificate.certified)
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("width", WIDTHS)
def test_within_tolerance_of_float64(width, demapper):
    library = native.library()
    assert library is not None, "the suite needs a C compiler"
    assert certificate.largest_error(library, width, demapper, symbols=3000) < 0.5


@pytest.mark.parametrize("width", WIDTHS)
def test_the_certificate_sees_small_faults(width):
    """LLRs that are off by two thousandths, or for an SNR off by 0.01 dB, are not certified."""
    found = native.library()
    points = Modem(width).constellation(torch.float64)
    received = certificate.received_symbols(points, 2000, 10.0, generator())
    right = Modem(width, "app", "fused").demodulate(received.to(torch.complex128), 0.1)
    for received_then, variance in ((received, 0.1 * 10**0.001), (received * 1.002, 0.1)):
        llr = demodulate.demodulate(found, received_then, torch.tensor(variance), width, "app")
        assert certificate.error_in_tolerances(llr, right, torch.tensor(0.1)) > 1


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("width", WIDTHS)
def test_gradients(width, demapper):
    """By symbols and variances of their own, as float64 autograd has them."""
    generator_ = generator(width)
    received = torch.randn(300, dtype=torch.complex64, generator=generator_)
    variance = 10 ** (torch.rand(300, generator=generator_) * 6 - 4)
    weights = torch.randn(300 * width, generator=generator_)
    slopes = []
    for symbols, own in ((received, variance), (received.to(torch.complex128), variance.double())):
        symbols, own = symbols.clone().requires_grad_(), own.clone().requires_grad_()
        llr = Modem(width, demapper, "fused").demodulate(symbols, own)
        by_symbols, by_variance = torch.autograd.grad((llr * weights.to(llr.dtype)).sum(), (symbols, own))
        slopes.append((by_symbols * own, by_variance * own**2))
    for found, right in zip(*slopes, strict=True):
        assert ((found - right).abs() <= 1e-3 * right.abs() + 1e-4 * right.abs().mean()).all()


def test_one_variance_for_all_symbols_has_one_gradient():
    received = torch.randn(3, 40, dtype=torch.complex64, generator=generator())
    for shape in ((), (1,), (3, 1), (40,)):
        variance = torch.full(shape, 0.2, requires_grad=True)
        (found,) = torch.autograd.grad(
            Modem(4, backend="fused").demodulate(received, variance).sum(), variance
        )
        double = torch.full(shape, 0.2, dtype=torch.float64, requires_grad=True)
        llr = Modem(4, backend="fused").demodulate(received.to(torch.complex128), double)
        (right,) = torch.autograd.grad(llr.sum(), double)
        assert found.shape == shape
        torch.testing.assert_close(found.double(), right, rtol=1e-4, atol=1e-3)


def test_a_second_derivative_is_refused():
    received = torch.randn(5, dtype=torch.complex64, generator=generator()).requires_grad_()
    llr = Modem(4, backend="fused").demodulate(received, 0.3)
    (slope,) = torch.autograd.grad(llr.square().sum(), received, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.abs().sum().backward()


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("backend", ["sionna", "fused"])
@pytest.mark.parametrize("width", [2, 4, 6])
def test_prior(width, backend, demapper):
    """A prior LLR of a bit is a metric of the points whose label has a one there."""
    generator_ = generator(1)
    received = torch.randn(4, 30, dtype=torch.complex128, generator=generator_)
    prior = 3 * torch.randn(4, 30 * width, dtype=torch.float64, generator=generator_)
    points = Modem(width).constellation(torch.float64)
    labels = (torch.arange(2**width)[:, None] >> torch.arange(width - 1, -1, -1)) & 1
    metric = -(received[..., None] - points).abs().square() / 0.3
    metric = metric + prior.unflatten(-1, (30, width)) @ labels.double().T
    total = torch.logsumexp if demapper == "app" else torch.amax
    right = [
        total(metric[..., labels[:, bit] == 1], -1) - total(metric[..., labels[:, bit] == 0], -1)
        for bit in range(width)
    ]
    modem = Modem(width, demapper, backend)
    found = modem.demodulate(received, 0.3, prior)
    torch.testing.assert_close(found, torch.stack(right, -1).flatten(1), rtol=1e-9, atol=1e-9)
    single = modem.demodulate(received.to(torch.complex64), 0.3, prior)
    torch.testing.assert_close(single.double(), found, rtol=1e-4, atol=1e-3)
    one = modem.demodulate(received, 0.3, prior[0])
    torch.testing.assert_close(one[0], found[0])
    with pytest.raises(ValueError, match="prior must broadcast"):
        modem.demodulate(received, 0.3, prior[:, :-1])


@pytest.mark.parametrize("backend", ["sionna", "fused"])
@pytest.mark.parametrize("modulation", ["qam", "psk"])
def test_decisions_are_for_the_nearest_point(modulation, backend):
    modem = Modem(4, backend=backend, modulation=modulation)
    received = torch.randn(3, 50, dtype=torch.complex64, generator=generator())
    points = modem.constellation()
    nearest = (received[..., None] - points).abs().argmin(-1)
    assert torch.equal(modem.modulate(modem.decide(received)), points[nearest])
    assert modem.decide(received).dtype == torch.uint8


@pytest.mark.parametrize("width", [2, 4, 10])
def test_numbers_at_the_edge(width):
    """Finite input has finite LLRs; what is not a number stays so."""
    modem = Modem(width, backend="fused")
    huge = torch.tensor([1e18 + 0j, -3e5 - 1e18j, 0j, 1e-30 + 1e-30j], dtype=torch.complex64)
    for variance in (0.0, 1e-20, 1e-6, 1.0, 1e6):
        assert torch.isfinite(modem.demodulate(huge, variance)).all()
    unknown = modem.demodulate(torch.tensor([complex("nan"), 0.5 + 0.5j]), 0.1)
    assert torch.isnan(unknown[:width:2]).all()
    assert torch.isfinite(unknown[width:]).all()


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (2, 0), (2, 3, 9)])
def test_any_shape(shape):
    received = torch.randn(shape, dtype=torch.complex64, generator=generator())
    llr = Modem(6, backend="fused").demodulate(received, 0.1)
    torch.testing.assert_close(llr, Modem(6).demodulate(received, 0.1), rtol=1e-4, atol=1e-3)
    assert llr.shape == (*shape[:-1], shape[-1] * 6)
    turned = received.conj().movedim(0, -1)  # neither contiguous nor resolved
    again = Modem(6, backend="fused").demodulate(turned, 0.1)
    torch.testing.assert_close(again, Modem(6).demodulate(turned.resolve_conj(), 0.1), rtol=1e-4, atol=1e-3)


def test_gains_are_divided_out_before():
    """Through the demap stage, with a gain and a noise variance for every symbol."""
    from linksim import LinkConfig

    layout = LinkConfig(tokens=10, codebook_size=64, bits_per_symbol=6).layout
    generator_ = generator(2)
    received, gain = torch.randn(2, 4, layout.symbols, dtype=torch.complex64, generator=generator_)
    variance = torch.rand(4, layout.symbols, generator=generator_) + 0.01
    found, right = (
        Demap(layout, Modem(6, "app", name))(received, gain, variance) for name in ("fused", "sionna")
    )
    torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-2)


def test_threads_change_nothing():
    received = torch.randn(3 * demodulate.LEAST_SHARE + 5, dtype=torch.complex64, generator=generator())
    variance = torch.rand(len(received), generator=generator()) + 0.01
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            symbols = received.clone().requires_grad_()
            llr = Modem(4, backend="fused").demodulate(symbols, variance)
            found += [llr.detach(), *torch.autograd.grad(llr.square().sum(), symbols)]
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])


@pytest.mark.usefixtures("nothing_kept")
def test_without_a_compiler(monkeypatch, tmp_path):
    """One line says so, and the LLRs are the same."""
    received = torch.randn(50, dtype=torch.complex64, generator=generator())
    compiled = Modem(4, backend="fused").demodulate(received, 0.1)
    native.library.cache_clear()
    certificate.certified.cache_clear()
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("LINKSIM_CACHE", str(tmp_path / "cache"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        llr = Modem(4, backend="fused").demodulate(received, 0.1)
        Modem(6, backend="fused").demodulate(received, 0.1)
    (line,) = [str(one.message) for one in caught if one.category is RuntimeWarning]
    assert "install gcc" in line
    assert "\n" not in line
    assert not torch.equal(llr, compiled)
    torch.testing.assert_close(llr, compiled, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("nothing_kept")
def test_a_compiler_that_fails_leaves_nothing_behind(monkeypatch, tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setenv("LINKSIM_CACHE", str(tmp_path / "cache"))
    with pytest.warns(RuntimeWarning, match="out of luck"):
        assert native.library() is None
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("nothing_kept")
def test_wrong_loops_are_not_used(monkeypatch):
    monkeypatch.setattr(certificate, "largest_error", lambda *_: 1.5)
    received = torch.randn(50, dtype=torch.complex64, generator=generator())
    with pytest.warns(RuntimeWarning, match="are not used"):
        llr = Modem(4, backend="fused").demodulate(received, 0.1)
    torch.testing.assert_close(llr, Modem(4).demodulate(received, 0.1), rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("nothing_kept")
def test_compiled_once_for_all_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("LINKSIM_CACHE", str(tmp_path / "cache"))
    first = native.compiled()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("compiled twice"))
    assert native.compiled() == first
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.name]
    assert isinstance(native._load(first), ctypes.CDLL)


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions as on POSIX systems")
def test_a_folder_that_others_may_write_to_is_passed_over(monkeypatch, tmp_path):
    """What is loaded from it is run."""
    tmp_path.chmod(0o777)
    monkeypatch.setenv("LINKSIM_CACHE", str(tmp_path))
    chosen = native.cache_folder()
    assert chosen != tmp_path
    assert chosen.stat().st_mode & 0o077 == 0
    tmp_path.chmod(0o700)
    assert native.cache_folder() == tmp_path


def test_importing_compiles_nothing(tmp_path):
    """Neither does a modem that is not used, nor one of Sionna."""
    code = (
        "import torch; from linksim import Modem; Modem(4, backend='fused');"
        "Modem(4).demodulate(torch.ones(3, dtype=torch.complex64), 0.1)"
    )
    environment = {**os.environ, "LINKSIM_CACHE": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-W", "error::RuntimeWarning", "-c", code], check=True, env=environment)
    assert not (tmp_path / "cache").exists()


def test_packed_bits_are_those_of_numpy():
    bits = packed_bits(5, 37, generator())
    assert bits.shape == (5, 5)
    right = np.unpackbits(bits.numpy(), axis=1)[:, :37]
    assert np.array_equal(unpacked(bits, 37).numpy(), right)


def test_packed_bits_are_fair():
    """Every place of a byte, and every pair of neighbours: within 5 standard deviations."""
    bits = unpacked(packed_bits(20_000, 16, generator(3)), 16).double()
    assert ((bits.mean(0) - 0.5).abs() < 5 * 0.5 / 20_000**0.5).all()
    together = (2 * bits[:, :-1] - 1) * (2 * bits[:, 1:] - 1)
    assert (together.mean(0).abs() < 5 / 20_000**0.5).all()


def test_no_warning_on_this_machine():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert certificate.certified(4, "app") is not None
