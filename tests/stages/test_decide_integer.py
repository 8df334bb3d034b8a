"""Integer decisions against exact whole numbers and fractions."""

import math
from fractions import Fraction

import pytest
import torch
from helpers.qam import label_bits

from linksim import FrameLayout, Link, LinkConfig
from linksim.seeds import stream
from linksim.stages.decide import Decide
from linksim.stages.decide_integer import IntegerArithmetic
from linksim.stages.llr_quantizer import LlrQuantizer

WEIGHTS = {
    # word length, step: weights of scores 0, 1, 2, … below the largest
    (8, 1.0): [255, 94, 35, 13, 5, 2, 1, 0, 0],
    (2, 1.0): [3, 1, 0, 0, 0],
    (4, 0.5): [15, 9, 6, 3, 2, 1, 1, 0],
    (8, 4.0): [255, 5, 0, 0],
    (16, 1.0): [65535, 24109, 8869, 3263, 1200, 442, 162, 60, 22, 8, 3, 1, 0],
}

STEPS = {
    # word length, largest magnitude: value of the last bit
    (8, 127.0): 1.0,
    (8, 63.5): 0.5,
    (8, 1.0): 1 / 64,
    (8, 127.6): 2.0,
    (8, 254.1): 4.0,
    (8, 0.01): 1 / 8192,
    (2, 1.0): 1.0,
    (2, 0.75): 1.0,
    (2, 0.5): 0.5,
    (2, 3.0): 4.0,
    (4, 7.0): 1.0,
    (4, 1.0): 0.25,
    (16, 1.0): 2.0**-14,
}


def arithmetic_of(llr_bits=4, step=None, weight_bits=8, codebook_bits=8):
    return IntegerArithmetic(LlrQuantizer(llr_bits, step), weight_bits, codebook_bits)


def decide_of(size, integer, decision="mean", radius=1, tokens=3):
    layout = FrameLayout(tokens=tokens, codebook_size=size, bits_per_symbol=2)
    return Decide(layout, decision, radius, integer)


def signals(size, dtype=torch.float64, tokens=3, frames=6, dimension=4):
    width = (size - 1).bit_length()
    llr = 3 * torch.randn(frames, tokens * width, dtype=dtype, generator=stream(size))
    return llr, torch.randn(size, dimension, dtype=dtype, generator=stream(size, "codebook"))


def exact(words, codebook, kept, integer):
    """Scores, weights, posterior and mean of one token in whole numbers and fractions."""
    size, width = len(codebook), len(words)
    scores = [
        sum(word for word, bit in zip(words, label_bits(k, width), strict=True) if bit) for k in range(size)
    ]
    highest = max(scores[k] for k in kept)
    most = 2**integer.weight_bits - 1
    weights = [
        round(most * math.exp(-integer.llr.step * (highest - scores[k]))) if k in kept else 0
        for k in range(size)
    ]
    total = sum(weights)
    posterior = [Fraction(weight, total) for weight in weights]
    step = last_bit(codebook, integer.codebook_bits)
    stored = [[round(Fraction(value) / step) for value in row] for row in codebook]
    mean = [sum(w * row[d] for w, row in zip(weights, stored, strict=True)) for d in range(len(codebook[0]))]
    index = min(k for k in kept if scores[k] == highest)
    return posterior, index, [Fraction(value, total) * step for value in mean], stored


def last_bit(codebook, bits):
    """The smallest power of two such that the largest magnitude is at most (2^(bits−1) − 1) of it."""
    largest = max(abs(Fraction(value)) for row in codebook for value in row)
    step = Fraction(2**40)
    while largest <= (2 ** (bits - 1) - 1) * step / 2:
        step /= 2
    return step


@pytest.mark.parametrize(("bits", "step"), WEIGHTS)
def test_weights(bits, step):
    expected = WEIGHTS[bits, step]
    below = torch.arange(len(expected), dtype=torch.float64)
    weights = arithmetic_of(step=step, weight_bits=bits).weights(below)
    assert weights.dtype == torch.float64
    assert weights.tolist() == expected


