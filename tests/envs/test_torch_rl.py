"""The adapter for TorchRL: its own check, episode ends, partial steps, and the vector form's trajectories."""

import runpy
import sys

import gymnasium
import numpy as np
import pytest
import torch
from helpers.environments import routed_task
from tensordict import TensorDict
from torchrl.data import Binary, Categorical, MultiCategorical
from torchrl.envs.utils import check_env_specs

from linksim import Link, LinkConfig
from linksim_envs import torch_rl
from linksim_envs.torch_rl import TorchRLEnv, make

TRANSMIT, ADAPT = "linksim/Transmit-v0", "linksim/LinkAdaptation-v0"
RATE = "linksim/SemanticRate-v0"
WIDE = Link(LinkConfig(tokens=3, codebook_size=48, embedding_dim=5, bits_per_symbol=6))
CASES = {
    "bits": (TRANSMIT, {"link": WIDE}, Binary, (18,)),
    "indices": (TRANSMIT, {"link": WIDE, "actions": "indices"}, MultiCategorical, (3,)),
    "adaptation": (ADAPT, {"coded": False}, Categorical, ()),
    "modes": (RATE, routed_task(), Categorical, ()),
}
ALL = pytest.mark.parametrize(("name", "arguments", "kind", "shape"), CASES.values(), ids=CASES)


@ALL
def test_specs(name, arguments, kind, shape):
    env = make(name, 3, episode_length=2, **arguments)
    check_env_specs(env)
    assert env.batch_size == (3,)
    assert type(env.action_spec) is kind
    assert env.action_spec.shape == (3, *shape)
    torch.manual_seed(0)
    for _ in range(20):
        assert env.vector_env.single_action_space.contains(env.rand_action()["action"][0].numpy())
    for key, space in env.vector_env.single_observation_space.items():
        spec = env.observation_spec[key]
        assert spec.shape == (3, *space.shape)
        space.seed(0)
        sample = np.array([space.sample() for _ in range(3)])
        assert spec.is_in(torch.from_numpy(sample))
        assert not spec.is_in(torch.from_numpy(np.full_like(sample, 101)))


@ALL
def test_trajectories_of_the_vector_form(name, arguments, kind, shape):
    torch.manual_seed(1)
    env = make(name, 3, seed=5, episode_length=4, **arguments)
    rollout = env.rollout(10, break_when_any_done=False)
    plain = gymnasium.make_vec(name, num_envs=3, autoreset_mode="SameStep", episode_length=4, **arguments)
    observations, _ = plain.reset(seed=5)
    for step in range(10):
        row = rollout[:, step]
        for key, array in observations.items():
            np.testing.assert_array_equal(row[key].numpy(), array)
        observations, rewards, terminated, truncated, infos = plain.step(row["action"])
        np.testing.assert_array_equal(row["next", "reward"][:, 0].numpy(), rewards.astype(np.float32))
        np.testing.assert_array_equal(row["next", "terminated"][:, 0].numpy(), terminated)
        for end in ("done", "truncated"):
            np.testing.assert_array_equal(row["next", end][:, 0].numpy(), truncated)
        assert truncated.all() == truncated.any() == (step % 4 == 3)
        assert not row["done"].any()
        for number in range(3):
            for key, array in observations.items():
                last = infos["final_obs"][number][key] if truncated[number] else array[number]
                np.testing.assert_array_equal(row["next", key][number].numpy(), last)


def test_seeds_and_options():
    env = make(ADAPT, 2, coded=False)
    env.set_seed(3)
    first = env.reset()
    assert env.vector_env.unwrapped.np_random_seed == (3, 4)
    assert (env.reset()["snr_db"] != first["snr_db"]).any()  # a seed serves once
    env.set_seed(3)
    assert (env.reset()["snr_db"] == first["snr_db"]).all()
    assert (env.reset(seed=3)["snr_db"] == first["snr_db"]).all()
    env.reset(options={"snr_db": 12.5})
    assert env.infos["mean_snr_db"].tolist() == [12.5, 12.5]
    assert (env.reset(TensorDict({}, [2]))["mcs"] == 5).all()


def test_some_begin_anew():
    env = make(ADAPT, 3, seed=0, coded=False, episode_length=3)
    with_action = env.rand_action(env.reset())
    after = env.step(with_action)["next"]
    env.set_seed(8)
    begun = env.reset(TensorDict({**after, "_reset": torch.tensor([[False], [True], [False]])}, [3]))
    assert (begun["mcs"][1] == 5).all()
    for number in (0, 2):
        assert all((begun[key][number] == after[key][number]).all() for key in ("snr_db", "acks", "mcs"))
    assert env.vector_env.unwrapped.np_random_seed == (0, 9, 2)
    # The seeds of the others wait for their own reset.
    rollout = env.rollout(4, auto_reset=False, tensordict=begun, break_when_any_done=False)
    assert rollout["next", "done"][..., 0].int().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert env.vector_env.unwrapped.np_random_seed == (8, 9, 10)
    last = rollout["next"][:, -1].exclude("reward")
    nobody = env.reset(TensorDict({**last, "_reset": torch.zeros(3, 1, dtype=torch.bool)}, [3]))
    assert (nobody == last).all()


def test_those_over_wait_for_the_others():
    env = make(ADAPT, 3, seed=0, coded=False, episode_length=3)
    after = env.step(env.rand_action(env.reset()))["next"]
    begun = env.reset(TensorDict({**after, "_reset": torch.tensor([[False], [True], [False]])}, [3]))
    rollout = env.rollout(
        9, auto_reset=False, tensordict=begun, break_when_any_done=False, break_when_all_done=True
    )
    assert rollout["next", "done"][..., 0].int().tolist() == [[0, 1, 1], [0, 0, 1], [0, 1, 1]]
    assert (rollout["next", "mcs"][1, :, 0] == rollout["action"][1]).all()
    assert (rollout["next", "snr_db"][0, 1] == rollout["next", "snr_db"][0, 2]).all()
    assert env.infos["_ack"].tolist() == [False, True, False]


def test_entries():
    env = make(ADAPT, 2, coded=False)
    step = env.step(env.rand_action(env.reset()))["next"]
    # What info tells, such as the true SNR, must not get into the observation.
    assert set(step.keys()) == {"snr_db", "acks", "mcs", "reward", "done", "terminated", "truncated"}
    assert (step["snr_db"][:, 0].numpy() != env.infos["true_snr_db"].astype(np.float32)).all()
    assert step["reward"].dtype == torch.float32
    env.close()
    assert env.is_closed


def test_what_it_refuses():
    with pytest.raises(TypeError, match="native vector form of a linksim environment"):
        TorchRLEnv(gymnasium.make(TRANSMIT))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="autoreset_mode 'Disabled', got 'NextStep'"):
        TorchRLEnv(gymnasium.make_vec(TRANSMIT, num_envs=2))
    with pytest.raises(TypeError, match="takes seed and options, got option"):
        make(TRANSMIT, 2).reset(option={"snr_db": 3})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_on_a_gpu():
    env = make(ADAPT, 3, seed=1, coded=False, episode_length=3, device="cuda")
    check_env_specs(env)
    env.set_seed(1)
    given = env.rollout(8, break_when_any_done=False)
    assert given["snr_db"].is_cuda
    assert given["next", "done"].sum() == 6


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchrl.envs", None)  # as where it is not installed
    with pytest.raises(ImportError, match=r"needs torchrl: pip install 'linksim\[rl\]'"):
        runpy.run_path(torch_rl.__file__)
