"""Gymnasium's own checker finds nothing, and its vector wrappers get what they need."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers.vector import DictInfoToList, NormalizeReward, RecordEpisodeStatistics
from helpers.environments import ADAPTATION, RATE, TRANSMIT, VARIANTS, make, make_vector

pytestmark = pytest.mark.filterwarnings("error")


REWARDS = {
    "bits": lambda info: -info["distortion"],
    "uncoded": lambda info: info["delivered_bits"] / 48,
    "modes": lambda info: info["correct"] - 0.01 * info["symbols"],
}


@pytest.fixture(autouse=True)
def headless(monkeypatch):
    """Even where there is a screen."""
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.mark.parametrize("name", VARIANTS)
def test_gymnasium_accepts_it(name):
    check_env(make(name), skip_render_check=True)


@pytest.mark.parametrize(
    ("identifier", "arguments"),
    [(TRANSMIT, {"actions": "indices"}), (ADAPTATION, {"coded": False, "report_delay": 0}), (RATE, {})],
)
@pytest.mark.parametrize("render_mode", ["rgb_array", "human"])
def test_gymnasium_accepts_its_pictures(identifier, arguments, render_mode):
    check_env(gymnasium.make(identifier, render_mode=render_mode, **arguments).unwrapped)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("name", ["bits", "uncoded", "modes"])
def test_vector_wrappers_work(name, mode):
    """Episodes are counted and summed as they are."""
    envs = make_vector(name, 4, episode_length=5, autoreset_mode=mode)
    envs = DictInfoToList(NormalizeReward(RecordEpisodeStatistics(envs)))
    envs.action_space.seed(1)
    envs.reset(seed=1)
    statistics, total = [], np.zeros(4)
    for step in range(1, 6):
        *_, over, infos = envs.step(envs.action_space.sample())
        own = [info.get("final_info", info) if over.any() else info for info in infos]
        total += [REWARDS[name](info) for info in own]
        statistics = [info.get("episode") for info in infos]
        assert over.all() == (step == 5)
    assert all(isinstance(info, dict) for info in infos)
    np.testing.assert_allclose([one["r"] for one in statistics], total)
    assert [one["l"] for one in statistics] == [5] * 4
