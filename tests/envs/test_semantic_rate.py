"""`linksim/SemanticRate-v0`: rewards by the model's own hard path, what is drawn, where models come from."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.environments import assert_same, make, make_vector, routed_task, task

from linksim import LinkConfig
from linksim_envs import SemanticRateEnv, SemanticRateVectorEnv
from linksim_envs.reference import CHECKPOINT, METRICS, read, read_part
from linksim_envs.reference_metrics import measure
from linksim_training import build_routed_model, load_data
from linksim_training.checkpoints import save_checkpoint

LINK = LinkConfig(tokens=5, embedding_dim=3)


def test_rewards_are_those_of_the_models_own_hard_path(monkeypatch):
    """Classes, received modes, symbols and bits of `RoutedLink.hard` on the same images, draws and modes."""
    parts = routed_task()
    model, images = parts["model"].eval(), torch.as_tensor(parts["images"])
    envs = make_vector("modes", 12, symbol_price=0.02, autoreset_mode="SameStep")
    draws, send = [], envs.unwrapped.link.hard

    def spy(*arguments, **keywords):
        draws.append(keywords["draw"])
        return send(*arguments, **keywords)

    monkeypatch.setattr(envs.unwrapped.link, "hard", spy)
    envs.action_space.seed(2)
    _, infos = envs.reset(seed=3)
    right, misread = [], []
    for _ in range(20):
        coming, actions = infos, envs.action_space.sample()
        _, rewards, _, _, infos = envs.step(actions)
        with torch.no_grad():
            latents = model.encoder(images[coming["next_image"]])
            trace = model.transceiver_dig.hard(latents, draws[-1], mode=torch.as_tensor(actions))
            found = model.head(trace.embedding)[0].argmax(-1).numpy()
        labels = np.asarray(parts["labels"])[coming["next_image"]]
        np.testing.assert_array_equal(infos["image"], coming["next_image"])
        np.testing.assert_array_equal(infos["label"], labels)
        np.testing.assert_array_equal(coming["next_label"], labels)
        np.testing.assert_array_equal(infos["class"], found)
        np.testing.assert_array_equal(infos["correct"], found == labels)
        np.testing.assert_array_equal(infos["mode"], actions)
        np.testing.assert_array_equal(infos["received_mode"], trace.received_mode)
        np.testing.assert_array_equal(infos["symbols"], trace.symbols)
        np.testing.assert_array_equal(infos["bits"], trace.bits)
        np.testing.assert_allclose(
            rewards, (found == labels) - 0.02 * trace.symbols.double().numpy(), rtol=1e-12
        )
        right.append(infos["correct"])
        misread.append(infos["received_mode"] != actions)
    assert len(draws) == 20
    assert 0 < np.mean(right) < 1
    assert 0 < np.mean(misread) < 1


def test_symbols_by_hand():
    """Two header symbols, and 5 tokens of 3, 3 and 2 bits in symbols of 2, 4 and 4; the last is padded."""
    env = make("modes")
    seen = []
    for mode in range(3):
        env.reset(seed=1)
        info = env.step(mode)[4]
        seen.append((info["symbols"], info["bits"]))
    assert seen == [(2 + 8, 2 + 15), (2 + 4, 2 + 15), (2 + 3, 2 + 10)]


def test_observations_and_the_router():
    """Latents as the link compares them, Es/N0 of the draw, and what `RoutedLink.route` picks of both."""
    parts = routed_task()
    model = build_routed_model((1, 8, 8), 10, ((8, 2), (6, 4), (4, 4)), LINK, 0)
    torch.nn.init.normal_(model.link.router.hidden_weight, generator=torch.Generator().manual_seed(1))
    torch.nn.init.normal_(model.link.router.direct_weight, generator=torch.Generator().manual_seed(2))
    envs = SemanticRateVectorEnv(30, model, parts["images"], parts["labels"])
    observations, infos = envs.reset(seed=4)
    picked = []
    for _ in range(5):
        with torch.no_grad():
            latents = model.eval().encoder(torch.as_tensor(parts["images"])[infos["next_image"]])
            normalised = torch.nn.functional.layer_norm(latents, (3,)).flatten(1).numpy()
            snr = torch.from_numpy(observations["snr_db"][:, 0])
            routed = model.link.route(latents, snr).mode
        np.testing.assert_allclose(observations["latents"], normalised, atol=1e-5)
        np.testing.assert_array_equal(infos["next_router_mode"], routed)
        picked += routed.tolist()
        observations, _, _, _, infos = envs.step(infos["next_router_mode"])
    assert set(picked) == {0, 1, 2}


def test_actions_change_nothing_of_what_comes():
    """Neither do prices, told outcomes or, but for the noise, the SNR."""
    seen = []
    other = {"symbol_price": 0.0, "tell_outcomes": True}
    for action, arguments in ((0, {}), (2, other), (1, {"snr_db": 30.0})):
        envs = make_vector("reference", 2, episode_length=200, **arguments)
        steps = [envs.reset(seed=6)]
        steps += [envs.step(np.full(2, action)) for _ in range(140)]  # beyond the first block of draws
        seen.append(steps)
    for mine, other, elsewhere in zip(*seen, strict=True):
        assert_same(mine[0], other[0])
        np.testing.assert_array_equal(mine[-1]["next_router_mode"], other[-1]["next_router_mode"])
        for one in (other, elsewhere):
            np.testing.assert_array_equal(mine[-1]["next_image"], one[-1]["next_image"])
    assert len({tuple(step[-1]["next_image"]) for step in seen[0]}) > 130


def test_told_outcomes_are_what_happens():
    """What each mode would bring is what it brings, for the same frames under the same seed."""
    told, gained = [], []
    for mode in range(3):
        envs = make_vector("outcomes", 8, episode_length=40)
        _, infos = envs.reset(seed=7)
        told.append([])
        gained.append([])
        for _ in range(20):
            told[-1].append(infos["next_rewards"])
            _, rewards, _, _, infos = envs.step(np.full(8, mode))
            gained[-1].append(rewards)
    for other in told[1:]:
        np.testing.assert_array_equal(told[0], other)
    np.testing.assert_array_equal(np.moveaxis(told[0], -1, 0), gained)
    assert "next_rewards" not in make("modes").reset(seed=1)[1]


def test_images_and_snrs_are_drawn_evenly():
    envs = make_vector("modes", 60, episode_length=2000)
    observations, infos = envs.reset(seed=5)
    images, snrs = [infos["next_image"]], [observations["snr_db"]]
    for _ in range(40):
        observations, _, _, _, infos = envs.step(np.full(60, 2))
        images.append(infos["next_image"])
        snrs.append(observations["snr_db"])
    counts = np.bincount(np.ravel(images), minlength=60)
    expected = 41
    assert ((counts - expected) ** 2 / expected).sum() < 98.3  # chi-square, 59 degrees of freedom, 0.1 %
    assert abs(np.mean(snrs) - 5) < 3.3 * 20 / 12**0.5 / (60 * 41) ** 0.5
    assert -5 <= np.min(snrs) < -4.5
    assert 14.5 < np.max(snrs) <= 15


def test_the_model_is_left_as_it_was():
    """In training mode with gradients, as it came; training it on changes nothing of the environment."""
    parts = routed_task()
    model = build_routed_model((1, 8, 8), 10, ((8, 2), (6, 4)), LINK, 0).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    env = SemanticRateEnv(model, parts["images"], parts["labels"], snr_db=10.0)
    expected = env.reset(seed=1), env.step(1), env.step(0)
    assert all(module.training for module in model.modules())
    assert all(value.requires_grad for value in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()
    assert_same((env.reset(seed=1), env.step(1), env.step(0)), expected)


def test_models_need_not_be_those_of_the_trainer():
    parts = routed_task()
    own = parts["model"].eval()
    model = SimpleNamespace(
        encoder=lambda images: own.encoder(images), transceiver_dig=own.transceiver_dig, head=own.head
    )
    envs = [SemanticRateEnv(one, parts["images"], parts["labels"]) for one in (own, model)]
    results = [(env.reset(seed=2), env.step(0), env.step(2)) for env in envs]
    assert_same(*results)


@pytest.fixture
def checkpoint(tmp_path):
    """Writes a checkpoint and returns its path."""

    def write(model, metadata):
        path = tmp_path / "model.pt"
        save_checkpoint(path, model, metadata)
        return path

    return write


def test_checkpoints(checkpoint):
    """The data set is found by the metadata; images and labels may be given instead."""
    model, digits = routed_task()["model"], load_data("digits")
    path = checkpoint(model, {"data": "digits"})
    expected = SemanticRateEnv(model, digits.x_test, digits.y_test).reset(seed=1)
    assert_same(SemanticRateEnv(checkpoint=path).reset(seed=1), expected)
    assert_same(SemanticRateEnv(checkpoint=str(path)).reset(seed=1), expected)
    parts = {"images": digits.x_train[:9], "labels": digits.y_train[:9]}
    other = SemanticRateEnv(checkpoint=path, **parts).reset(seed=1)
    assert_same(other, SemanticRateEnv(model, **parts).reset(seed=1))
    for part in ("train", "validation", "test"):
        images, labels = read_part(part, path)
        assert torch.equal(images, digits.part(part)[0])
        assert torch.equal(labels, digits.part(part)[1])


@pytest.mark.parametrize("metadata", [{}, {"data": 3}])
def test_checkpoints_without_a_data_set(checkpoint, metadata):
    parts = routed_task()
    path = checkpoint(parts["model"], metadata)
    with pytest.raises(ValueError, match=r"model\.pt does not say which data set .*: give images"):
        SemanticRateEnv(checkpoint=path)
    SemanticRateEnv(checkpoint=path, images=parts["images"], labels=parts["labels"])
    path = checkpoint(parts["model"], {"data": "/gone/digits.npz"})
    with pytest.raises(FileNotFoundError, match="no such data file"):
        SemanticRateEnv(checkpoint=path)


def test_models_of_a_single_mode(checkpoint):
    single = task()
    path = checkpoint(single["model"], {"data": "digits"})
    with pytest.raises(ValueError, match="single mode, and one with several is needed") as refused:
        SemanticRateEnv(checkpoint=path)
    assert "\n" not in str(refused.value)
    with pytest.raises(TypeError, match=r"model must have several modes, .* got a Link: linksim"):
        SemanticRateEnv(**single)
    one = build_routed_model((1, 8, 8), 10, [(8, 2)], LINK, 0)
    with pytest.raises(ValueError, match=r"two modes or more to choose from, got \(\(8, 2\),\)"):
        SemanticRateEnv(**{**single, "model": one})


def test_latents_that_are_not_finite():
    parts = routed_task()
    model = build_routed_model((1, 8, 8), 10, ((8, 2), (6, 4)), LINK, 0)
    with torch.no_grad():
        next(model.encoder.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="model must encode images into finite latents"):
        SemanticRateEnv(**{**parts, "model": model})
    wide = {"images": torch.zeros(60, 1, 8, 8), "labels": parts["labels"]}
    model.encoder = torch.nn.Flatten()
    with pytest.raises(ValueError, match=r"latents of shape \(5, 3\), as the link has them, got \(64,\)"):
        SemanticRateEnv(model, **wide)


def test_the_reference():
    """Small, plain, all modes used by its router, cheaper the higher the SNR, as good as its metrics say."""
    assert CHECKPOINT.stat().st_size < 1_000_000
    assert set(torch.load(CHECKPOINT, weights_only=True)) >= {"model_state_dict", "spec", "metadata"}
    recorded = json.loads(METRICS.read_text())
    rows = recorded["rows"]
    symbols = [row["symbols"] for row in rows]
    assert (np.diff([row["snr_db"] for row in rows]) == 2).all()
    assert symbols == sorted(symbols, reverse=True)
    assert np.mean([row["usage"] for row in rows], axis=0).min() >= 0.1
    assert rows[0]["accuracy"] > 0.85
    assert min(row["accuracy"] for row in rows[3:]) > 0.95
    for row in measure(snr_db=(8.0, 14.0)):
        (own,) = (one for one in rows if one["snr_db"] == row["snr_db"])
        for name in ("accuracy", "modes", "usage"):
            np.testing.assert_allclose(row[name], own[name], atol=0.005)
    model, _, labels = read()
    assert model.transceiver_dig.modes == ((64, 2), (64, 4), (64, 6))
    assert len(labels) == 360
    for option in ("--dataset digits", "--modes 64:2 64:4 64:6", "--seed 0"):
        assert option in recorded["command"]
