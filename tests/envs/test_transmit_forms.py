"""`linksim/Transmit-v0` in its other forms: indices for actions, a model's task, coded and vectorized."""

import numpy as np
import pytest
import torch
from helpers.environments import assert_same, coded_link, fading_link, make, make_vector, task

from linksim import Link, LinkConfig
from linksim_envs import TransmitEnv, TransmitVectorEnv
from linksim_training import build_model


@pytest.mark.parametrize("link", [fading_link(), coded_link(), None], ids=["fading", "coded", "default"])
def test_bits_and_indices_are_two_ways_to_say_the_same(link):
    """For all indices, wanted or not: the same frames, decisions, rewards and observations."""
    bits, indices = (
        TransmitEnv(link, snr_db=6.0, episode_length=30, actions=actions) for actions in ("bits", "indices")
    )
    config = bits.link.config
    rng = np.random.default_rng(3)
    assert_same(bits.reset(seed=2), indices.reset(seed=2))
    for _ in range(20):
        index = rng.integers(config.codebook_size, size=config.tokens)
        as_bits, as_indices = bits.label_action(index), indices.label_action(index)
        assert as_bits in bits.action_space
        assert as_indices in indices.action_space
        np.testing.assert_array_equal(as_indices, index)
        assert_same(bits.step(as_bits), indices.step(index))


def test_label_actions_of_many():
    for actions in ("bits", "indices"):
        envs, env = (kind(link=fading_link(), actions=actions) for kind in (TransmitVectorEnv, TransmitEnv))
        index = np.random.default_rng(1).integers(5, size=(7, 3))
        together = envs.label_action(index)
        np.testing.assert_array_equal(together, [env.label_action(row) for row in index])
        assert together.dtype == env.label_action(index[0]).dtype
        with pytest.raises(ValueError, match=r"index must have shape \(3,\)"):
            envs.label_action(index[:, :2])


def test_what_the_deployed_link_would_do():
    """With its own labels at hardly any noise, every frame of every form arrives."""
    for name in ("odd frames", "indices", "coded link", "model"):
        envs = make_vector(name, 6, snr_db=90.0, autoreset_mode="SameStep")
        _, infos = envs.reset(seed=4)
        for _ in range(3):
            _, _, _, _, infos = envs.step(envs.label_action(infos["next_index"]))
            np.testing.assert_array_equal(infos["decoded_index"], infos["index"])
            assert not infos["bit_errors"].any()
            # What a word length of the LLRs leaves to the other codewords.
            assert infos["distortion"].max() < (1e-3 if name == "coded link" else 1e-9)


@pytest.mark.parametrize("name", ["bits", "odd frames", "indices", "coded link", "model"])
def test_information_of_a_step(name):
    """What is told after a step fits what was observed before it."""
    env = make(name, snr_db=8.0)
    env.action_space.seed(6)
    observation, info = env.reset(seed=6)
    np.testing.assert_array_equal(info["index"], info["next_index"])
    codebook, config = env.link.codebook.numpy(), env.link.config
    for _ in range(20):
        before, (observation, reward, terminated, _, info) = info, env.step(env.action_space.sample())
        np.testing.assert_array_equal(info["index"], before["next_index"])
        np.testing.assert_array_equal(observation["codewords"], codebook[info["next_index"]].ravel())
        assert observation["snr_db"] == np.float32(8.0)
        assert info["llr"].shape == (env.link.layout.information_bits,)
        assert info["decoded_index"].shape == (config.tokens,)
        assert 0 <= info["decoded_index"].min() <= info["decoded_index"].max() < config.codebook_size
        assert not terminated
        if name == "model":
            assert info["label"] == before["next_label"]
            assert reward == (info["class"] == info["label"])
        else:
            assert reward == -info["distortion"]


