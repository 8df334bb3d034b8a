"""The soft maps of the code: parity of independent bits, and the code word with its derivative."""

import math

import pytest
import torch

from linksim import FrameLayout
from linksim.bits import labels
from linksim.seeds import stream
from linksim.stages.code import Code

LAYOUTS = [
    {"bits": 12, "code": "ldpc"},
    {"bits": 12, "code": "ldpc", "code_rate": 0.25},
    {"bits": 6, "code": "ldpc", "crc": "CRC6"},
    {"bits": 7, "crc": "CRC11"},
    {"bits": 3, "crc": "CRC24C"},
]


def code_of(bits, gradient="product", **options):
    layout = FrameLayout(tokens=bits, codebook_size=2, bits_per_symbol=2, **options)
    return Code(layout, gradient=gradient)


def words_of(code):
    """[2^(N·b), N·b] all words of information bits."""
    bits = code.layout.information_bits
    return labels(2**bits, bits).double()


def enumerated(code, probabilities):
    """P(one) of every coded bit, [B, L]: a sum over all words of independent information bits."""
    words = words_of(code)
    one = probabilities.unsqueeze(1)
    weights = torch.where(words > 0, one, 1 - one).prod(-1)
    return weights @ code.hard(words)


def enumerated_gradient(code, probabilities):
    """[N·b, L] derivatives for one frame: P(coded one | bit is one) − P(coded one | bit is zero)."""
    words = words_of(code)
    factors = torch.where(words > 0, probabilities, 1 - probabilities)
    sign = 2 * words - 1
    rows = []
    for bit in range(words.shape[1]):
        others = torch.cat([factors[:, :bit], factors[:, bit + 1 :]], 1).prod(-1)
        rows.append(sign[:, bit] * others)
    return torch.stack(rows) @ code.hard(words)


def jacobian(function, point):
    """[N·b, L] by backpropagation, for one frame."""
    return torch.autograd.functional.jacobian(lambda row: function(row)[0], point)[:, 0].T


def interesting_points(bits):
    """Rows of probabilities: inside, hard, some exactly one half, and mixtures of these."""
    inside = 0.02 + 0.96 * torch.rand(1, bits, dtype=torch.float64, generator=stream(bits))
    hard = (inside > 0.5).double()
    one_half, two_halves, all_halves = inside.clone(), inside.clone(), torch.full_like(inside, 0.5)
    one_half[0, 1] = 0.5
    two_halves[0, :2] = 0.5
    mixture, hard_with_half = inside.clone(), hard.clone()
    mixture[0, ::2] = hard[0, ::2]
    hard_with_half[0, -1] = 0.5
    return [inside, hard, 1 - hard, one_half, two_halves, all_halves, mixture, hard_with_half]


