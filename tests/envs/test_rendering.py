"""Pictures: their form and what they follow."""

import gymnasium
import matplotlib.pyplot as plt
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from helpers.environments import assert_same, fading_link, make, make_vector

from linksim.config import CHANNELS
from linksim_envs import TransmitEnv
from linksim_envs.rendering import DPI, SIZE_INCHES

SHAPE = (round(DPI * SIZE_INCHES[1]), round(DPI * SIZE_INCHES[0]), 3)


@pytest.fixture(autouse=True)
def headless():
    """Even where there is a screen; no window may be opened."""
    before = plt.get_backend()
    plt.switch_backend("agg")
    yield
    assert plt.get_fignums() == []
    plt.switch_backend(before)


def assert_picture(picture):
    assert (picture.shape, picture.dtype) == (SHAPE, np.uint8)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("name", ["odd frames", "uncoded", "modes"])
def test_pictures(name):
    """Every step changes the picture; looking changes nothing, and neither does a caller who draws on it."""
    env, plain = make(name, render_mode="rgb_array"), make(name)
    for one in (env, plain):
        one.action_space.seed(1)
        one.reset(seed=1)
    pictures = [env.render()]
    for _ in range(2):
        assert_same(env.step(env.action_space.sample()), plain.step(plain.action_space.sample()))
        pictures.append(env.render())
    for number, picture in enumerate(pictures):
        assert_picture(picture)
        assert not any((picture == other).all() for other in pictures[:number])
    untouched = pictures[-1].copy()
    pictures[-1][:] = 0
    np.testing.assert_array_equal(env.render(), untouched)
    # The next episode begins with an empty picture; the same seed gives the same one.
    env.reset(seed=1)
    np.testing.assert_array_equal(env.render(), pictures[0])
    env.close()
    env.close()


@pytest.mark.parametrize("channel", CHANNELS)
def test_pictures_of_every_channel(channel):
    changes = {"modulation": "psk", "bits_per_symbol": 1} if channel == "bsc" else {}
    env = TransmitEnv(fading_link(channel=channel, **changes), render_mode="rgb_array")
    env.reset(seed=1)
    env.step(env.action_space.sample())
    assert_picture(env.render())


@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_pictures_of_many(name):
    """One of each episode, as the single environment of that seed draws it."""
    envs = make_vector(name, 2, render_mode="rgb_array", autoreset_mode="SameStep")
    env = make(name, render_mode="rgb_array")
    envs.reset(seed=4)
    envs.action_space.seed(2)
    actions = envs.action_space.sample()
    envs.step(actions)
    pictures = envs.render()
    assert isinstance(pictures, tuple)
    assert len(pictures) == 2
    env.reset(seed=5)
    env.step(actions[1])
    assert_picture(pictures[0])
    np.testing.assert_array_equal(pictures[1], env.render())
    envs.close()


@pytest.mark.parametrize("make_one", [make, lambda name, **more: make_vector(name, 2, **more)])
@pytest.mark.parametrize("name", ["bits", "two schemes", "modes"])
def test_other_modes(name, make_one):
    """In mode "human" without a screen nothing happens, and without a mode there is nothing to see."""
    results = []
    for mode in (None, "human"):
        env = make_one(name, render_mode=mode)
        assert env.render_mode == mode
        assert env.render() is None
        env.action_space.seed(1)
        results.append((env.reset(seed=1), env.step(env.action_space.sample())))
        assert env.render() is None
        env.close()
    assert_same(*results)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before render\(\)"):
        make_one(name, render_mode="rgb_array").render()


def test_a_window(monkeypatch):
    """With a screen, a window shows each step and goes when the environment is closed."""
    shown = []
    monkeypatch.setattr(plt, "get_backend", lambda: "TkAgg")
    monkeypatch.setattr(plt, "pause", lambda seconds: shown.append(plt.gcf().axes[0].images[0].get_array()))
    env = make("bits", render_mode="human")
    env.reset(seed=1)
    for _ in range(2):
        env.step(env.action_space.sample())
    assert len(plt.get_fignums()) == 1
    assert len(shown) == 3
    assert_picture(np.asarray(shown[0]))
    assert not (shown[0] == shown[1]).all()
    env.close()
    assert plt.get_fignums() == []
    env.reset()
    env.close()


def test_collected_frames():
    """Gymnasium's wrapper that collects pictures works."""
    env = gymnasium.wrappers.RenderCollection(make("two schemes", render_mode="rgb_array"))
    env.reset(seed=1)
    env.step(0)
    frames = env.render()
    assert len(frames) == 2
    assert not (frames[0] == frames[1]).all()