def test_frames_of_many_blocks():
    """Codewords are uniform, SNRs uniform, and no block of frames repeats another."""
    env = TransmitEnv(fading_link(), snr_db=(0.0, 8.0), episode_length=2000)
    _, info = env.reset(seed=1)
    indices, snrs = [], []
    for _ in range(1600):
        observation, _, _, _, info = env.step(np.zeros(9, np.int8))
        indices.append(info["index"])
        snrs.append(observation["snr_db"][0])
    counts = np.bincount(np.ravel(indices), minlength=5)
    expected = 3 * 1600 / 5
    assert ((counts - expected) ** 2 / expected).sum() < 18.5  # chi-square, 4 degrees of freedom, 0.1 %
    assert len(set(snrs)) > 1590
    assert abs(np.mean(snrs) - 4) < 3.3 * 8 / 12**0.5 / 1600**0.5


@pytest.mark.parametrize("actions", ["bits", "indices"])
def test_rewards_of_a_model(actions, monkeypatch):
    """The class is that of the model's own hard path on the same images and draws."""
    parts = task()
    model, images = parts["model"].eval(), torch.as_tensor(parts["images"])
    envs = TransmitVectorEnv(8, snr_db=6.0, actions=actions, autoreset_mode="SameStep", **parts)
    draws, send = [], envs.link.hard

    def spy(*arguments, **keywords):
        draws.append(keywords["draw"])
        return send(*arguments, **keywords)

    monkeypatch.setattr(envs.link, "hard", spy)
    with torch.no_grad():
        link = model.transceiver_dig
        latents = link.quantize.normalise(model.encoder(images))
        own = link.quantize.hard(latents, link.codebook).numpy()
    _, infos = envs.reset(seed=3)
    rewards = []
    for _ in range(20):
        wanted = infos["next_index"]
        _, reward, _, _, infos = envs.step(envs.label_action(wanted))
        # Images with the same indices are the same to the receiver.
        item = [int(np.flatnonzero((own == row).all(1))[0]) for row in wanted]
        with torch.no_grad():
            output = model(images[item], draws[-1], path="hard")
        np.testing.assert_array_equal(infos["class"], output.logits.argmax(-1))
        np.testing.assert_array_equal(infos["decoded_index"], output.trace.decoded_index)
        np.testing.assert_array_equal(reward, infos["class"] == infos["label"])
        for row, label in zip(wanted, infos["label"], strict=True):
            assert label in np.asarray(parts["labels"])[(own == row).all(1)]
        rewards.append(reward)
    assert len(draws) == 20
    assert 0 < np.mean(rewards) < 1


def test_all_images_are_sent():
    envs = make_vector("model", 60, episode_length=2000)
    _, infos = envs.reset(seed=5)
    labels = [infos["next_label"]]
    for _ in range(20):
        *_, infos = envs.step(envs.label_action(infos["next_index"]))
        labels.append(infos["next_label"])
    wanted = np.bincount(np.asarray(task()["labels"]), minlength=10) / 60
    found = np.bincount(np.ravel(labels), minlength=10)
    share = found / found.sum()
    assert (np.abs(share - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / found.sum())).all()


def test_the_model_is_left_as_it_was():
    """In training mode with gradients, as it came; the environment works as in evaluation mode."""
    parts = task()
    model = build_model((1, 8, 8), 10, LinkConfig(tokens=4, codebook_size=16, embedding_dim=8), 0).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    env = TransmitEnv(**{**parts, "model": model})
    env.reset(seed=1)
    env.step(env.action_space.sample())
    assert all(module.training for module in model.modules())
    assert all(value.requires_grad for value in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert env.link is not model.transceiver_dig
    assert not env.link.training


def test_a_model_over_another_link():
    """The link may be another than the model's, as long as the latents fit it."""
    parts = task()
    own = parts["model"].transceiver_dig
    clean = Link(LinkConfig(**{**own.config.as_dict(), "channel": "awgn", "bits_per_symbol": 2}))
    with torch.no_grad():
        clean.codebook.copy_(own.codebook)
    env = TransmitEnv(clean, snr_db=40.0, **parts)
    assert env.link.config.channel == "awgn"
    _, info = env.reset(seed=1)
    for _ in range(5):
        wanted = info["next_index"]
        _, _, _, _, info = env.step(env.label_action(wanted))
        np.testing.assert_array_equal(info["decoded_index"], wanted)
