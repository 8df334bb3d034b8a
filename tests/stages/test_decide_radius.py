"""The posterior mean over a Hamming ball, against a search through all words."""

import itertools
import math
from dataclasses import FrozenInstanceError

import pytest
import torch
from helpers.qam import label_bits, number_of

from linksim import FrameLayout
from linksim.seeds import stream
from linksim.stages.decide import Decide


def decide_of(size, decision="radius", tokens=3, **options):
    layout = FrameLayout(tokens=tokens, codebook_size=size, bits_per_symbol=2)
    return Decide(layout, decision, **options)


def searched(llr, codebook, radius):
    """Posterior, index and mean of one token, from all words within the radius of the hard bits."""
    width, size = len(llr), len(codebook)
    hard = [int(value > 0) for value in llr]
    ball = []
    for flips in itertools.product((0, 1), repeat=width):
        if sum(flips) <= radius:
            word = number_of([bit ^ flip for bit, flip in zip(hard, flips, strict=True)])
            ball += [word] if word < size else []
    score = [
        sum(value * bit for value, bit in zip(llr, label_bits(word, width), strict=True))
        for word in range(size)
    ]
    if not ball:
        ball = [max(range(size), key=lambda word: (score[word], -word))]
    highest = max(score[word] for word in ball)
    weight = [math.exp(score[word] - highest) if word in ball else 0.0 for word in range(size)]
    posterior = [value / sum(weight) for value in weight]
    mean = [
        sum(p * row[d] for p, row in zip(posterior, codebook, strict=True)) for d in range(len(codebook[0]))
    ]
    index = max(range(size), key=lambda word: (posterior[word], -word))
    return posterior, index, mean, ball


def signals(size, frames=8, tokens=3, dtype=torch.float64, scale=2.0):
    width = (size - 1).bit_length()
    llr = scale * torch.randn(frames, tokens * width, dtype=dtype, generator=stream(size))
    return llr, torch.randn(size, 4, dtype=dtype, generator=stream(size, "codebook"))


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 6, 64])
@pytest.mark.parametrize("size", [2, 5, 8, 11, 33, 48])
def test_decision_equals_a_search(size, radius):
    llr, codebook = signals(size)
    decide = decide_of(size, radius=radius)
    decided = decide.hard(llr, codebook)
    per_token = llr.unflatten(1, (3, -1)).tolist()
    for frame, token in itertools.product(range(8), range(3)):
        posterior, index, mean, ball = searched(per_token[frame][token], codebook.tolist(), radius)
        actual = decided.posterior[frame, token]
        torch.testing.assert_close(
            actual, torch.tensor(posterior, dtype=torch.float64), rtol=1e-9, atol=1e-12
        )
        assert {k for k, value in enumerate(actual.tolist()) if value > 0} == set(ball)
        assert decided.index[frame, token] == index
        torch.testing.assert_close(decided.embedding[frame, token], torch.tensor(mean, dtype=torch.float64))


def test_some_balls_are_empty():
    """33 codewords in words of six bits: a hard word from 33 on has few valid neighbours or none."""
    llr, codebook = signals(33, frames=40)
    decided = decide_of(33, radius=0).hard(llr, codebook)
    hard = (llr.unflatten(1, (3, 6)) > 0).long() @ torch.tensor([32, 16, 8, 4, 2, 1])
    assert 0.2 < (hard >= 33).double().mean() < 0.8
    expected = decide_of(33, "map").hard(llr, codebook)
    assert torch.equal(decided.index, expected.index)
    torch.testing.assert_close(decided.embedding, codebook[expected.index])
    assert torch.equal(decided.posterior.amax(-1), torch.ones(40, 3, dtype=torch.float64))


def test_an_empty_ball_goes_to_the_most_probable_codeword_only():
    """Five codewords: 111 and all its neighbours within one bit are invalid except 011."""
    codebook = torch.eye(5, dtype=torch.float64)
    llr = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    one = decide_of(5, tokens=1, radius=1).hard(llr, codebook)
    assert one.posterior.tolist() == [[[0.0, 0.0, 0.0, 1.0, 0.0]]]
    llr = torch.tensor([[3.0, 2.0, 1.0]], dtype=torch.float64)
    zero = decide_of(5, tokens=1, radius=0).hard(llr, codebook)
    assert zero.index.tolist() == [[3]]  # scores 0, 1, 2, 3 and 3: the first of equals
    assert zero.embedding.tolist() == [[[0.0, 0.0, 0.0, 1.0, 0.0]]]


