"""LLRs as words: the step rule, saturation, whole numbers."""

import math
from fractions import Fraction

import pytest
import torch

from linksim import Link, LinkConfig
from linksim.seeds import stream
from linksim.stages.llr_quantizer import LlrQuantizer

RULE = {
    # bits: step, largest word, largest LLR
    2: (4.0, 1, 4.0),
    3: (2.0, 3, 6.0),
    4: (1.0, 7, 7.0),
    5: (0.5, 15, 7.5),
    6: (0.25, 31, 7.75),
    7: (0.125, 63, 7.875),
    8: (0.0625, 127, 7.9375),
}


@pytest.mark.parametrize("bits", RULE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rule_for_the_step(bits, dtype):
    step, largest_word, largest = RULE[bits]
    quantizer = LlrQuantizer(bits)
    assert (quantizer.bits, quantizer.step) == (bits, step)
    huge = torch.tensor(
        [1e30, -1e30, largest + step, largest - 0.4 * step, 0.4 * step, 0.6 * step], dtype=dtype
    )
    assert quantizer(huge).tolist() == [largest, -largest, largest, largest, 0.0, step]
    assert quantizer(huge).dtype == dtype
    words = quantizer.words(huge)
    assert words.dtype == torch.int64
    assert words.tolist() == [largest_word, -largest_word, largest_word, largest_word, 0, 1]


def test_a_table_of_two_bits():
    llr = torch.tensor([-9.0, -4.0, -2.1, -1.9, 0.0, 1.9, 2.1, 4.0, 9.0])
    assert LlrQuantizer(2)(llr).tolist() == [-4.0, -4.0, -4.0, 0.0, 0.0, 0.0, 4.0, 4.0, 4.0]
    assert LlrQuantizer(2).words(llr).tolist() == [-1, -1, -1, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("bits", RULE)
@pytest.mark.parametrize("step", [None, 0.1, 0.3, 1.7, 1e-3, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_words_are_nearest_multiples(bits, step, dtype):
    """Against exact fractions of the numbers as they are stored; ties within rounding are left out."""
    quantizer = LlrQuantizer(bits, step)
    exact_step = Fraction(quantizer.step)
    largest = 2 ** (bits - 1) - 1
    llr = largest * quantizer.step * torch.randn(300, dtype=dtype, generator=stream(bits))
    words, quantized = quantizer.words(llr), quantizer(llr)
    for value, word, level in zip(llr.tolist(), words.tolist(), quantized.tolist(), strict=True):
        ratio = Fraction(value) / exact_step
        if abs(abs(ratio - math.floor(ratio)) - Fraction(1, 2)) < Fraction(1, 10**4):
            continue
        expected = max(-largest, min(largest, round(ratio)))
        assert word == expected
        assert level == pytest.approx(expected * quantizer.step, rel=1e-6)
    assert int(words.abs().max()) == largest
    assert torch.equal(quantizer.words(quantized), words)
    torch.testing.assert_close(quantizer(quantized), quantized, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bits", RULE)
def test_quantizing_twice_changes_nothing(bits):
    quantizer = LlrQuantizer(bits)
    quantized = quantizer(20 * torch.randn(1000, generator=stream(0)))
    assert torch.equal(quantizer(quantized), quantized)


def test_gradients_stop_where_llrs_saturate():
    llr = torch.tensor([-7.1, -7.0, -0.4, 0.0, 3.3, 6.9, 7.1], requires_grad=True)
    (gradient,) = torch.autograd.grad(LlrQuantizer(4)(llr).sum(), llr)
    assert gradient.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert not LlrQuantizer(4).words(llr).requires_grad


@pytest.mark.parametrize(("options", "step"), [({}, 2.0), ({"llr_step": 0.5}, 0.5)])
def test_llrs_of_a_link_are_words(options, step):
    """A link with words of three bits: on both paths, seven multiples of the step."""
    config = LinkConfig(tokens=6, codebook_size=16, embedding_dim=3, llr_bits=3, **options)
    link, plain = Link(config), Link(LinkConfig(tokens=6, codebook_size=16, embedding_dim=3))
    latents = torch.randn(20, 6, 3, generator=stream(1))
    draw = link.draw(20, 8.0, stream(2))
    for path in ("hard", "soft"):
        llr = getattr(link, path)(latents, draw).llr / step
        assert sorted(llr.unique().tolist()) == [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
        unquantized = getattr(plain, path)(latents, draw).llr
        assert torch.equal(llr, (unquantized / step).round().clamp(-3, 3))