@pytest.mark.parametrize("options", LAYOUTS)
def test_product_is_the_marginal_of_independent_bits(options):
    code = code_of(**options)
    points = torch.cat(interesting_points(options["bits"]))
    expected = enumerated(code, points)
    torch.testing.assert_close(code.soft(points, points.round()), expected, rtol=0, atol=1e-12)
    single = code.soft(points.float(), points.round().float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, expected.float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", LAYOUTS)
def test_gradient_of_the_product(options):
    """Against the derivative of the enumerated sum, at hard bits and at one half too."""
    code = code_of(**options)
    for point in interesting_points(options["bits"]):
        actual = jacobian(lambda row: code.soft(row, torch.zeros_like(row)), point)
        torch.testing.assert_close(actual, enumerated_gradient(code, point), rtol=1e-9, atol=1e-12)


def test_gradient_of_the_product_is_the_quotient_of_differences():
    """The parity is linear in each probability, so the central difference is exact at any step."""
    code = code_of(**LAYOUTS[0])
    for point in interesting_points(12):
        quotient = []
        for bit in range(12):
            step = torch.zeros_like(point)
            step[0, bit] = 0.25
            change = code.soft(point + step, point) - code.soft(point - step, point)
            quotient.append(change[0] / 0.5)
        actual = jacobian(lambda row: code.soft(row, row.detach()), point)
        torch.testing.assert_close(actual, torch.stack(quotient), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_the_product_are_finite(dtype):
    code = code_of(40, code="ldpc", crc="CRC24A")
    for value in (0.0, 0.5, 1.0, 1e-12, 0.5 + 1e-7):
        point = torch.full((2, 40), value, dtype=dtype, requires_grad=True)
        (gradient,) = torch.autograd.grad(code.soft(point, point.detach()).square().sum(), point)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("gradient", ["product", "straight-through"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [*LAYOUTS, {"bits": 50, "code": "ldpc", "crc": "CRC16"}, {"bits": 9}])
def test_soft_equals_hard_on_hard_bits(options, dtype, gradient):
    code = code_of(gradient=gradient, **options)
    bits = torch.randint(2, (6, options["bits"]), generator=stream(1)).to(dtype)
    soft = code.soft(bits, bits)
    assert soft.dtype == dtype
    assert torch.equal(soft, code.hard(bits))


@pytest.mark.parametrize("options", LAYOUTS)
def test_straight_through_sends_the_most_probable_word(options):
    """Its value does not depend on the probabilities, its gradient is the product's at the word."""
    code, product = code_of(gradient="straight-through", **options), code_of(**options)
    inside = interesting_points(options["bits"])[0]
    word = torch.randint(2, inside.shape, generator=stream(2)).double()
    assert not torch.equal(word, inside.round())
    assert torch.equal(code.soft(inside, word), code.hard(word))
    actual = jacobian(lambda row: code.soft(row, word), inside)
    torch.testing.assert_close(actual, enumerated_gradient(product, word), rtol=1e-12, atol=1e-12)
    at_word = jacobian(lambda row: product.soft(row, word), word)
    torch.testing.assert_close(actual, at_word, rtol=1e-12, atol=1e-12)


def test_without_a_code_probabilities_pass():
    for gradient in ("product", "straight-through"):
        code = code_of(5, gradient)
        point = torch.rand(2, 5, generator=stream(3))
        assert torch.equal(code.soft(point, point.round()), point)
        assert not code.rounds


def test_which_soft_maps_round():
    assert code_of(12, "straight-through", code="ldpc").rounds
    assert code_of(12, "straight-through", crc="CRC6").rounds
    assert not code_of(12, "product", code="ldpc").rounds
    assert not code_of(12, "product", crc="CRC6").rounds


def test_defaults():
    code = Code(FrameLayout(tokens=12, codebook_size=2, bits_per_symbol=2, code="ldpc"))
    assert (code.iterations, code.gradient) == (20, "straight-through")


@pytest.mark.parametrize("gradient", ["product", "straight-through"])
def test_first_use_in_inference_mode_spoils_nothing(gradient):
    code = code_of(13, gradient, code="ldpc", code_rate=0.6)
    point = torch.rand(1, 13, generator=stream(4))
    with torch.inference_mode():
        before = code.soft(point, point.round())
    after = code.soft(point.clone().requires_grad_(), point.round())
    assert torch.equal(before, after)
    after.square().sum().backward()


def test_soft_map_in_both_precisions_one_after_the_other():
    code = code_of(12, code="ldpc")
    point = torch.rand(1, 12, dtype=torch.float64, generator=stream(5))
    single = code.soft(point.float(), point.float())
    double = code.soft(point, point)
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-6)
    assert math.isfinite(float(double.sum()))


def test_frames_do_not_see_each_other():
    code = code_of(12, code="ldpc")
    points = torch.cat(interesting_points(12))
    together = code.soft(points, points)
    for frame in range(len(points)):
        own = points[frame : frame + 1]
        torch.testing.assert_close(code.soft(own, own)[0], together[frame], rtol=0, atol=1e-14)
