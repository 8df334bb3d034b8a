"""Sub-environment i of a vector environment seeded s goes the way of a single environment seeded s + i."""

import numpy as np
import pytest
from helpers.environments import assert_same, make, make_vector

COUNT, STEPS, SEED = 16, 450, 7
FAR = (0, 15)
"""Sub-environments followed to the end; the others for a while, since singles take their time."""


def row(content, number):
    """What a single environment would have returned: its rows, and numbers where these are none."""
    if content.dtype == object:
        return content[number]
    return content[number] if content.ndim > 1 else content[number].item()


def own_info(infos, number):
    """What is told to one sub-environment."""
    told = {name for name in infos if not name.startswith("_") and infos[f"_{name}"][number]}
    return {name: row(infos[name], number) for name in told - {"final_obs", "final_info"}}


def follow(name, number, steps, begun, taken, length):
    """Play with a single environment what the sub-environment of that number was given."""
    env = make(name, episode_length=length)
    observation, info = env.reset(seed=SEED + number)
    assert_same(observation, {key: array[number] for key, array in begun[0].items()}, "first observation")
    assert_same(info, own_info(begun[1], number), "first info")
    for step, (actions, (observations, rewards, terminated, truncated, infos)) in enumerate(taken[:steps]):
        where = f"environment {number}, step {step}"
        observation, reward, end, over, info = env.step(actions[number])
        assert reward == rewards[number], where
        assert (end, over) == (terminated[number], truncated[number]) == (False, (step + 1) % length == 0)
        if over:
            assert infos["_final_obs"][number], where
            assert infos["_final_info"][number], where
            assert_same(infos["final_obs"][number], observation, f"{where}, last observation")
            assert_same(own_info(infos["final_info"], number), info, f"{where}, last info")
            observation, info = env.reset()
        assert_same(observation, {key: array[number] for key, array in observations.items()}, where)
        assert_same(info, own_info(infos, number), where)


@pytest.mark.parametrize(
    ("name", "length", "steps", "others"),
    [
        ("bits", 32, STEPS, STEPS),
        ("odd frames", 37, 60, 20),
        ("uncoded", 20, 30, 10),
        ("two schemes", 60, STEPS, STEPS),
        ("coded", 3, 7, 7),
        ("coded link", 3, 7, 7),
        ("reference", 20, 45, 5),
        ("modes", 37, 60, 5),
        ("outcomes", 4, 9, 2),
    ],
)
def test_sixteen_trajectories(name, length, steps, others):
    envs = make_vector(name, COUNT, episode_length=length, autoreset_mode="SameStep")
    envs.action_space.seed(3)
    begun = envs.reset(seed=SEED)
    taken = []
    for _ in range(steps):
        actions = envs.action_space.sample()
        taken.append((actions.copy(), envs.step(actions)))
    for number in range(COUNT):
        follow(name, number, steps if number in FAR else others, begun, taken, length)


@pytest.mark.parametrize("name", ["odd frames", "model", "uncoded", "coded", "modes"])
def test_the_number_of_environments_changes_nothing(name):
    """Of 1, 5 and 24 environments, the first go the same way."""
    seen = {}
    for count in (1, 5, 24):
        envs = make_vector(name, count, episode_length=4, autoreset_mode="SameStep")
        highest = make(name).action_space
        highest.seed(2)
        actions = [highest.sample() for _ in range(6)]
        envs.reset(seed=9)
        steps = [envs.step(np.array([action] * count)) for action in actions]
        seen[count] = [
            [{key: array[:1] for key, array in step[0].items()}, step[1][:1], own_info(step[4], 0)]
            for step in steps
        ]
    assert_same(seen[1], seen[5])
    assert_same(seen[1], seen[24])
