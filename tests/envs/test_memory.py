"""Long runs keep nothing."""

import gc
import tracemalloc

import numpy as np
import pytest
import torch
from helpers.environments import make_vector


def held():
    """Bytes that Python objects and tensors hold, and how many objects there are."""
    gc.collect()
    tensors = {
        one.untyped_storage().data_ptr(): one.untyped_storage().nbytes()
        for one in gc.get_objects()
        if type(one) is torch.Tensor
    }
    return tracemalloc.get_traced_memory()[0], sum(tensors.values()), len(gc.get_objects())


@pytest.mark.parametrize(
    ("name", "render_mode", "count", "steps"),
    [
        ("odd frames", None, 40, 500),
        ("two schemes", None, 40, 100),
        ("coded", None, 2, 10),
        ("two schemes", "rgb_array", 10, 40),
        ("modes", None, 10, 40),
        ("modes", "rgb_array", 3, 12),
    ],
)
def test_memory_stays(name, render_mode, count, steps):
    """After many steps in many episodes, there is no more than after some; 20,000 frames of Transmit.

    With pictures, what they show is kept for one episode.
    """
    envs = make_vector(name, count, episode_length=10, autoreset_mode="SameStep", render_mode=render_mode)
    envs.action_space.seed(1)
    envs.reset(seed=1)

    def play(steps):
        for _ in range(steps):
            envs.step(envs.action_space.sample())

    tracemalloc.start()
    try:
        play(max(60, steps // 2))  # what is kept for later, as of schemes, grows for a while
        before = held()
        play(steps)
        after = held()
    finally:
        tracemalloc.stop()
    growth = np.subtract(after, before)
    assert growth[0] < 50_000
    assert growth[1] < 10_000
    assert growth[2] < 200
