"""Agents are trained: they learn, the same from the same seed, and leave everything else alone."""

import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from linksim_benchmarks.agents import agent_store, learning
from linksim_benchmarks.agents.agent_store import Training, trained_agents
from linksim_benchmarks.agents.feature_env import FeatureEnv
from linksim_benchmarks.agents.labelling import Labelling
from linksim_benchmarks.agents.learning import train
from linksim_benchmarks.agents.link_adaptation import LinkAdaptation
from linksim_benchmarks.agents.recipes import RECIPES
from linksim_benchmarks.agents.transmit import Transmit
from linksim_envs.link_adaptation_settings import LinkAdaptationSettings
from linksim_envs.policies.features import features_from

UNCODED = LinkAdaptation(LinkAdaptationSettings(coded=False, episode_length=200))
FAST = {
    "ppo": replace(RECIPES["ppo"], episodes=64, hidden=(32,), learning_rate=5e-3),
    "dqn": replace(RECIPES["dqn"], episodes=64, hidden=(32,), learning_rate=5e-3),
}
FAST["dqn"] = replace(FAST["dqn"], arguments={**FAST["dqn"].arguments, "learning_starts": 2000})
STEPS = 24_000


@pytest.fixture(autouse=True)
def short_curves(monkeypatch):
    monkeypatch.setattr(learning, "CURVE_POINTS", 2)
    monkeypatch.setattr(learning, "CURVE_EPISODES", 24)


def states():
    return pickle.dumps((random.getstate(), np.random.get_state(), torch.get_rng_state().tolist()))  # noqa: NPY002


@pytest.mark.parametrize("name", FAST)
def test_link_adaptation_is_learned(name):
    """Twice the return of the first step's policy or more, reproducibly, without a trace in global states."""
    before, threads, shares = states(), torch.get_num_threads(), []
    agent, again = (train(UNCODED, name, FAST[name], STEPS, 3, shares.append) for _ in range(2))
    other = train(UNCODED, name, FAST[name], 2000, 4)
    assert states() == before
    assert torch.get_num_threads() == threads
    weights = agent.network.state_dict()
    for key, tensor in again.network.state_dict().items():
        assert torch.equal(tensor, weights[key])
    assert not torch.equal(other.network.state_dict()["layers.0.bias"], weights["layers.0.bias"])
    assert shares[-1] == 1
    curve = agent.trained["curve"]
    assert [point["steps"] for point in curve][-1] == STEPS
    assert curve[-1]["mean_return"] > 250  # the best fixed scheme has about 200, thresholds 300
    assert agent.trained["setting"] == UNCODED.row()


def test_transmit_is_learned():
    """Nearer to the best of all labellings than the beginning, within a few per cent."""
    scenario = Labelling(3)
    agent = train(scenario, "policy-gradient", RECIPES["policy-gradient"], 60_000, 0)
    assert scenario.further(agent, 0)["over_best_labelling"] < 1.03


def test_training_sees_what_the_policy_sees():
    """Features of the adapter, over ends of episodes, are those of the deployed policy."""
    env = FeatureEnv(UNCODED, 3)
    env.seed(11)
    native = UNCODED.training_env(3, "SameStep")
    rows = [features_from(UNCODED.features()) for _ in range(3)]
    given, (observations, _) = env.reset(), native.reset(seed=11)
    rng = np.random.default_rng(0)
    for one in rows:
        one.begin(1)
    for _ in range(203):
        wanted = [
            one.see({name: row[n : n + 1] for name, row in observations.items()})[0]
            for n, one in enumerate(rows)
        ]
        np.testing.assert_allclose(given, wanted, rtol=1e-6)
        actions = rng.integers(0, 5, 3)
        given, scaled, dones, infos = env.step(actions)
        observations, rewards, _, truncated, told = native.step(actions)
        np.testing.assert_allclose(scaled, rewards / UNCODED.reward_scale, rtol=1e-6)
        assert scaled.max() <= 1
        np.testing.assert_array_equal(dones, truncated)
        for n in np.flatnonzero(dones):
            last = {name: row[None] for name, row in told["final_obs"][n].items()}
            np.testing.assert_allclose(infos[n]["terminal_observation"], rows[n].see(last)[0], rtol=1e-6)
            rows[n].begin(1)


def test_patterns_are_bits():
    """A choice among the 16 patterns of a token: the action of the environment is its bits."""
    env = FeatureEnv(Transmit(60.0), 16)
    env.reset()
    assert env.decision == "patterns"
    rewards = np.array([env.step(np.full((16, 1), pattern))[1] for pattern in range(16)])
    assert rewards.shape == (16, 16)
    sent = env.venv.vector_env.core.link.codebook.detach().numpy()
    features = env.reset()
    best = np.abs(features[:, None] - sent).sum(-1).argmin(1)
    np.testing.assert_allclose(env.step(best[:, None])[1], 0, atol=1e-5)


def test_what_was_trained_is_taken_up(tmp_path, monkeypatch):
    """From its file, if nothing that it depends on has changed."""
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return train(*arguments)

    monkeypatch.setattr(learning, "train", counted)
    monkeypatch.setitem(agent_store.RECIPES, "ppo", FAST["ppo"])
    training = Training(("ppo",), 4096, 0, tmp_path)
    (first,) = trained_agents(training, UNCODED)
    (second,) = trained_agents(training, UNCODED)
    assert len(calls) == 1
    assert second.trained == first.trained
    trained_agents(replace(training, seed=1), UNCODED)
    trained_agents(replace(training, seed=1, overwrite=True), UNCODED)
    assert len(calls) == 3
    next(tmp_path.iterdir()).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a linksim agent"):
        trained_agents(training, UNCODED)
