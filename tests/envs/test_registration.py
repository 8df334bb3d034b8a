"""The environments as Gymnasium sees them, and what importing and making them leaves alone."""

import importlib
import subprocess
import sys

import gymnasium
import pytest

import linksim_envs
from linksim_envs import LinkAdaptationEnv, SemanticRateEnv, TransmitEnv

ID = "linksim/Transmit-v0"
KINDS = {
    ID: TransmitEnv,
    "linksim/LinkAdaptation-v0": LinkAdaptationEnv,
    "linksim/SemanticRate-v0": SemanticRateEnv,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_both_ids(name, kind):
    for form in (name, f"linksim_envs:{name}"):
        env = gymnasium.make(form, episode_length=5)
        assert isinstance(env.unwrapped, kind)
        env.close()
        assert gymnasium.make_vec(form).num_envs == 1


def test_repeated_registration():
    before = gymnasium.registry[ID]
    importlib.reload(linksim_envs)
    assert gymnasium.registry[ID] is before
    assert before.entry_point == "linksim_envs.transmit:TransmitEnv"
    assert "TransmitEnv" in dir(linksim_envs)
    with pytest.raises(AttributeError, match="no attribute 'Transmitter'"):
        _ = linksim_envs.Transmitter


@pytest.mark.filterwarnings("error")
def test_runs_in_vector_environments():
    envs = gymnasium.make_vec(ID, num_envs=3, vectorization_mode="sync", episode_length=2)
    envs.reset(seed=1, options={"snr_db": 7})
    for _ in range(4):
        observation, reward, *_ = envs.step(envs.action_space.sample())
    assert observation["codewords"].shape == (3, 4)
    assert reward.shape == (3,)


FRESH_PROCESS = """
import random, sys
import numpy, linksim_envs
assert not {"torch", "sionna"} & set(sys.modules), "importing linksim_envs must be light"
import torch, gymnasium, sionna.phy
drawing = lambda: {name for name in sys.modules if name.split(".")[0] == "matplotlib"}
drawn = drawing()  # Sionna itself imports some of it.
def states():
    kind, keys, *rest = numpy.random.get_state()
    return random.getstate(), kind, keys.tobytes(), *rest, torch.get_rng_state().numpy().tobytes()
before = states()
env = gymnasium.make("linksim_envs:linksim/Transmit-v0", episode_length=3)
for seed in (None, 1):
    _, info = env.reset(seed=seed)
    for _ in range(3):
        env.step(env.unwrapped.label_action(info["index"]))
envs = gymnasium.make_vec("linksim/LinkAdaptation-v0", num_envs=2, coded=False)
envs.reset()
envs.step(envs.action_space.sample())
envs = gymnasium.make_vec("linksim/SemanticRate-v0", num_envs=2, tell_outcomes=True)
envs.reset()
envs.step(envs.action_space.sample())
assert drawing() == drawn, "without pictures, nothing must be imported for them"
assert states() == before, "global generators must stay untouched"
# What an environment was the first to use can still be trained on.
from linksim import Link
link = Link(env.unwrapped.link.config)
latents = torch.ones(1, 1, 4, requires_grad=True)
link.soft(latents, link.draw(1, 5.0, torch.Generator())).embedding.sum().backward()
assert latents.grad is not None
"""


def test_light_import_and_untouched_generators():
    done = subprocess.run([sys.executable, "-c", FRESH_PROCESS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
