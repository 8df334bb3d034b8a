"""Paths chosen stage by stage."""

import itertools

import pytest
import torch
from helpers.oracles import LEVEL, chi_square_interval
from helpers.strategies import cases, reproducible
from hypothesis import given
from scipy import special

from linksim import Link, LinkConfig

HARD = {"quantize": "hard", "map": "hard", "decide": "hard"}
SOFT = {"quantize": "soft", "map": "soft", "decide": "soft"}
FIELDS = ("index", "bits", "symbols", "received", "llr", "posterior", "decoded_index", "embedding")


def assert_same(trace, other):
    for field in FIELDS:
        assert torch.equal(getattr(trace, field), getattr(other, field)), field


@reproducible(60)
@given(case=cases)
def test_all_hard_is_hard_and_all_soft_is_soft(case):
    latents, draw = case.latents(), case.draw()
    named = {"vq_temp": case.vq_temp, "symbol_temp": case.symbol_temp}
    hard = case.link.hard(latents, draw)
    assert_same(case.link.mixed(latents, draw, paths=HARD, **named), hard)
    assert_same(case.link.mixed(latents, draw, paths={}, **named), hard)
    soft, mixed = case.link.soft(latents, draw, **named), case.link.mixed(latents, draw, paths=SOFT, **named)
    assert_same(mixed, soft)
    assert torch.equal(mixed.assignment, soft.assignment)
    assert torch.equal(mixed.symbol_probabilities, soft.symbol_probabilities)


@pytest.mark.parametrize("choice", list(itertools.product(("hard", "soft"), repeat=3)))
def test_each_stage_takes_its_own_path(choice):
    """A field belongs to the hard or the soft path according to the stages before it."""
    link = Link(LinkConfig(tokens=3, codebook_size=11, bits_per_symbol=6, decision="map"))
    generator = torch.Generator().manual_seed(0)
    latents, draw = torch.randn(4, 3, 16, generator=generator), link.draw(4, 5.0, generator)
    paths = dict(zip(HARD, choice, strict=True))
    trace = link.mixed(latents, draw, paths=paths)
    assert (trace.assignment is not None) == (paths["quantize"] == "soft")
    assert (trace.symbol_probabilities is not None) == (paths["map"] == "soft")
    whole = ((trace.bits == 0) | (trace.bits == 1)).all().item()
    assert whole == (paths["map"] == "hard" or paths["quantize"] == "hard")
    if whole:
        again = link.hard(index=trace.index, draw=draw)
        torch.testing.assert_close(trace.symbols, again.symbols)
    codeword = torch.equal(trace.embedding, link.codebook[trace.decoded_index])
    assert codeword == (paths["decide"] == "hard")


@pytest.fixture(scope="module")
def sampled():
    """20,000 frames of the same latents with different uniforms: indices are drawn from the assignment."""
    link = Link(LinkConfig(tokens=4, codebook_size=6, embedding_dim=4, bits_per_symbol=2))
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 4, 4, generator=generator).expand(20_000, 4, 4)
    draw = link.draw(20_000, 0.0, generator)
    with torch.no_grad():
        trace = link.mixed(latents, draw, paths={"quantize": "soft", "map": "hard"}, vq_temp=1.0)
    return link, draw, trace


def test_sampled_indices_follow_the_assignment(sampled):
    """Chi-square at the 99.9 % level, for each token."""
    _, _, trace = sampled
    for token in range(4):
        expected = 20_000 * trace.assignment[0, token].double()
        assert expected.min() > 5
        counts = torch.bincount(trace.index[:, token], minlength=6)
        statistic = float(((counts - expected).square() / expected).sum())
        assert statistic < float(special.chdtri(5, 1 - LEVEL)), f"token {token}"


def test_sampled_tokens_are_independent(sampled):
    """Chi-square of each contingency table of two tokens, inside its 99.9 % interval."""
    _, _, trace = sampled
    low, high = chi_square_interval(25)
    for first, second in itertools.combinations(range(4), 2):
        pairs = torch.bincount(6 * trace.index[:, first] + trace.index[:, second], minlength=36)
        table = pairs.reshape(6, 6).double()
        expected = table.sum(1, keepdim=True) * table.sum(0) / table.sum()
        statistic = float(((table - expected).square() / expected).sum())
        assert low < statistic < high, f"tokens {first} and {second}"


def test_sampled_indices_are_what_is_sent(sampled):
    link, draw, trace = sampled
    with torch.no_grad():
        again = link.hard(index=trace.index, draw=draw)
    assert torch.equal(trace.bits, again.bits)
    assert torch.equal(trace.symbols, again.symbols)
    assert torch.equal(trace.embedding, again.embedding)


def test_mean_of_sampled_symbols_is_the_soft_symbol(sampled):
    """At symbol_temp = 1 the soft map sends the expectation of what sampling sends (99.9 % interval)."""
    link, _, trace = sampled
    _, _, mean = link.map.soft(trace.assignment[:1], 1.0)
    for part in ("real", "imag"):
        values = getattr(trace.symbols, part).double()
        limit = -float(special.ndtri((1 - LEVEL) / 2)) * values.std(0) / len(values) ** 0.5
        assert ((values.mean(0) - getattr(mean[0], part)).abs() < limit).all()


def test_sampling_a_one_hot_gives_its_index():
    link = Link(LinkConfig(codebook_size=5))
    assignment = torch.eye(5).expand(3, 5, 5)
    for uniform in (0.0, 0.3, 1 - 2**-24):
        index = link.quantize.sample(assignment, torch.full((3, 5), uniform))
        assert torch.equal(index, torch.arange(5).expand(3, 5))


def test_indices_without_probability_are_never_drawn():
    assignment = torch.tensor([0.0, 0.5, 0.0, 0.5, 0.0]).expand(1, 7, 5)
    uniforms = torch.tensor([[0.0, 0.25, 0.4999, 0.5, 0.75, 1 - 2**-24, 1 - 2**-12]])
    index = Link(LinkConfig(codebook_size=5)).quantize.sample(assignment, uniforms)
    assert index.tolist() == [[1, 1, 1, 3, 3, 3, 3]]
