"""Symbols of independent bits, and how a frame is cut into symbols."""

import itertools
import math

import pytest
import torch
from helpers.qam import number_of

from linksim import FrameLayout
from linksim.seeds import stream
from linksim.stages.symbol_distribution import (
    Slice,
    SymbolDistribution,
    of_independent_bits,
    slices_of_symbol,
)


def test_two_bits_by_hand():
    """P(one) of ¼ and 0.9: the labels 00, 01, 10, 11, the first bit being the most significant."""
    joint = of_independent_bits(torch.tensor([[0.25, 0.9]], dtype=torch.float64), 2)
    expected = torch.tensor([[[0.075, 0.675, 0.025, 0.225]]], dtype=torch.float64)
    torch.testing.assert_close(joint, expected)


@pytest.mark.parametrize("width", range(1, 8))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_over_all_labels(width, dtype):
    probabilities = torch.rand(2, 3 * width, dtype=dtype, generator=stream(width))
    joint = of_independent_bits(probabilities, width)
    assert joint.shape == (2, 3, 2**width)
    assert joint.dtype == dtype
    for frame, symbol in itertools.product(range(2), range(3)):
        own = probabilities[frame, symbol * width : (symbol + 1) * width].tolist()
        for word in itertools.product((0, 1), repeat=width):
            expected = math.prod(p if bit else 1 - p for p, bit in zip(own, word, strict=True))
            assert joint[frame, symbol, number_of(word)].item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(joint.sum(-1), torch.ones(2, 3, dtype=dtype))


@pytest.mark.parametrize("width", [1, 2, 4, 10])
def test_hard_bits_give_one_label(width):
    bits = torch.randint(2, (3, 5 * width), generator=stream(width)).double()
    joint = of_independent_bits(bits, width)
    labels = [[number_of(group) for group in row.split(width)] for row in bits.int()]
    expected = torch.nn.functional.one_hot(torch.tensor(labels), 2**width).double()
    assert torch.equal(joint, expected)


def test_gradient_of_the_product():
    probabilities = torch.rand(2, 6, dtype=torch.float64, generator=stream(0))
    probabilities[0, 0], probabilities[1, 3] = 0.0, 1.0
    assert torch.autograd.gradcheck(lambda p: of_independent_bits(p, 3), probabilities.requires_grad_())


def test_cuts_by_hand():
    """Three tokens of five bits in symbols of four: 4 | 1+3 | 2+2 | 3 and a pad bit."""
    layout = FrameLayout(tokens=3, codebook_size=32, bits_per_symbol=4)
    assert [slices_of_symbol(layout, symbol) for symbol in range(4)] == [
        ([0], [Slice(0, 4)], 0),
        ([0, 1], [Slice(4, 1), Slice(0, 3)], 0),
        ([1, 2], [Slice(3, 2), Slice(0, 2)], 0),
        ([2], [Slice(2, 3)], 1),
    ]


def test_cuts_of_many_small_tokens():
    layout = FrameLayout(tokens=4, codebook_size=3, bits_per_symbol=6)
    assert slices_of_symbol(layout, 0) == ([0, 1, 2], [Slice(0, 2)] * 3, 0)
    assert slices_of_symbol(layout, 1) == ([3], [Slice(0, 2)], 4)


def test_symbols_with_one_cut_share_a_matrix():
    distribution = SymbolDistribution(FrameLayout(tokens=6, codebook_size=32, bits_per_symbol=10))
    assert distribution.matrix.equal(torch.eye(32))
    assert not distribution.state_dict()


@pytest.mark.parametrize("tokens", [1, 3, 7])
@pytest.mark.parametrize("width", [1, 3, 4, 5])
def test_both_distributions_agree_when_tokens_are_single_bits(tokens, width):
    """Of one-bit tokens all bits are independent; pad bits are zeros."""
    layout = FrameLayout(tokens=tokens, codebook_size=2, bits_per_symbol=width)
    one = torch.rand(2, tokens, dtype=torch.float64, generator=stream(tokens))
    exact = SymbolDistribution(layout).double()(torch.stack([1 - one, one], -1))
    padded = torch.cat([one, torch.zeros(2, layout.pad_bits, dtype=torch.float64)], 1)
    torch.testing.assert_close(exact, of_independent_bits(padded, width))
