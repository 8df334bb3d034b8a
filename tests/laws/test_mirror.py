"""The mirror law: on hard inputs the soft path is the hard path, stage by stage and as a whole."""

import pytest
import torch
from helpers.laws import (
    check_decide_law,
    check_gradients_finite,
    check_hard_ignores_temperature,
    check_map_law,
    check_quantize_law,
    check_quantize_limit,
    check_whole_link_law,
)
from helpers.strategies import cases, reproducible
from hypothesis import given
from hypothesis import strategies as st

from linksim import Link, LinkConfig


@reproducible(500)
@given(case=cases)
def test_map(case):
    check_map_law(case.link, case.index(), case.symbol_temp)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 2.0])
@pytest.mark.parametrize("width", [2, 4, 6, 8, 10])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_map_of_every_index(width, temperature, dtype):
    """K = 200, so that there are invalid indices; three tokens, so that symbols straddle."""
    config = LinkConfig(tokens=3, codebook_size=200, embedding_dim=2, bits_per_symbol=width)
    index = (torch.arange(200).unsqueeze(1) + torch.tensor([0, 7, 91])) % 200
    check_map_law(Link(config).to(dtype), index, temperature)


@pytest.mark.parametrize("temperature", [6.0, 10.0, 100.0])
def test_map_at_high_temperatures(temperature):
    link = Link(LinkConfig(tokens=3, codebook_size=200, embedding_dim=2, bits_per_symbol=10))
    check_map_law(link, torch.tensor([[0, 7, 199], [64, 65, 66]]), temperature)


@reproducible(300)
@given(case=cases, scale=st.sampled_from((0.0, 0.3, 5.0, 1e4)))
def test_decide(case, scale):
    check_decide_law(case.link, case.llr(scale))


@reproducible(250)
@given(case=cases)
def test_whole_link(case):
    check_whole_link_law(case.link, case.index(), case.draw(), case.vq_temp, case.symbol_temp)


@reproducible(250)
@given(case=cases, scale=st.sampled_from((1e-3, 1.0, 100.0)), spread=st.sampled_from((0.01, 1.0, 100.0)))
def test_quantize(case, scale, spread):
    with torch.no_grad():
        case.link.codebook.mul_(spread)
    check_quantize_law(case.link, case.latents(scale), case.vq_temp)


@pytest.mark.parametrize("temperature", [1e-6, 1e-3, 1.0, 1e3])
def test_quantize_at_extreme_temperatures(temperature):
    link = Link(LinkConfig(tokens=50, codebook_size=300))
    latents = torch.randn(4, 50, 16, generator=torch.Generator().manual_seed(0))
    check_quantize_law(link, latents, temperature)


@reproducible(150)
@given(case=cases)
def test_quantize_tends_to_the_hard_index(case):
    check_quantize_limit(case.link, case.latents())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_most_tokens_count_for_that_limit(dtype):
    """Of the four temperatures, nearly every token is away from ties at the lower two at least."""
    link = Link(LinkConfig(tokens=50)).to(dtype)
    latents = torch.randn(4, 50, 16, dtype=dtype, generator=torch.Generator().manual_seed(1))
    assert check_quantize_limit(link, latents) > 1.9 * 4 * 50


@reproducible(200)
@given(case=cases, spread=st.sampled_from((0.1, 1.0, 30.0)))
def test_gradients_are_finite(case, spread):
    """A spread codebook makes assignments that are one-hot to the last bit."""
    with torch.no_grad():
        case.link.codebook.mul_(spread)
    check_gradients_finite(case.link, case.latents(), case.draw(), case.vq_temp, case.symbol_temp)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("symbol_temp", [0.05, 1.0, 2.0])
@pytest.mark.parametrize("width", [2, 10])
def test_gradients_are_finite_on_the_codewords(dtype, demapper, symbol_temp, width):
    """Latents that lie on a codeword, at a temperature that makes the assignment one-hot."""
    config = LinkConfig(tokens=5, codebook_size=48, bits_per_symbol=width, demapper=demapper)
    link = Link(config).to(dtype)
    index = torch.arange(10).reshape(2, 5)
    for snr_db in (-10.0, 30.0, 60.0):
        draw = link.draw(2, snr_db, torch.Generator().manual_seed(0))
        latents = link.codebook.detach()[index]
        trace = check_gradients_finite(link, latents, draw, 0.05, symbol_temp)
        assert trace.assignment.amax(-1).min() > 0.999


def test_gradients_are_not_lost():
    """At ordinary temperatures every token's latents and every codeword get a gradient."""
    link = Link(LinkConfig())
    generator = torch.Generator().manual_seed(2)
    latents = torch.randn(4, 16, 16, generator=generator, requires_grad=True)
    embedding = link.soft(latents, link.draw(4, 5.0, generator)).embedding
    weight = torch.randn(embedding.shape, generator=generator)
    for gradient in torch.autograd.grad((embedding * weight).sum(), (latents, link.codebook)):
        assert (gradient.abs().sum(-1) > 0).all()


@reproducible(150)
@given(case=cases)
def test_hard_path_ignores_temperatures(case):
    check_hard_ignores_temperature(case.link, case.latents(), case.draw())
