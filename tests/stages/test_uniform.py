"""Uniform quantizers: levels from tables written out by hand, gradients that pass straight through."""

import math

import pytest
import torch

from linksim.seeds import stream
from linksim.stages.uniform import mid_rise, mid_tread

RISE = {
    1: [-0.5, 0.5],
    2: [-0.75, -0.25, 0.25, 0.75],
    3: [-0.875, -0.625, -0.375, -0.125, 0.125, 0.375, 0.625, 0.875],
}
"""Levels of a converter of that many bits with full scale one."""

TREAD = {
    2: [-1, 0, 1],
    3: [-3, -2, -1, 0, 1, 2, 3],
    4: [-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7],
}
"""Levels of a saturating quantizer of that many bits with step one."""

DTYPES = [torch.float32, torch.float64]


@pytest.mark.parametrize("bits", RISE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_levels_of_a_converter(bits, dtype):
    """Each level lies in the middle of its cell, and the cells fill the full scale."""
    step = 2 / 2**bits
    for level in RISE[bits]:
        lower, upper = level - step / 2, level + step / 2
        inside = torch.tensor([lower, lower + 0.1 * step, level, upper - 0.1 * step], dtype=dtype)
        assert mid_rise(inside, 1.0, bits).tolist() == [level] * 4
        below = math.nextafter(upper, -1) if dtype == torch.float64 else upper - 1e-6
        assert mid_rise(torch.tensor(below, dtype=dtype), 1.0, bits).item() == level
    beyond = torch.tensor([-1.0, -1.2, -50.0, 1.0, 1.2, 50.0], dtype=dtype)
    ends = [RISE[bits][0]] * 3 + [RISE[bits][-1]] * 3
    assert mid_rise(beyond, 1.0, bits).tolist() == ends


def test_zero_counts_as_positive():
    for bits in (1, 2, 3, 8):
        half_step = 1 / 2**bits
        assert mid_rise(torch.tensor([0.0, -0.0]), 1.0, bits).tolist() == [half_step, half_step]
        assert mid_rise(torch.tensor([-1e-9, 1e-9]), 1.0, bits).tolist() == [-half_step, half_step]


def test_by_hand_with_other_full_scales():
    signal = torch.tensor([[0.1, -0.9, 1.6, -5.0], [0.1, -0.9, 1.6, -5.0]], dtype=torch.float64)
    expected = torch.tensor([[0.25, -0.75, 0.75, -0.75], [1.0, -1.0, 1.0, -3.0]], dtype=torch.float64)
    assert torch.equal(mid_rise(signal, torch.tensor([[1.0], [4.0]], dtype=torch.float64), 2), expected)
    assert torch.equal(mid_rise(signal[1], 4.0, 2), expected[1])


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 16])
@pytest.mark.parametrize("full_scale", [0.3, 1.0, 7.0])
def test_converters_are_monotone_and_odd_and_off_by_half_a_step(bits, full_scale):
    uniform = torch.rand(20_000, dtype=torch.float64, generator=stream(bits))
    signal = (3 * uniform - 1.5).sort().values * full_scale
    level = mid_rise(signal, full_scale, bits)
    step = 2 * full_scale / 2**bits
    assert (level.diff() >= 0).all()
    assert torch.equal(mid_rise(-signal, full_scale, bits), -level)
    inside = signal.abs() < full_scale
    assert float((level - signal)[inside].abs().max()) <= step / 2 * (1 + 1e-9)
    assert float(level.max()) == pytest.approx(full_scale - step / 2, rel=1e-12)
    number = (level - step / 2) / step
    torch.testing.assert_close(number, number.round(), rtol=1e-9, atol=1e-9)
    if bits <= 8:
        assert len(number.round().unique()) == 2**bits
    torch.testing.assert_close(mid_rise(level, full_scale, bits), level, rtol=1e-12, atol=0)


@pytest.mark.parametrize("bits", TREAD)
@pytest.mark.parametrize("dtype", DTYPES)
def test_levels_of_a_saturating_quantizer(bits, dtype):
    largest = TREAD[bits][-1]
    for level in TREAD[bits]:
        near = torch.tensor([level - 0.49, level, level + 0.49], dtype=dtype)
        assert mid_tread(near, 1.0, bits).tolist() == [level] * 3
    beyond = torch.tensor([largest + 0.6, largest + 100, -largest - 0.6, -largest - 100], dtype=dtype)
    assert mid_tread(beyond, 1.0, bits).tolist() == [largest, largest, -largest, -largest]
    halves = torch.tensor([0.5, -0.5, 1.5, -1.5], dtype=dtype)
    even = {2: [0, 0, 1, -1]}.get(bits, [0, 0, 2, -2])
    assert mid_tread(halves, 1.0, bits).tolist() == even


def test_steps_of_a_saturating_quantizer():
    signal = torch.tensor([0.2, 0.3, -0.9, 1.3, 9.0, -9.0], dtype=torch.float64)
    assert mid_tread(signal, 0.5, 3).tolist() == [0.0, 0.5, -1.0, 1.5, 1.5, -1.5]
    assert mid_tread(signal, 4.0, 3).tolist() == [0.0, 0.0, 0.0, 0.0, 8.0, -8.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_pass_inside_and_stop_outside(dtype):
    places = [-3.0, -1.01, -1.0, -0.99, -0.3, 0.0, 0.3, 0.99, 1.0, 1.01, 3.0]
    passed = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    signal = torch.tensor(places, dtype=dtype, requires_grad=True)
    scale = torch.ones(len(places), dtype=dtype)
    for level in (
        mid_rise(signal, 1.0, 1),
        mid_rise(signal, 1.0, 5),
        mid_rise(signal, scale, 5),
        mid_tread(signal, 1.0, 2),
        mid_tread(signal, 1 / 3, 3),
        mid_tread(signal, 1 / 127, 8),
    ):
        (gradient,) = torch.autograd.grad(level.sum(), signal, retain_graph=True)
        assert gradient.tolist() == passed
        assert level.dtype == dtype


def test_gradients_are_exactly_those_of_clipping():
    signal = torch.randn(4, 6, dtype=torch.float64, generator=stream(0), requires_grad=True)
    weights = torch.randn(4, 6, dtype=torch.float64, generator=stream(1))
    full_scale = torch.tensor([[0.5], [1.0], [2.0], [0.1]], dtype=torch.float64)
    (actual,) = torch.autograd.grad((weights * mid_rise(signal, full_scale, 3)).sum(), signal)
    assert torch.equal(actual, torch.where(signal.abs() <= full_scale, weights, 0))
    (actual,) = torch.autograd.grad((weights * mid_tread(signal, 0.25, 3)).sum(), signal)
    assert torch.equal(actual, torch.where(signal.abs() <= 0.75, weights, 0))
