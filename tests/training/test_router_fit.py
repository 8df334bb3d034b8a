"""A router fitted to what modes cost, with everything else of the model as it is."""

import pytest
import torch
from helpers.generators import generator
from helpers.routed import randomised

from linksim import LinkConfig
from linksim.verification import global_generators
from linksim_training import build_routed_model
from linksim_training.router_fit import fit_router, losses_of_modes

MODES = [(16, 2), (8, 6), (16, 4)]
FRAMES, TOKENS, DIM = 600, 2, 3


@pytest.fixture(scope="module")
def model():
    config = LinkConfig(tokens=TOKENS, embedding_dim=DIM)
    built = build_routed_model((1, 5, 5), 3, MODES, config, seed=1, header_symbols=2)
    randomised(built.link, seed=1)
    return built.eval()


@pytest.fixture(scope="module")
def frames():
    """Latents, SNRs, and losses that depend on the SNR: each mode is best in a third of the range."""
    latents = torch.randn(FRAMES, TOKENS, DIM, generator=generator(1))
    snr_db = 20 * torch.rand(FRAMES, generator=generator(2))
    best = torch.tensor([0.0, 10.0, 20.0])
    return latents, snr_db, 0.05 * (snr_db.unsqueeze(1) - best).abs()


def picked(router, frames):
    return router(frames[0], frames[1]).argmax(-1)


def test_a_large_price_buys_the_cheapest_mode_only(model, frames):
    """It is the one with the fewest symbols, whatever the losses."""
    assert model.link.symbols.argmin() == 1
    for price in (10.0, 1e4):
        assert set(picked(fit_router(model, frames, price, 0, steps=150), frames).tolist()) == {1}


def test_without_a_price_the_least_loss_is_picked(model, frames):
    """Where the two best differ by more than a little, since the router is smooth over the SNR."""
    router = fit_router(model, frames, 0.0, 0)
    least = frames[2].sort(1).values
    clear = least[:, 1] - least[:, 0] > 0.1
    assert int(clear.sum()) > FRAMES / 2
    assert torch.equal(picked(router, frames)[clear], frames[2].argmin(1)[clear])
    mean = frames[2].gather(1, picked(router, frames).unsqueeze(1)).mean()
    assert mean < frames[2].min(1).values.mean() + 0.01


@pytest.mark.parametrize("best", [0, 1, 2])
def test_losses_by_chance_leave_the_best_mean(model, frames, best):
    """Losses that say nothing about a frame: one mode is best on average, and is picked for all."""
    noise = torch.rand(FRAMES, 3, generator=generator(3))
    noise[:, best] -= 0.4
    router = fit_router(model, (frames[0], frames[1], noise), 0.0, 0, steps=200)
    assert (picked(router, frames) == best).float().mean() > 0.95


def test_the_price_is_paid_per_symbol(model, frames):
    """Two modes of equal symbols: a price moves neither against the other; the third gains by it."""
    losses = torch.zeros(FRAMES, 3)
    losses[:, 0], losses[:, 2] = 0.2, 0.1
    losses[:, 1] = 0.1 + 0.1  # a symbol less than mode 2
    saved = float(model.link.symbols[2] - model.link.symbols[1])
    assert saved > 0
    for price, expected in ((0.05 / saved, 2), (0.2 / saved, 1)):
        router = fit_router(model, (*frames[:2], losses), price, 0, steps=200)
        assert set(picked(router, frames).tolist()) == {expected}


def test_the_model_is_left_alone(model, frames):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    router, state = model.link.router, global_generators.states()
    first, second, third = (fit_router(model, frames, 0.01, seed, steps=20) for seed in (5, 5, 6))
    assert global_generators.states() == state
    assert model.link.router is router is not first
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(parameter.requires_grad for parameter in first.parameters())
    assert torch.equal(first.direct_weight, second.direct_weight)
    assert not torch.equal(first.direct_weight, third.direct_weight)


def test_losses_of_modes_are_those_of_deployed_frames(model):
    """On the SNRs and latents that are handed back, by sending every frame in every mode again."""
    images = torch.rand(30, 1, 5, 5, generator=generator(4))
    labels = torch.arange(30) % 3
    latents, snr_db, losses = losses_of_modes(model, images, labels, (-5.0, 15.0), 2, 7)
    again = losses_of_modes(model, images, labels, (-5.0, 15.0), 2, 7)
    assert all(
        torch.equal(mine, theirs) for mine, theirs in zip((latents, snr_db, losses), again, strict=True)
    )
    assert latents.shape == (60, TOKENS, DIM)
    assert losses.shape == (60, 3)
    assert bool(((snr_db >= -5) & (snr_db <= 15)).all())
    assert snr_db.max() - snr_db.min() > 10
    with torch.no_grad():
        normalised = model.link.link_of(0).quantize.normalise(model.encoder(images))
    assert torch.equal(latents, torch.cat([normalised, normalised]))
    quiet = losses_of_modes(model, images, labels, (100.0, 100.0), 1, 7)[2]
    with torch.no_grad():
        draw = model.link.draw(30, 100.0, generator(9))
        for mode in range(3):
            logits = model.head(model.link.hard(model.encoder(images), draw, mode=mode).embedding)[0]
            expected = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
            torch.testing.assert_close(quiet[:, mode], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("price", [-0.1, float("nan"), "free"])
def test_a_price_that_is_none(model, frames, price):
    with pytest.raises((TypeError, ValueError), match="price"):
        fit_router(model, frames, price, 0)
