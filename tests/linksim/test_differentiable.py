"""The differentiable call: the value of one path with the gradient of another."""

import pytest
import torch

from linksim import Link, LinkConfig

WEIGHT_SEED = 5


@pytest.fixture(params=[("mean", "awgn"), ("map", "awgn"), ("mean", "rayleigh")], ids="-".join)
def link(request):
    decision, channel = request.param
    config = {"tokens": 5, "codebook_size": 11, "embedding_dim": 6, "bits_per_symbol": 6}
    return Link(LinkConfig(**config, decision=decision, channel=channel)).double()


def signals(link, frames=4):
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(frames, 5, 6, dtype=torch.float64, generator=generator, requires_grad=True)
    return latents, link.draw(frames, 4.0, generator)


def gradients(link, latents, embedding):
    """Gradients of a fixed linear function of the embedding."""
    weight = torch.randn(
        embedding.shape, dtype=embedding.dtype, generator=torch.Generator().manual_seed(WEIGHT_SEED)
    )
    return torch.autograd.grad((embedding * weight).sum(), (latents, link.codebook)), weight


def straight_through(link, latents, hard, weight):
    """By hand: the layer norm alone for the latents, the receiver's lookup alone for the codebook."""
    normalised = torch.nn.functional.layer_norm(latents, latents.shape[-1:])
    (to_latents,) = torch.autograd.grad((normalised * weight).sum(), latents)
    if link.config.decision == "map":
        used = torch.nn.functional.one_hot(hard.decoded_index, 11).double()
    else:
        used = hard.posterior.detach()
    return to_latents, torch.einsum("bnk,bnd->kd", used, weight)


def assert_gradients(actual, expected):
    for name, got, wanted in zip(("latents", "codebook"), actual, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize(
    "backward", ["surrogate", "straight-through", {"surrogate": 0.25, "straight-through": 2.0}]
)
def test_value_is_exactly_that_of_the_hard_path(link, backward):
    latents, draw = signals(link)
    hard = link.hard(latents, draw)
    trace = link(latents, draw, backward=backward)
    for field in ("index", "bits", "symbols", "received", "llr", "posterior", "decoded_index", "embedding"):
        assert torch.equal(getattr(trace, field), getattr(hard, field)), field


def test_surrogate_gradient_is_that_of_the_soft_path(link):
    latents, draw = signals(link)
    expected, _ = gradients(link, latents, link.soft(latents, draw).embedding)
    assert all(gradient.abs().sum() > 0 for gradient in expected)
    for named in ({}, {"backward": "surrogate"}, {"backward": {"surrogate": 1.0}}):
        actual, _ = gradients(link, latents, link(latents, draw, **named).embedding)
        assert_gradients(actual, expected)


def test_straight_through_gradient_is_identity_and_lookup(link):
    latents, draw = signals(link)
    trace = link(latents, draw, backward="straight-through")
    actual, weight = gradients(link, latents, trace.embedding)
    assert_gradients(actual, straight_through(link, latents, link.hard(latents, draw), weight))


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.2, 3.0), (0.0, 1.0), (1.0, 0.0)])
def test_mixture_is_the_weighted_sum(link, weights):
    latents, draw = signals(link)
    backward = {"surrogate": weights[0], "straight-through": weights[1]}
    actual, weight = gradients(link, latents, link(latents, draw, backward=backward).embedding)
    soft, _ = gradients(link, latents, link.soft(latents, draw).embedding)
    through = straight_through(link, latents, link.hard(latents, draw), weight)
    expected = [weights[0] * one + weights[1] * other for one, other in zip(soft, through, strict=True)]
    assert_gradients(actual, expected)


def test_temperatures_reach_the_surrogate(link):
    latents, draw = signals(link)
    named = {"vq_temp": 1.7, "symbol_temp": 0.4}
    expected, _ = gradients(link, latents, link.soft(latents, draw, **named).embedding)
    given, _ = gradients(link, latents, link(latents, draw, **named).embedding)
    assert_gradients(given, expected)
    default, _ = gradients(link, latents, link(latents, draw).embedding)
    assert not torch.allclose(default[0], expected[0])
    link.vq_temp, link.symbol_temp = 1.7, 0.4
    settled, _ = gradients(link, latents, link(latents, draw).embedding)
    assert_gradients(settled, expected)


def test_soft_forward_has_the_value_and_gradient_of_the_soft_path(link):
    latents, draw = signals(link)
    soft = link.soft(latents, draw)
    trace = link(latents, draw, forward="soft")
    assert torch.equal(trace.embedding, soft.embedding)
    assert torch.equal(trace.symbols, soft.symbols)
    actual, _ = gradients(link, latents, trace.embedding)
    expected, _ = gradients(link, latents, soft.embedding)
    assert_gradients(actual, expected)


def test_soft_forward_straight_through(link):
    """The lookup is the soft path's posterior mean, and its posterior passes no gradient."""
    latents, draw = signals(link)
    soft = link.soft(latents, draw)
    trace = link(latents, draw, forward="soft", backward="straight-through")
    assert torch.equal(trace.embedding, soft.embedding)
    actual, weight = gradients(link, latents, trace.embedding)
    normalised = torch.nn.functional.layer_norm(latents, latents.shape[-1:])
    (to_latents,) = torch.autograd.grad((normalised * weight).sum(), latents)
    assert_gradients(actual, (to_latents, torch.einsum("bnk,bnd->kd", soft.posterior.detach(), weight)))


def test_soft_trace_comes_along(link):
    latents, draw = signals(link)
    soft = link.soft(latents, draw)
    trace = link(latents, draw)
    assert torch.equal(trace.assignment, soft.assignment)
    assert torch.equal(trace.symbol_probabilities, soft.symbol_probabilities)
    assert torch.equal(trace.surrogate.embedding, soft.embedding)
    trace.assignment.square().sum().backward()
    assert latents.grad.abs().sum() > 0


def test_one_step_of_gradient_descent_lowers_the_surrogate_loss(link):
    """Training through the link moves the hard result's surrogate in the right direction."""
    latents, draw = signals(link)
    target = torch.zeros(4, 5, 6, dtype=torch.float64)
    loss = (link(latents, draw).surrogate.embedding - target).square().mean()
    (gradient,) = torch.autograd.grad(loss, latents)
    moved = latents.detach() - 0.01 * gradient / gradient.norm()
    after = (link.soft(moved, draw).embedding - target).square().mean()
    assert after < loss