@pytest.mark.parametrize(("bits", "largest"), STEPS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_step_of_the_codebook(bits, largest, sign, dtype):
    codebook = torch.tensor([[0.001, sign * largest], [0.0, 0.0005]], dtype=dtype)
    assert arithmetic_of(codebook_bits=bits).codebook_step(codebook).item() == STEPS[bits, largest]


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("scale", [1e-6, 0.3, 1.0, 700.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_stored_codebooks_fit_their_words(bits, scale, dtype):
    codebook = scale * torch.randn(20, 5, dtype=dtype, generator=stream(bits))
    integer = arithmetic_of(codebook_bits=bits)
    step = integer.codebook_step(codebook).item()
    assert math.frexp(step)[0] == 0.5
    assert step == last_bit(codebook.tolist(), bits)
    stored = integer.codewords(codebook)
    assert stored.dtype == dtype
    words = stored.double() / step
    assert torch.equal(words, words.round())
    assert torch.equal(words, (codebook.double() / step).round())
    most = 2 ** (bits - 1) - 1
    assert most / 2 - 1 <= float(words.abs().max()) <= most
    assert float((stored - codebook).abs().max()) <= step / 2


def test_gradient_of_the_stored_codebook_is_that_of_the_codebook():
    codebook = torch.randn(5, 3, generator=stream(0), requires_grad=True)
    weights = torch.randn(5, 3, generator=stream(1))
    (gradient,) = torch.autograd.grad((weights * arithmetic_of().codewords(codebook)).sum(), codebook)
    assert torch.equal(gradient, weights)


def test_a_codebook_of_zeros():
    stored = arithmetic_of().codewords(torch.zeros(3, 2))
    assert torch.equal(stored, torch.zeros(3, 2))


def test_words_are_those_of_the_quantizer():
    llr = torch.tensor([-20.0, -1.6, -0.4, 0.6, 2.5, 100.0])
    words = arithmetic_of().words(llr)
    assert words.dtype == torch.int64
    assert words.tolist() == [-7, -2, 0, 1, 2, 7]


@pytest.mark.parametrize(("weight_bits", "codebook_bits"), [(8, 8), (2, 2), (3, 12), (16, 16)])
@pytest.mark.parametrize(("llr_bits", "step"), [(4, None), (2, None), (8, None), (5, 0.3)])
@pytest.mark.parametrize("size", [2, 11, 16])
def test_mean_equals_fractions(size, llr_bits, step, weight_bits, codebook_bits):
    integer = arithmetic_of(llr_bits, step, weight_bits, codebook_bits)
    llr, codebook = signals(size)
    decided = decide_of(size, integer).hard(llr, codebook)
    words = integer.words(llr).unflatten(1, (3, -1)).tolist()
    for frame in range(6):
        for token in range(3):
            own = exact(words[frame][token], codebook.tolist(), range(size), integer)
            posterior, index, mean, _ = own
            expected = torch.tensor([float(value) for value in posterior], dtype=torch.float64)
            torch.testing.assert_close(decided.posterior[frame, token], expected, rtol=1e-14, atol=1e-15)
            assert decided.index[frame, token] == index
            expected = torch.tensor([float(value) for value in mean], dtype=torch.float64)
            torch.testing.assert_close(decided.embedding[frame, token], expected, rtol=1e-13, atol=1e-14)


def test_mean_by_hand():
    """Two bits, LLR words 1 and −2 of step 1: scores 0, −2, 1, −1, so weights 94, 13, 255, 35."""
    codebook = torch.tensor([[1.0], [-1.0], [0.5], [0.26]], dtype=torch.float64)
    llr = torch.tensor([[1.2, -1.8]], dtype=torch.float64)
    decided = decide_of(4, arithmetic_of(), tokens=1).hard(llr, codebook)
    assert decided.index.item() == 2
    expected = torch.tensor([94, 13, 255, 35], dtype=torch.float64) / 397
    torch.testing.assert_close(decided.posterior[0, 0], expected)
    stored = [64, -64, 32, 17]  # of 1/64
    mean = (94 * stored[0] + 13 * stored[1] + 255 * stored[2] + 35 * stored[3]) / 397 / 64
    assert decided.embedding.item() == pytest.approx(mean, rel=1e-14)


@pytest.mark.parametrize("radius", [0, 1, 2])
@pytest.mark.parametrize("size", [11, 33])
def test_radius_decisions_equal_fractions(size, radius):
    integer = arithmetic_of(5)
    llr, codebook = signals(size)
    llr = integer.llr(llr)
    decided = decide_of(size, integer, "radius", radius).hard(llr, codebook)
    words = integer.words(llr).unflatten(1, (3, -1)).tolist()
    for frame in range(6):
        for token in range(3):
            own = words[frame][token]
            hard = sum(int(word > 0) << place for place, word in enumerate(reversed(own)))
            ball = [k for k in range(size) if (k ^ hard).bit_count() <= radius]
            if not ball:
                ball = [exact(own, codebook.tolist(), range(size), integer)[1]]
            posterior, index, mean, _ = exact(own, codebook.tolist(), ball, integer)
            expected = torch.tensor([float(value) for value in posterior], dtype=torch.float64)
            torch.testing.assert_close(decided.posterior[frame, token], expected, rtol=1e-14, atol=1e-15)
            assert decided.index[frame, token] == index
            expected = torch.tensor([float(value) for value in mean], dtype=torch.float64)
            torch.testing.assert_close(decided.embedding[frame, token], expected, rtol=1e-13, atol=1e-14)


def test_hard_bits_of_an_integer_receiver_are_those_of_its_words():
    """An LLR below half a step is the word zero and so a zero, also behind a decoder that does not round."""
    codebook = torch.eye(4, dtype=torch.float64)
    llr = torch.tensor([[0.4, 5.0]], dtype=torch.float64)
    decide = decide_of(4, arithmetic_of(), "radius", radius=0, tokens=1)
    assert decide.integer.words(llr).tolist() == [[0, 5]]
    assert decide.hard(llr, codebook).index.tolist() == [[1]]


def test_the_most_probable_codeword_may_lie_outside_of_the_ball():
    """Five codewords: 111 does not exist and has one valid neighbour, 011, though 100 has a larger score."""
    codebook = torch.eye(5, dtype=torch.float64)
    llr = torch.tensor([[4.0, 1.0, 1.0]], dtype=torch.float64)
    for integer in (arithmetic_of(), None):
        decided = decide_of(5, integer, "radius", tokens=1).hard(llr, codebook)
        assert decided.index.tolist() == [[3]]
        assert decided.posterior.tolist() == [[[0.0, 0.0, 0.0, 1.0, 0.0]]]
        assert decide_of(5, integer, "map", tokens=1).hard(llr, codebook).index.tolist() == [[4]]


@pytest.mark.parametrize("size", [2, 8, 11, 33])
def test_map_takes_the_first_of_the_largest_scores(size):
    """Coarse LLRs make ties common; the codeword comes from the stored codebook."""
    integer = arithmetic_of(2, codebook_bits=5)
    llr, codebook = signals(size, frames=30)
    decided = decide_of(size, integer, "map").hard(llr, codebook)
    words = integer.words(llr).unflatten(1, (3, -1)).tolist()
    step = float(last_bit(codebook.tolist(), 5))
    for frame in range(30):
        for token in range(3):
            _, index, _, stored = exact(words[frame][token], codebook.tolist(), range(size), integer)
            assert decided.index[frame, token] == index
            assert decided.embedding[frame, token].tolist() == [step * word for word in stored[index]]


def test_single_precision_differs_by_its_rounding_only():
    integer = arithmetic_of()
    llr, codebook = signals(11, torch.float32)
    single = decide_of(11, integer).hard(llr, codebook)
    double = decide_of(11, integer).hard(llr.double(), codebook.double())
    assert single.posterior.dtype == single.embedding.dtype == torch.float32
    assert torch.equal(single.index, double.index)
    torch.testing.assert_close(single.posterior, double.posterior.float(), rtol=1e-6, atol=0)
    torch.testing.assert_close(single.embedding, double.embedding.float(), rtol=1e-6, atol=1e-7)


def test_integers_tend_to_floating_point_as_words_grow():
    llr, codebook = signals(33)
    errors = []
    for step, bits in ((1.0, 4), (0.25, 6), (0.0625, 8), (0.0625, 12), (0.0625, 16)):
        llr = LlrQuantizer(8, 0.0625)(llr)
        integer = arithmetic_of(min(bits, 8), step, bits, bits)
        actual = decide_of(33, integer).hard(llr, codebook).embedding
        errors.append(float((actual - decide_of(33, None).hard(llr, codebook).embedding).abs().max()))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.05
    assert errors[-1] < 3e-4


@pytest.mark.parametrize("decision", ["mean", "radius", "map"])
@pytest.mark.parametrize("path", ["hard", "soft"])
def test_gradients_are_those_of_floating_point(decision, path):
    """The LLRs are words already, so both receivers see the same ones."""
    integer = arithmetic_of(5)
    llr, codebook = signals(11)
    llr = integer.llr(llr).requires_grad_()
    codebook.requires_grad_()
    gradients = []
    for arithmetic in (integer, None):
        decided = getattr(decide_of(11, arithmetic, decision), path)(llr, codebook)
        loss = 0.0
        for name, value in (("a", decided.embedding), ("b", decided.posterior)):
            loss = (
                loss + (value * torch.randn(value.shape, dtype=value.dtype, generator=stream(3, name))).sum()
            )
        gradients.append(torch.autograd.grad(loss, (llr, codebook)))
    for actual, expected in zip(*gradients, strict=True):
        assert expected.abs().sum() > 1
        torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def test_defaults():
    integer = IntegerArithmetic(LlrQuantizer(4))
    assert (integer.weight_bits, integer.codebook_bits) == (8, 8)


def test_widths_reach_the_receiver_of_a_link():
    options = {"llr_bits": 3, "llr_step": 0.7, "weight_bits": 5, "codebook_bits": 6, "arithmetic": "integer"}
    link = Link(LinkConfig(tokens=4, codebook_size=11, embedding_dim=3, **options)).double()
    integer = link.decide.integer
    assert (integer.llr.bits, integer.llr.step, integer.weight_bits, integer.codebook_bits) == (3, 0.7, 5, 6)
    index = torch.randint(11, (5, 4), generator=stream(4))
    trace = link.hard(index=index, draw=link.draw(5, 6.0, stream(5)))
    expected = decide_of(11, integer, tokens=4).hard(trace.llr, link.codebook)
    assert torch.equal(trace.posterior, expected.posterior)
    assert torch.equal(trace.embedding, expected.embedding)
    assert torch.equal(link.decide.codewords(link.codebook), integer.codewords(link.codebook))
    assert Link(LinkConfig(llr_bits=3)).decide.integer is None
