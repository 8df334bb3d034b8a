"""What a learned policy makes of the observations of link adaptation."""

import numpy as np
import pytest

from linksim_envs import LinkAdaptationVectorEnv
from linksim_envs.policies.features import FlatFeatures
from linksim_envs.policies.slot_features import SlotFeatures

COUNT, STEPS = 3, 30


def episode(seed, count=COUNT, steps=STEPS):
    """Observations of an episode with random schemes."""
    env = LinkAdaptationVectorEnv(count, coded=False, abstraction=True, history=1)
    rng = np.random.default_rng(seed)
    first = env.reset(seed=seed)[0]
    return [first, *(env.step(rng.integers(0, 5, count))[0] for _ in range(steps))]


def test_slots_by_hand():
    """Against a literal reading of the definition, number by number."""
    features = SlotFeatures(5, reports=4, blocks=3, averages=(2, 8))
    features.begin(COUNT)
    seen = episode(0)
    for slot, observations in enumerate(seen):
        vectors = features.see(observations)
        assert vectors.dtype == np.float32
        assert vectors.shape == (COUNT, features.size)
        for row in range(COUNT):
            reports = [float(one["snr_db"][row, 0]) for one in seen[slot::-1]]
            acks = [int(one["acks"][row, 0]) for one in seen[slot::-1]]
            padded = (reports + [reports[-1]] * 4)[:4]
            wanted = [(reports[0] - 12.5) / 10, *((one - reports[0]) / 5 for one in padded[1:])]
            weights = [(1 - 1 / length) ** np.arange(slot + 1) for length in (2, 8)]
            wanted += [(np.average(reports, weights=one) - reports[0]) / 5 for one in weights]
            wanted += [np.average(acks, weights=one) for one in weights]
            wanted.append(min(slot + 1, 4) / 4)
            for back in range(3):
                outcome = [0.0] * 5
                if slot - back > 0:
                    outcome[int(seen[slot - back]["mcs"][row, 0])] = acks[back]
                wanted += outcome
            np.testing.assert_allclose(vectors[row], wanted, atol=1e-5)


def test_an_episode_that_begins_anew_forgets():
    """Beside one that goes on, and as if it had been alone."""
    features, alone = SlotFeatures(5), SlotFeatures(5)
    features.begin(COUNT)
    for observations in episode(1):
        going = features.see(observations)
    features.forget(np.array([1]))
    alone.begin(1)
    for observations in episode(2):
        own = {name: rows[1:2] for name, rows in observations.items()}
        again = features.see(own, np.array([1]))
        np.testing.assert_array_equal(again, alone.see(own))
    last = {name: rows[:1] for name, rows in episode(1)[-1].items()}
    assert features.see(last, np.array([0]))[0, 0] == going[0, 0]


def test_more_schemes_are_refused():
    features = SlotFeatures(3)
    features.begin(1)
    observations = {"snr_db": np.zeros((1, 1)), "acks": np.array([[1]]), "mcs": np.array([[3]])}
    with pytest.raises(ValueError, match="made for 3 schemes"):
        features.see(observations)
    features.see({**observations, "acks": np.zeros((1, 1), dtype=np.int8)})  # the first slot has no scheme


def test_flat():
    features = FlatFeatures(["b", "a"], [2, 1], [1.0, 0.0], [2.0, 0.5])
    vectors = features.see({"a": np.array([3, 4]), "b": np.array([[1, 2], [3, 4]])})
    np.testing.assert_allclose(vectors, [[0, 0.5, 6], [1, 1.5, 8]])
    assert features.size == 3
