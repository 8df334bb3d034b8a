"""Policies of `linksim/SemanticRate-v0`: against each other under common seeds, and by hand."""

import numpy as np
import pytest
from helpers.environments import make_vector

from linksim_envs import SemanticRateVectorEnv
from linksim_envs.policies.semantic_rate import FixedMode, Genie, Router, SnrThresholds, seen_frames
from linksim_envs.reference import read, read_part


def play(envs, policy, steps, seed):
    """[steps, episodes] rewards and modes."""
    observations, infos = envs.reset(seed=seed)
    policy.begin(envs.num_envs)
    rewards, modes = [], []
    for _ in range(steps):
        actions = policy.act(observations, infos)
        assert actions in envs.action_space
        observations, reward, _, _, infos = envs.step(actions)
        rewards.append(reward)
        modes.append(actions)
    return np.array(rewards), np.array(modes)


PRICE = 0.004
"""Of a symbol; at higher prices one mode is nearly best at all SNRs."""


def test_the_genie_gets_most_and_thresholds_more_than_a_fixed_mode():
    """Frame by frame the genie; in the mean thresholds that were tuned on other images."""
    model, images, labels = read()
    validation = SemanticRateVectorEnv(
        100, model, *read_part("validation"), episode_length=10, tell_outcomes=True, symbol_price=PRICE
    )
    tuned = SnrThresholds.tuned(*seen_frames(validation, 1, 10))
    envs = SemanticRateVectorEnv(
        60, model, images, labels, episode_length=12, tell_outcomes=True, symbol_price=PRICE
    )
    best, _ = play(envs, Genie(), 12, 2)
    others = [*(FixedMode(envs.unwrapped.link, mode) for mode in range(3)), tuned, Router()]
    means = {}
    for policy in others:
        rewards, _ = play(envs, policy, 12, 2)
        assert (best >= rewards).all()
        means[policy.name] = rewards.mean()
    assert set(means) == {"64:2", "64:4", "64:6", "thresholds", "router"}
    assert means["thresholds"] > max(means[name] for name in ("64:2", "64:4", "64:6"))
    assert best.mean() > means["thresholds"] + 0.02


def test_the_router_and_fixed_modes_do_what_they_say():
    envs = make_vector("modes", 6, episode_length=20)
    observations, infos = envs.reset(seed=3)
    for _ in range(5):
        np.testing.assert_array_equal(Router().act(observations, infos), infos["next_router_mode"])
        for mode in range(3):
            fixed = FixedMode(envs.unwrapped.link, mode).act(observations, infos)
            np.testing.assert_array_equal(fixed, np.full(6, mode))
        observations, _, _, _, infos = envs.step(np.zeros(6, dtype=np.int64))
    assert FixedMode(envs.unwrapped.link, 1).name == "6:4"
    with pytest.raises(ValueError, match="mode must be from 0 to 2, got 3"):
        FixedMode(envs.unwrapped.link, 3)
    with pytest.raises(ValueError, match="tell_outcomes=True"):
        Genie().act(observations, infos)
    with pytest.raises(ValueError, match="tell_outcomes=True"):
        seen_frames(envs.unwrapped, 1, 5)


def test_thresholds_by_hand():
    """Cells of 1 dB with their best mode, in any order; those in between belong to the interval below."""
    snr = [-0.5, 0.2, 0.7, 1.5, 1.6, 5.2, 6.9]
    best = [2, 0, 0, 1, 1, 1, 0]
    policy = SnrThresholds.tuned(snr, np.eye(3)[best])
    np.testing.assert_array_equal(policy.thresholds_db, [0, 1, 6])
    np.testing.assert_array_equal(policy.modes, [2, 0, 1, 0])
    observed = np.array([[-90.0], [-0.001], [0.0], [0.99], [1.0], [3.3], [5.99], [6.0], [99.0]])
    np.testing.assert_array_equal(policy.act({"snr_db": observed}, {}), [2, 2, 0, 0, 1, 1, 1, 0, 0])
    # The mean decides within a cell, not the majority.
    assert SnrThresholds.tuned([3.0, 3.1, 3.2], [[1, 0.9], [1, 0.9], [0, 1]]).modes.tolist() == [1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SnrThresholds([1.0, 1.0], [0, 1, 2]), "thresholds_db must ascend"),
        (lambda: SnrThresholds([1.0], [0]), "modes must be one more than thresholds_db, 2"),
        (lambda: SnrThresholds.tuned([], np.zeros((0, 3))), "as many SNRs"),
        (lambda: SnrThresholds.tuned([1.0], np.zeros((2, 3))), "as many SNRs"),
        (lambda: SnrThresholds.tuned([[1.0]], np.zeros((1, 3))), "as many SNRs"),
    ],
)
def test_wrong_thresholds(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_frames_that_were_seen():
    """As many as asked for, with what each mode brings of them."""
    envs = make_vector("outcomes", 4, episode_length=7).unwrapped
    snr, rewards = seen_frames(envs, 5, 7)
    assert snr.shape == (28,)
    assert rewards.shape == (28, 3)
    fixed, _ = play(envs, FixedMode(envs.unwrapped.link, 1), 7, 5)
    np.testing.assert_array_equal(rewards[:, 1].reshape(7, 4), fixed)
    with pytest.raises(ValueError, match="steps must be from 1 to 7, got 8"):
        seen_frames(envs, 5, 8)
