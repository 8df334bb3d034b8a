"""Demap: division by the gain, LLRs, pad bits, words."""

import cmath

import pytest
import torch
from helpers.oracles import assert_near
from helpers.qam import llr, qam_points

from linksim import FrameLayout, Modem
from linksim.seeds import stream
from linksim.stages.demap import Demap
from linksim.stages.llr_quantizer import LlrQuantizer
from linksim.stages.padding import pad_frame


def demap_of(bits=10, width=4, quantizer=None, **options):
    layout = FrameLayout(tokens=bits, codebook_size=2, bits_per_symbol=width, **options)
    return Demap(layout, Modem(width), quantizer)


def signals(frames, symbols):
    received = torch.randn(frames, symbols, dtype=torch.complex128, generator=stream(0))
    gain = torch.randn(frames, symbols, dtype=torch.complex128, generator=stream(1))
    variance = 0.1 + torch.rand(frames, symbols, dtype=torch.float64, generator=stream(2))
    return received, gain, variance


@pytest.mark.parametrize("columns", [1, 3])
def test_llrs_follow_from_received_symbol_gain_and_variance(columns):
    """Of y = h·x + noise: squared distances of y to h·x, over the noise variance."""
    received, gain, variance = signals(4, 3)
    gain, variance = gain[:, :columns], variance[:, :columns]
    actual = demap_of()(received, gain, variance)
    assert actual.shape == (4, 10)
    points = qam_points(4)
    for frame in range(4):
        for symbol in range(3):
            column = min(symbol, columns - 1)
            own = received[frame, symbol : symbol + 1].numpy()
            expected = llr(own, variance[frame, column].item(), gain[frame, column].item() * points, "app")
            kept = expected[0][: 4 if symbol < 2 else 2]
            assert_near("LLR", actual[frame, 4 * symbol : 4 * symbol + len(kept)], kept, 1e-9, 1e-9)


def test_real_gains_divide_too():
    received, _, variance = signals(4, 3)
    for factor in (0.5, -2.0):
        real = torch.full((4, 1), factor, dtype=torch.float64)
        torch.testing.assert_close(
            demap_of()(received, real, variance), demap_of()(received / factor, real**0, variance / factor**2)
        )


def test_llrs_scale_with_gain_and_deviation():
    """A receiver that amplifies signal and noise alike sees the same LLRs, whatever the phase."""
    received, gain, variance = signals(4, 3)
    factor = 3 - 4j
    plain = demap_of()(received, gain, variance)
    torch.testing.assert_close(demap_of()(factor * received, factor * gain, 25 * variance), plain)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_faded_symbols_have_llrs_of_zero(dtype):
    received, _, variance = signals(4, 3)
    real = torch.float32 if dtype == torch.complex64 else torch.float64
    for size in (0.0, 1e-12):
        gain = torch.full((4, 1), size, dtype=dtype)
        llrs = demap_of()(received.to(dtype), gain, variance.to(real))
        assert torch.isfinite(llrs).all()
        assert float(llrs.abs().max()) < 1e-5
    weak = torch.full((4, 1), 1e-7, dtype=dtype)  # its power of 1e-14 still counts as it is
    expected = demap_of()(1e7 * received.to(dtype), torch.ones(4, 1, dtype=dtype), 1e14 * variance.to(real))
    torch.testing.assert_close(demap_of()(received.to(dtype), weak, variance.to(real)), expected)


@pytest.mark.parametrize(("share", "counted"), [(0.5, 1e-15), (0.99, 1e-15), (1.01, 1.01e-15), (4.0, 4e-15)])
def test_least_power_of_a_gain(share, counted):
    """Below 1e-15 a power counts as 1e-15, both where symbols and where noise is divided."""
    received, _, variance = signals(2, 3)
    received, variance = 1e-15**0.5 * received, 1e-15 * variance
    gain = torch.full((2, 1), cmath.rect((share * 1e-15) ** 0.5, 2.0), dtype=torch.complex128)
    equalised = received * gain.conj() / counted
    expected = Modem(4).demodulate(equalised, variance / counted)[:, :10]
    torch.testing.assert_close(demap_of()(received, gain, variance), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("interleaver", ["none", "38.212"])
def test_llrs_come_in_the_order_of_the_coded_bits(interleaver):
    demap = demap_of(13, 4, code="ldpc", code_rate=0.52, interleaver=interleaver)
    assert demap.layout.pad_bits == 3
    coded = torch.randint(2, (5, 25), generator=stream(3)).double()
    symbols = demap.modem.modulate(pad_frame(coded, demap.layout))
    one = torch.ones(1, dtype=torch.float64)
    assert torch.equal((demap(symbols, one, 0.1 * one) > 0).double(), coded)


def test_quantized_llrs():
    received, gain, variance = signals(4, 3)
    plain, quantizer = demap_of()(received, gain, variance), LlrQuantizer(3, 0.7)
    quantized = demap_of(quantizer=quantizer)(received, gain, variance)
    assert not torch.equal(quantized, plain)
    assert torch.equal(quantized, quantizer(plain))


def test_without_a_quantizer_by_default():
    assert Demap(FrameLayout(tokens=2, codebook_size=4, bits_per_symbol=2), Modem(2)).quantizer is None
