"""The adapter for stable-baselines3: what its own checker and PPO say, episode ends, seeds, attributes."""

import runpy
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from helpers.environments import routed_task
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import VecCheckNan, VecMonitor, VecNormalize

from linksim import Link, LinkConfig
from linksim_envs import stable_baselines
from linksim_envs.stable_baselines import StableBaselinesVecEnv, make

TRANSMIT, ADAPT = "linksim/Transmit-v0", "linksim/LinkAdaptation-v0"
RATE = "linksim/SemanticRate-v0"
WIDE = Link(LinkConfig(tokens=3, codebook_size=48, embedding_dim=5, bits_per_symbol=6))
CASES = {
    "bits": (TRANSMIT, {"link": WIDE}),
    "indices": (TRANSMIT, {"link": WIDE, "actions": "indices"}),
    "adaptation": (ADAPT, {"coded": False}),
    "modes": (RATE, routed_task()),
}
ALL = pytest.mark.parametrize(("name", "arguments"), CASES.values(), ids=CASES)


def native(name: str, count: int, **arguments):
    return gymnasium.make_vec(name, num_envs=count, autoreset_mode="SameStep", **arguments)


def same(first, second) -> bool:
    return all(np.array_equal(first[key], second[key]) for key in first) and first.keys() == second.keys()


@ALL
def test_its_checker_accepts_single_environments(name, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(name, **arguments).unwrapped, skip_render_check=False)


