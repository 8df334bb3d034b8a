"""Forward passes between both paths, temperatures that gradients come from, and what is refused."""

import pytest
import torch

from linksim import Link, LinkConfig
from linksim.gradients import NEAREST, SAMPLED
from linksim.seeds import stream


@pytest.fixture
def link():
    sizes = {"tokens": 2, "codebook_size": 5, "embedding_dim": 4, "bits_per_symbol": 2}
    return Link(LinkConfig(**sizes)).double()


def frames(link, count=4):
    generator = stream(3)
    latents = torch.randn(count, 2, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    return latents, link.draw(count, 0.0, generator, gumbel=True)


def gradient(link, latents, embedding):
    """Of a fixed linear function of the embedding, for the latents and the codebook."""
    weight = torch.randn(embedding.shape, dtype=embedding.dtype, generator=stream(7))
    return torch.autograd.grad((weight * embedding).sum(), (latents, link.codebook), retain_graph=True)


def assert_equal(actual, expected):
    for got, wanted in zip(actual, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("backward", ["surrogate", "straight-through", "reinmax"])
def test_shares_of_zero_and_one_choose_frames(link, backward):
    latents, draw = frames(link)
    share = torch.tensor([0.0, 1.0, 1.0, 0.0])
    trace = link(latents, draw, forward=share, backward=backward)
    hard = link(latents, draw, backward=backward)
    soft = link.soft(latents, draw)
    for field in ("symbols", "received", "llr", "posterior", "index", "embedding"):
        chosen, deployed = getattr(trace, field), getattr(hard, field)
        expected = torch.where(
            share.bool().reshape(-1, *[1] * (chosen.dim() - 1)), deployed, getattr(soft, field)
        )
        assert torch.equal(chosen, expected), field
    found = gradient(link, latents, trace.embedding)[0]
    ends = [gradient(link, latents, path.embedding)[0] for path in (soft, hard)]
    for frame in range(4):
        torch.testing.assert_close(found[frame], ends[int(share[frame])][frame], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("share", "path"), [(0.0, "soft"), (1.0, "hard")])
def test_all_frames_on_one_path(link, share, path):
    latents, draw = frames(link)
    trace = link(latents, draw, forward=torch.full((4,), share))
    whole = link(latents, draw, forward=path)
    for field in ("symbols", "llr", "posterior", "decoded_index", "embedding"):
        assert torch.equal(getattr(trace, field), getattr(whole, field)), field
    assert_equal(gradient(link, latents, trace.embedding), gradient(link, latents, whole.embedding))


def test_shares_between_are_convex(link):
    latents, draw = frames(link)
    share = torch.tensor([0.25, 0.5, 0.75, 0.1], dtype=torch.float64)
    mixed = link(latents, draw, forward=share, backward="straight-through")
    hard = link(latents, draw, backward="straight-through")
    soft = link.soft(latents, draw)
    weight = share.reshape(-1, 1, 1)
    expected = weight * hard.embedding + (1 - weight) * soft.embedding
    torch.testing.assert_close(mixed.embedding, expected, rtol=1e-12, atol=1e-12)
    assert_equal(gradient(link, latents, mixed.embedding), gradient(link, latents, expected))


@pytest.mark.parametrize("temperatures", [(1.5, 0.4), (1.5, None), (None, 0.4)])
@pytest.mark.parametrize("backward", ["surrogate", "surrogate-at-symbols"])
def test_gradients_come_from_temperatures_of_their_own(link, temperatures, backward):
    latents, draw = frames(link)
    vq_temp, symbol_temp = temperatures
    named = {"backward_vq_temp": vq_temp, "backward_symbol_temp": symbol_temp}
    at = {
        "vq_temp": link.vq_temp if vq_temp is None else vq_temp,
        "symbol_temp": link.symbol_temp if symbol_temp is None else symbol_temp,
    }
    decoupled = link(latents, draw, backward=backward, **named)
    assert torch.equal(decoupled.embedding, link.hard(latents, draw).embedding)
    expected = gradient(link, latents, link(latents, draw, backward=backward, **at).embedding)
    assert_equal(gradient(link, latents, decoupled.embedding), expected)
    own = gradient(link, latents, link(latents, draw, backward=backward).embedding)
    assert not torch.allclose(own[0], expected[0])


def test_soft_values_at_one_temperature_and_gradients_at_another(link):
    latents, draw = frames(link)
    trace = link(
        *(latents, draw),
        forward="soft",
        vq_temp=0.9,
        symbol_temp=0.8,
        backward_vq_temp=0.3,
        backward_symbol_temp=1.2,
    )
    assert torch.equal(trace.embedding, link.soft(latents, draw, vq_temp=0.9, symbol_temp=0.8).embedding)
    other = link.soft(latents, draw, vq_temp=0.3, symbol_temp=1.2)
    assert not torch.allclose(trace.embedding, other.embedding)
    assert_equal(gradient(link, latents, trace.embedding), gradient(link, latents, other.embedding))


@pytest.mark.parametrize("name", SAMPLED)
def test_indices_are_drawn_at_the_backward_temperature(link, name):
    latents, draw = frames(link, 60)
    cold = link(latents, draw, backward=name, backward_vq_temp=1e-6)
    assert torch.equal(cold.index, link.hard(latents, draw).index)
    warm = link(latents, draw, backward=name, backward_vq_temp=2.0)
    assert torch.equal(warm.index, link(latents, draw, backward=name, vq_temp=2.0).index)
    assert not torch.equal(warm.index, cold.index)


REFUSED = {
    "unknown": ("reinforce", ValueError, f"backward must be one of {', '.join((*NEAREST, *SAMPLED))}"),
    "unknown in a mixture": ({"surogate": 1.0}, ValueError, "'surogate'"),
    "drawn in a mixture": ({"gumbel": 0.5, "surrogate": 0.5}, ValueError, "'gumbel'"),
    "nothing": ({"surrogate": 0.0}, ValueError, "positive weight"),
    "empty": ({}, ValueError, "positive weight"),
    "negative": ({"surrogate": -1.0}, ValueError, "surrogate"),
    "no number": ({"surrogate": "much"}, TypeError, "surrogate"),
    "no name": (0.5, TypeError, "backward must be a name or weights"),
    "too few": ({"surrogate": torch.ones(3)}, ValueError, r"\[4\], got shape \[3\]"),
    "a scalar tensor": ({"surrogate": torch.tensor(1.0)}, ValueError, r"got shape \[\]"),
    "negative for a frame": ({"surrogate": torch.tensor([1.0, 1, 1, -1])}, ValueError, "negative"),
    "NaN for a frame": ({"surrogate": torch.tensor([1.0, 1, 1, torch.nan])}, ValueError, "NaN"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_gradients(link, fault):
    backward, error, reason = REFUSED[fault]
    latents, draw = frames(link)
    with pytest.raises(error, match=reason) as refusal:
        link(latents, draw, backward=backward)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("forward", ["both", torch.ones(3), torch.full((4,), 1.5), torch.full((4,), -0.1)])
def test_refused_paths(link, forward):
    latents, draw = frames(link)
    with pytest.raises(ValueError, match="forward must") as refusal:
        link(latents, draw, forward=forward)
    assert "\n" not in str(refusal.value)


def test_gumbel_noise_that_is_missing(link):
    latents, _ = frames(link)
    with pytest.raises(ValueError, match="gumbel=True") as refusal:
        link(latents, link.draw(4, 0.0, stream(1)), backward="gumbel")
    assert "\n" not in str(refusal.value)
