"""The receiver applies Bayes' rule over the codewords, and finds what was sent."""

import pytest
import torch
from helpers.oracles import check_posterior, check_reaches_receiver
from helpers.strategies import qam_cases as cases
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st

from linksim import Link, LinkConfig


@reproducible(250)
@given(case=cases, scale=st.sampled_from((0.0, 0.1, 3.0, 100.0)))
def test_posterior_is_bayes_rule(case, scale):
    check_posterior(case.link, case.llr(scale))


@reproducible(150)
@given(case=cases)
def test_sent_indices_arrive_without_noise(case):
    check_reaches_receiver(case.link, case.index(), case.generator())


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("width", [2, 4, 6, 8, 10])
def test_most_frames_are_strong_enough_for_that(width, channel):
    link = Link(LinkConfig(tokens=5, codebook_size=48, bits_per_symbol=width, channel=channel))
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(48, (40, 5), generator=generator)
    assert check_reaches_receiver(link, index, generator) > 30


@pytest.mark.parametrize("decision", ["mean", "map"])
def test_invalid_index_goes_to_the_most_probable_valid_one(decision):
    """K = 5: LLRs that point at 111 leave 100 (=4), or 011 (=3), whichever is more probable."""
    link = Link(LinkConfig(tokens=1, codebook_size=5, decision=decision))
    for llr, expected in (([9.0, 2.0, 3.0], 4), ([4.0, 2.0, 3.0], 3), ([1.0, 9.0, -2.0], 2)):
        decided = link.decide.hard(torch.tensor([llr]), link.codebook)
        assert decided.index.item() == expected
        assert decided.posterior.shape == (1, 1, 5)
        assert decided.posterior.sum().item() == pytest.approx(1, abs=1e-6)


@reproducible(100)
@given(case=cases)
def test_map_index_is_the_word_of_hard_bits_where_that_exists(case):
    """Read MSB first, the signs of the LLRs give the MAP index, unless no such codeword exists."""
    llr = case.llr(5.0)
    width = case.link.layout.bits_per_token
    signs = (llr > 0).long().unflatten(1, (-1, width))
    word = (signs * 2 ** torch.arange(width - 1, -1, -1)).sum(-1)
    exists = word < case.link.config.codebook_size
    decided = case.link.decide.hard(llr, case.link.codebook).index
    assert torch.equal(decided[exists], word[exists])