def test_an_llr_of_zero_counts_as_a_zero():
    codebook = torch.eye(4, dtype=torch.float64)
    llr = torch.tensor([[0.0, 5.0]], dtype=torch.float64)
    assert decide_of(4, tokens=1, radius=0).hard(llr, codebook).posterior.tolist() == [[[0, 1, 0, 0]]]


@pytest.mark.parametrize("size", [8, 11])
def test_a_wide_ball_is_the_posterior_mean(size):
    llr, codebook = signals(size)
    wide, mean = decide_of(size, radius=4).hard(llr, codebook), decide_of(size, "mean").hard(llr, codebook)
    torch.testing.assert_close(wide.posterior, mean.posterior, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(wide.embedding, mean.embedding, rtol=1e-12, atol=1e-15)


def test_a_ball_of_one_word_is_the_hard_decision():
    llr, codebook = signals(16)
    decided = decide_of(16, radius=0).hard(llr, codebook)
    words = (llr.unflatten(1, (3, 4)) > 0).long() @ torch.tensor([8, 4, 2, 1])
    assert torch.equal(decided.index, words)
    assert torch.equal(decided.embedding, codebook[words])


@pytest.mark.parametrize("decision", ["mean", "map"])
def test_other_decisions_ignore_the_radius(decision):
    llr, codebook = signals(11)
    none, wide = (decide_of(11, decision, radius=radius).hard(llr, codebook) for radius in (0, 9))
    assert torch.equal(none.posterior, wide.posterior)
    assert (none.posterior > 0).all()
    assert torch.equal(none.embedding, wide.embedding)


def test_map_hands_on_the_most_probable_codeword():
    llr, codebook = signals(11)
    decide = decide_of(11, "map")
    hard, soft = decide.hard(llr, codebook), decide.soft(llr, codebook)
    assert torch.equal(hard.index, hard.posterior.argmax(-1))
    assert torch.equal(hard.embedding, codebook[hard.index])
    torch.testing.assert_close(soft.embedding, soft.posterior @ codebook)
    for field in ("posterior", "index"):
        assert torch.equal(getattr(hard, field), getattr(soft, field))


@pytest.mark.parametrize("decision", ["mean", "radius"])
def test_one_function_on_both_paths(decision):
    llr, codebook = signals(11)
    decide = decide_of(11, decision)
    hard, soft = decide.hard(llr, codebook), decide.soft(llr, codebook)
    for field in ("posterior", "index", "embedding"):
        assert torch.equal(getattr(hard, field), getattr(soft, field))


def test_defaults():
    decide = Decide(FrameLayout(tokens=1, codebook_size=4, bits_per_symbol=2))
    assert (decide.decision, decide.radius, decide.integer) == ("mean", 1, None)


def test_nothing_of_the_receiver_is_stored():
    decide = decide_of(11)
    assert not decide.state_dict()
    decided = decide.hard(*signals(11))
    with pytest.raises(FrozenInstanceError):
        decided.index = None


def test_weak_llrs_count_beside_huge_ones():
    """Ten thousand and a hundredth in single precision: the posterior knows both."""
    llr = torch.tensor([[1e4, 0.01]])
    posterior = decide_of(4, "mean", tokens=1).hard(llr, torch.eye(4)).posterior
    expected = 1 / (1 + math.exp(-0.01))
    assert posterior.dtype == torch.float32
    assert posterior[0, 0].tolist() == pytest.approx([0, 0, 1 - expected, expected], abs=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("radius", [0, 1])
def test_gradients_are_finite(radius, dtype):
    llr, codebook = signals(11, dtype=dtype)
    for scale in (0.0, 1.0, 1e6):
        scaled = (scale * llr).requires_grad_()
        decided = decide_of(11, radius=radius).soft(scaled, codebook.requires_grad_())
        assert decided.embedding.dtype == dtype
        gradients = torch.autograd.grad(decided.embedding.square().sum(), (scaled, codebook))
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert gradients[1].abs().sum() > 0
