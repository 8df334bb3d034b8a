"""Randomness of stable-baselines3, which seeds and uses every global generator there is."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from linksim_training.isolation import isolated


@contextmanager
def all_isolated(seed: int) -> Iterator[None]:
    """Inside, the global generators of torch, NumPy and Python are free to be seeded and used, and torch
    computes on one thread, so that all machines round alike; outside, all is as it was before.

    Args:
        seed: where torch's generator starts.
    """
    # The global state of NumPy is only kept and put back: nothing is drawn from it here.
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with isolated(seed):
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
