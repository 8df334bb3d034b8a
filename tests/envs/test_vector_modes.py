"""The native vector environment against Gymnasium's, which steps single environments one after another."""

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from helpers.environments import CHEAP, DIFFERENT, assert_same, make, make_sync, make_vector
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st

MODES = ("NextStep", "SameStep", "Disabled")


def pair(name, count, mode, **arguments):
    """Native and Gymnasium's, with action spaces that give the same."""
    both = (
        make_vector(name, count, autoreset_mode=mode, **arguments),
        make_sync(name, count, mode, **arguments),
    )
    for envs in both:
        envs.action_space.seed(5)
    return both


def assert_same_reset(native, sync, seed=None, options=None):
    """Both reset alike; each gets options of its own, since Gymnasium's takes the mask out of them."""
    first, second = (
        envs.reset(seed=seed, options=None if options is None else dict(options)) for envs in (native, sync)
    )
    assert_same(first, second, "reset")
    return first


def assert_same_step(native, sync, where="step"):
    actions = native.action_space.sample()
    result = native.step(actions)
    assert_same(result, sync.step(actions), where)
    return result


def go_on(native, sync, mode, steps):
    """Both step alike, and where nothing else resets, by masks."""
    for number in range(steps):
        over = assert_same_step(native, sync, f"step {number}")[3]
        if mode == "Disabled" and over.any():
            assert_same_reset(native, sync, None, {"reset_mask": over})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", DIFFERENT)
def test_as_gymnasium_does(name, mode):
    """Observations, rewards, ends and infos with their masks, through ends that fall together."""
    native, sync = pair(name, 3, mode, episode_length=3)
    assert native.metadata["autoreset_mode"] == native.autoreset_mode == sync.autoreset_mode
    assert_same_reset(native, sync, [5, 1, 9])
    go_on(native, sync, mode, 7)
    # Neither another seed nor options are left over from the episode before.
    assert_same_reset(native, sync, 3, {"snr_db": 40.0})
    go_on(native, sync, mode, 4)
    assert_same_reset(native, sync)
    go_on(native, sync, mode, 2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CHEAP)
def test_ends_that_fall_apart(name, mode):
    """Masked resets shift the episodes against each other, so that some end while others go on."""
    native, sync = pair(name, 3, mode, episode_length=4)
    assert_same_reset(native, sync, 2)
    for mask in ([True, False, False], [False, True, True], [False, True, False]):
        go_on(native, sync, mode, 1)
        assert_same_reset(native, sync, None, {"reset_mask": np.array(mask)})
    go_on(native, sync, mode, 11)
    assert_same_reset(native, sync, [None, 4, 6], {"reset_mask": np.array([True, True, False]), "snr_db": -8})
    go_on(native, sync, mode, 6)


seeds = st.none() | st.integers(0, 99)
masks = st.none() | st.lists(st.booleans(), min_size=3, max_size=3)
calls = st.lists(
    st.just("step") | st.tuples(seeds | st.lists(seeds, min_size=3, max_size=3), masks), max_size=12
)


@reproducible(max_examples=15)
@given(
    name=st.sampled_from(("odd frames", "two schemes", "modes")),
    mode=st.sampled_from(MODES),
    length=st.integers(1, 3),
    calls=calls,
)
def test_any_sequence_of_calls(name, mode, length, calls):
    native, sync = pair(name, 3, mode, episode_length=length)
    assert_same_reset(native, sync, 0)
    over = np.zeros(3, dtype=bool)
    for call in calls:
        if call == "step":
            if mode == "Disabled" and over.any():
                continue
            over = assert_same_step(native, sync)[3]
            continue
        seed, mask = call
        mask = None if mask is None or not any(mask) else np.array(mask)
        assert_same_reset(native, sync, seed, None if mask is None else {"reset_mask": mask})
        over = np.zeros(3, dtype=bool) if mask is None else over & ~mask


@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_disabled_waits_for_a_reset(name):
    """Stepping with one finished episode is refused and changes none of the others."""
    envs, other = (make_vector(name, 2, episode_length=2, autoreset_mode="Disabled") for _ in range(2))
    for one in (envs, other):
        one.reset(seed=3)
        one.action_space.seed(0)
        one.step(one.action_space.sample())
        one.reset(options={"reset_mask": np.array([False, True])})
        *_, over, _ = one.step(one.action_space.sample())
        assert list(over) == [True, False]
    for _ in range(2):
        with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\): the episode is over"):
            envs.step(envs.action_space.sample())
    results = []
    for one in (envs, other):
        one.reset(options={"reset_mask": np.array([True, False])})
        results.append(one.step(np.zeros_like(one.action_space.sample())))
    assert_same(*results)


@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_nobody_steps_before_all_have_begun(name):
    envs = make_vector(name, 2)
    assert np.array_equal(envs.np_random_seed, [-1, -1])
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        envs.step(envs.action_space.sample())
    with pytest.raises(ResetNeeded, match=r"reset_mask.*no episode has begun"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    envs.reset(seed=1, options={"reset_mask": np.array([True, True])})
    envs.step(envs.action_space.sample())


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("name", ["odd frames", "two schemes", "modes"])
def test_an_episode_of_one_step(name, mode):
    native, sync = pair(name, 2, mode, episode_length=1)
    assert_same_reset(native, sync, 2)
    go_on(native, sync, mode, 4)


@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_the_step_that_begins_an_episode_ignores_its_action(name):
    """In mode NextStep the draws of the next episode follow from the seed alone."""
    results = []
    for last in (0, 1):
        envs = make_vector(name, 2, episode_length=1)
        envs.reset(seed=4)
        envs.step(np.zeros_like(envs.action_space.sample()))
        results.append(envs.step(np.full_like(envs.action_space.sample(), last)))
    assert_same(*results)
    assert not results[0][1].any()
    env = make(name, episode_length=1)
    env.reset(seed=4)
    env.step(np.zeros_like(env.action_space.sample()))
    observation, _ = env.reset()
    for key, value in observation.items():
        np.testing.assert_array_equal(results[0][0][key][0], value)
