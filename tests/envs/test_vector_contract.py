"""Spaces, shapes, seeds and ownership of what a vector environment returns."""

import copy

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector.utils import batch_space
from helpers.environments import ADAPTATION, CHEAP, DIFFERENT, VARIANTS, assert_same, make, make_vector

MODES = ("NextStep", "SameStep", "Disabled")


def play(envs, steps, seed=0):
    """Everything that was returned, resetting where nothing else does."""
    envs.action_space.seed(1)
    seen = [envs.reset(seed=seed)]
    for _ in range(steps):
        seen.append(envs.step(envs.action_space.sample()))
        over = np.asarray(seen[-1][3])
        if envs.metadata["autoreset_mode"].value == "Disabled" and over.any():
            seen.append(envs.reset(options={"reset_mask": over}))
    return seen


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", DIFFERENT)
def test_shapes_and_types(name, mode):
    single, envs = make(name), make_vector(name, 3, episode_length=2, autoreset_mode=mode)
    assert envs.num_envs == 3
    assert envs.single_observation_space == single.observation_space
    assert envs.single_action_space == single.action_space
    assert envs.observation_space == batch_space(single.observation_space, 3)
    assert envs.action_space == batch_space(single.action_space, 3)
    assert envs.autoreset_mode is envs.metadata["autoreset_mode"]
    assert envs.autoreset_mode == gymnasium.vector.AutoresetMode(mode)
    assert envs.spec.id == VARIANTS[name][0]
    for result in play(envs, 5):
        observations, infos = result[0], result[-1]
        assert observations in envs.observation_space
        for key, space in envs.single_observation_space.items():
            assert observations[key].dtype == space.dtype
            assert observations[key].shape == (3, *space.shape)
        for key in [one for one in infos if not one.startswith("_")]:
            mask = infos[f"_{key}"]
            assert (mask.shape, mask.dtype) == ((3,), bool)
            if key not in ("final_info", "final_obs"):
                assert len(infos[key]) == 3
                assert not infos[key][~mask].any()
        if len(result) == 5:
            _, rewards, terminated, truncated, _ = result
            assert (rewards.shape, rewards.dtype) == ((3,), np.float64)
            assert (terminated.shape, terminated.dtype) == (truncated.shape, truncated.dtype) == ((3,), bool)
            assert not terminated.any()
            for number in np.flatnonzero(infos.get("_final_obs", [])):
                assert infos["final_obs"][number] in envs.single_observation_space


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CHEAP)
def test_what_was_returned_stays(name, mode, tensors):
    """Later calls change nothing of it, and what a caller writes into it changes no later call."""
    kept, spoiled = (
        make_vector(name, 2, episode_length=3, autoreset_mode=mode, tensors=tensors) for _ in range(2)
    )
    for envs in (kept, spoiled):
        envs.action_space.seed(1)
    seen, copies = [], []

    def call(function):
        result = function(kept)
        seen.append(result)
        copies.append(copy.deepcopy(result))
        other = function(spoiled)
        assert_same(other, result)
        spoil(other)

    call(lambda envs: envs.reset(seed=2))
    for _ in range(7):
        call(lambda envs: envs.step(envs.action_space.sample()))
        if mode == "Disabled" and seen[-1][3].any():
            call(lambda envs: envs.reset())
    assert_same(seen, copies)


def spoil(content):
    """Write over every array and tensor in it."""
    for one in content.values() if isinstance(content, dict) else content:
        if isinstance(one, (dict, tuple, list)) or (isinstance(one, np.ndarray) and one.dtype == object):
            spoil([part for part in one if part is not None] if isinstance(one, np.ndarray) else one)
        elif isinstance(one, (np.ndarray, torch.Tensor)):
            one[...] = 1 if one.dtype in (bool, torch.bool) else 77


@pytest.mark.parametrize("name", CHEAP)
def test_actions_are_not_kept(name):
    """An action array may be written over after the step."""
    results = []
    for spoils in (False, True):
        envs = make_vector(name, 2, episode_length=9)
        envs.reset(seed=1)
        actions = np.zeros_like(envs.action_space.sample())
        step = envs.step(actions)
        if spoils:
            actions[:] = 1
        results.append((step, envs.step(np.zeros_like(actions))))
        assert not np.shares_memory(actions, step[-1].get("sent_mcs", step[-1].get("mode", np.zeros(1))))
    assert_same(*results)