@ALL
def test_ppo_learns_from_it(name, arguments):
    envs = VecCheckNan(VecMonitor(make(name, 8, episode_length=7, **arguments)), raise_exception=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = PPO("MultiInputPolicy", envs, n_steps=16, batch_size=64, n_epochs=2, seed=3)
        model.learn(256)
    assert model.num_timesteps == 256
    assert {episode["l"] for episode in model.ep_info_buffer or ()} == {7}
    actions, _ = model.predict(envs.reset(), deterministic=True)
    assert all(gymnasium.make(name, **arguments).action_space.contains(action) for action in actions)


@ALL
def test_steps_and_ends_are_those_of_the_vector_form(name, arguments):
    envs = make(name, 3, seed=5, episode_length=4, **arguments)
    plain = native(name, 3, episode_length=4, **arguments)
    plain.action_space.seed(1)
    observations, told = plain.reset(seed=5)
    assert same(envs.reset(), observations)
    assert envs.reset_infos[2].keys() == {key for key in told if not key.startswith("_")}
    for step in range(1, 10):
        actions = plain.action_space.sample()
        expected, rewards, _, truncated, told = plain.step(actions)
        given, given_rewards, dones, infos = envs.step(actions)
        assert same(given, expected)
        assert given_rewards.dtype == np.float32
        np.testing.assert_array_equal(given_rewards, rewards.astype(np.float32))
        np.testing.assert_array_equal(dones, truncated)
        assert dones.all() == dones.any() == (step % 4 == 0)
        for number, info in enumerate(infos):
            if not dones[number]:
                assert info == {}
                continue
            assert info.keys() == {"terminal_observation", "TimeLimit.truncated"}
            assert info["TimeLimit.truncated"] is True
            assert same(info["terminal_observation"], told["final_obs"][number])
            assert not same(info["terminal_observation"], {key: given[key][number] for key in given})
            for key, value in envs.reset_infos[number].items():
                np.testing.assert_array_equal(value, told[key][number])


def test_only_environments_that_end_have_a_last_observation():
    envs = make(TRANSMIT, 3, seed=0, info_keys=["llr", "bit_errors"], episode_length=3)
    envs.reset()
    envs.vector_env.reset(options={"reset_mask": np.array([True, True, False])})
    actions = np.zeros((3, 4), dtype=np.int8)
    envs.step(actions)
    envs.vector_env.reset(options={"reset_mask": np.array([False, True, False])})
    before = [dict(info) for info in envs.reset_infos]
    ends = []
    for _ in range(4):
        _, _, dones, infos = envs.step(actions)
        ends.append(dones.tolist())
        for done, info in zip(dones, infos, strict=True):
            assert ("terminal_observation" in info) == ("TimeLimit.truncated" in info) == done
            assert info["llr"].shape == (4,)
            # A number of its own for each: of the episode that ended, where one did.
            assert info["bit_errors"] == (info["llr"] > 0).sum()
    assert ends == [[False, False, False], [True, False, True], [False, True, False], [False, False, False]]
    assert all(before[number] != envs.reset_infos[number] for number in range(3))
    assert set(envs.reset_infos[0]) == {"index", "next_index"}


def test_infos_are_not_shared():
    envs = make(TRANSMIT, 2, episode_length=1)
    envs.reset()
    _, rewards, _, infos = envs.step(np.zeros((2, 4), dtype=np.int8))
    infos[0]["mine"] = 1
    kept = infos[0]["terminal_observation"]["codewords"].copy()
    _, _, _, later = envs.step(np.zeros((2, 4), dtype=np.int8))
    assert "mine" not in infos[1]
    assert "mine" not in later[0]
    np.testing.assert_array_equal(infos[0]["terminal_observation"]["codewords"], kept)
    rewards += 1  # as algorithms do to bootstrap


@ALL
def test_seeds(name, arguments):
    def trajectory(envs):
        seen = [envs.reset()]
        envs.action_space.seed(0)
        for _ in range(6):
            actions = np.stack([envs.action_space.sample() for _ in range(2)])
            observations, rewards, _, _ = envs.step(actions)
            seen += [observations, {"reward": rewards}]
        return {f"{row}-{key}": value for row, part in enumerate(seen) for key, value in part.items()}

    first = trajectory(make(name, 2, seed=3, episode_length=4, **arguments))
    envs = make(name, 2, episode_length=4, **arguments)
    assert not same(first, trajectory(envs))
    assert list(envs.seed(3)) == [3, 4]
    assert same(first, trajectory(envs))
    assert envs.get_attr("np_random_seed") == [3, 4]
    assert not same(first, trajectory(envs))  # a seed serves once


def test_options_for_each_environment():
    envs = make(ADAPT, 4, seed=0, coded=False)
    # Of each its own, even before any has begun.
    levels = [5.0, 20.0, 5.0, (7.0, 7.0)]
    envs.set_options([{"snr_db": level} for level in levels])
    observations = envs.reset()
    assert [info["mean_snr_db"] for info in envs.reset_infos] == [5, 20, 5, 7]
    for number, level in enumerate(levels):
        single = gymnasium.make(ADAPT, coded=False)
        expected, _ = single.reset(seed=number, options={"snr_db": level})
        assert same({key: observations[key][number] for key in observations}, expected)
    envs.set_options({"snr_db": 11})
    envs.reset()
    assert [info["mean_snr_db"] for info in envs.reset_infos] == [11] * 4
    envs.reset()
    assert len({info["mean_snr_db"] for info in envs.reset_infos}) == 4
    envs.set_options([{}])
    with pytest.raises(ValueError, match="one for each of the 4 environments, got 1"):
        envs.reset()


def test_attributes_and_methods():
    envs = make(TRANSMIT, 3, seed=0, link=WIDE)
    assert envs.get_attr("link", [0, 2]) == [envs.vector_env.unwrapped.link] * 2
    assert envs.get_attr("action_space", 1) == [envs.action_space] == [gymnasium.spaces.MultiBinary(18)]
    assert envs.has_attr("core")
    assert not envs.has_attr("speed")
    envs.reset()
    first, *_ = envs.get_attr("np_random")
    assert first is envs.vector_env.unwrapped.core.generators[0]
    index = np.stack([info["next_index"] for info in envs.reset_infos])
    actions = envs.env_method("label_action", index)
    np.testing.assert_array_equal(actions, envs.vector_env.unwrapped.label_action(index))
    np.testing.assert_array_equal(envs.env_method("label_action", index, indices=1), actions[1:2])
    with pytest.raises(ValueError, match=r"call reset\(\) of this object"):
        envs.env_method("reset")
    envs.set_attr("mark", 3)
    assert envs.get_attr("mark") == [3, 3, 3]
    with pytest.raises(ValueError, match="the environments share 'mark'"):
        envs.set_attr("mark", 4, indices=[0])
    assert envs.env_is_wrapped(gymnasium.wrappers.TimeLimit) == [False] * 3


def test_pictures():
    envs = make(ADAPT, 2, seed=0, coded=False, render_mode="rgb_array")
    envs.reset()
    first, second = envs.get_images()
    assert first.shape == second.shape
    assert first.dtype == np.uint8
    envs.close()
    silent = make(ADAPT, 2, coded=False)
    assert list(silent.get_images()) == [None, None]


def test_wrappers_of_its_own():
    envs = VecNormalize(make(ADAPT, 2, seed=0, coded=False, episode_length=2), norm_obs_keys=["snr_db"])
    envs.reset()
    envs.step(np.array([0, 1]))
    _, _, dones, infos = envs.step(np.array([0, 1]))
    assert dones.all()
    assert abs(infos[0]["terminal_observation"]["snr_db"]).max() <= envs.clip_obs


def test_what_it_refuses():
    with pytest.raises(ResetNeeded):
        make(TRANSMIT, 2).step(np.zeros((2, 4), dtype=np.int8))
    with pytest.raises(TypeError, match="native vector form of a linksim environment"):
        StableBaselinesVecEnv(gymnasium.make(TRANSMIT))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got SyncVectorEnv"):
        StableBaselinesVecEnv(gymnasium.make_vec(TRANSMIT, num_envs=2, vectorization_mode="sync"))
    with pytest.raises(ValueError, match="autoreset_mode 'SameStep', got 'NextStep'"):
        StableBaselinesVecEnv(gymnasium.make_vec(TRANSMIT, num_envs=2))
    with pytest.raises(ValueError, match="tensors=False"):
        StableBaselinesVecEnv(native(TRANSMIT, 2, tensors=True))
    envs = make(TRANSMIT, 2, info_keys=["bit_error"])
    envs.reset()
    with pytest.raises(ValueError, match=r"some of index, .*bit_errors.* got 'bit_error'"):
        envs.step(np.zeros((2, 4), dtype=np.int8))


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.vec_env", None)  # as where it is not installed
    with pytest.raises(ImportError, match=r"needs stable-baselines3: pip install 'linksim\[rl\]'"):
        runpy.run_path(stable_baselines.__file__)