def as_numpy(content):
    if isinstance(content, torch.Tensor):
        return content.numpy()
    if isinstance(content, dict):
        return {key: as_numpy(value) for key, value in content.items()}
    return content


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CHEAP)
def test_tensors_hold_the_same(name, mode):
    envs = make_vector(name, 2, episode_length=2, autoreset_mode=mode, tensors=True)
    seen = play(envs, 5)
    arrays = play(make_vector(name, 2, episode_length=2, autoreset_mode=mode), 5)
    for mine, theirs in zip(seen, arrays, strict=True):
        assert all(isinstance(one, torch.Tensor) for one in (*mine[0].values(), *mine[1:-1]))
        # Info is the same NumPy content, whatever else there is.
        assert_same(mine[-1], theirs[-1])
        assert_same([as_numpy(part) for part in mine[:-1]], list(theirs[:-1]))


@pytest.mark.parametrize("name", CHEAP)
def test_actions_as_lists_and_tensors(name):
    results = []
    for form in (np.asarray, torch.tensor, lambda actions: actions.tolist(), np.int8):
        envs = make_vector(name, 2)
        envs.reset(seed=1)
        envs.action_space.seed(3)
        results.append([envs.step(form(envs.action_space.sample())) for _ in range(3)])
    for other in results[1:]:
        assert_same(results[0], other)


def first(envs, number, **arguments):
    observations, _ = envs.reset(**arguments)
    return {key: array[number] for key, array in observations.items()}


@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_seeds(name):
    single, envs = make(name), make_vector(name, 3)

    def alone(seed):
        return single.reset(seed=seed)[0]

    for seed in (4, np.int64(4), [4, 5, 6], (4, 5, 6)):
        assert_same(first(envs, 2, seed=seed), alone(6))
        assert envs.np_random_seed == (4, 5, 6)
    # None goes on with the generator there is, for one or for all.
    assert_same(first(envs, 0, seed=[4, None, 6]), alone(4))
    alone(5)
    single.reset()
    fresh = single.reset()[0]
    envs.reset(seed=5)
    envs.reset()
    assert_same(first(envs, 0), fresh)
    generators = envs.np_random
    assert len({id(one) for one in generators}) == 3
    assert all(isinstance(one, np.random.Generator) for one in generators)
    # Without any seed, environments differ from each other and from run to run.
    unseeded = [first(make_vector(name, 2), number)["snr_db"].item() for number in (0, 1, 0)]
    assert len(set(unseeded)) == 3
    with pytest.raises(ValueError, match="seed must be a number, or a list of one for each of the 3"):
        envs.reset(seed=[1, 2])
    with pytest.raises(TypeError, match=r"seed must be a number, a list of numbers or None, got 1\.5"):
        envs.reset(seed=1.5)


@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_own_generators_of_a_single_environment(name):
    """`np_random` may be set, as Gymnasium allows, and is what everything follows from."""
    seeded, given = make(name), make(name)
    expected = seeded.reset(seed=3)
    given.reset(seed=8)
    given.np_random = np.random.default_rng(3)
    assert given.np_random_seed == -1
    assert_same(given.reset(), expected)
    assert seeded.np_random_seed == 3


@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_a_refused_reset_leaves_no_trap(name):
    """Either the episode goes on, or it must be begun; afterwards the environment is as good as new."""
    for envs, seeds in ((make(name), (2,)), (make_vector(name, 2), (2, [1, "one"]))):
        envs.reset(seed=1)
        action = np.zeros_like(envs.action_space.sample())
        for seed in seeds:
            with pytest.raises((ValueError, gymnasium.error.Error)):
                envs.reset(seed=seed, options={"snr_db": 1000.0} if seed == 2 else None)
            with pytest.raises(gymnasium.error.ResetNeeded):
                envs.step(action)
        with pytest.raises(ValueError, match="snr_db must be at most 100"):
            envs.reset(options={"snr_db": 1000.0})
        expected = make(name) if len(seeds) == 1 else make_vector(name, 2)
        assert_same(envs.reset(seed=2), expected.reset(seed=2))
        assert_same(envs.step(action), expected.step(action))


def test_close_and_names():
    envs = make_vector("uncoded", 2)
    assert "LinkAdaptation-v0" in repr(envs)
    envs.reset()
    envs.close()
    assert envs.closed
    envs.close()
    with make("bits") as env:
        env.reset()
    env.close()
    envs = gymnasium.make_vec(ADAPTATION, coded=False)
    assert envs.num_envs == 1
    assert envs.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.NEXT_STEP
    assert gymnasium.make_vec(envs.spec).single_action_space == envs.single_action_space
