"""The random generators that belong to everyone: torch's, NumPy's, Python's, and Sionna's own."""

import pickle
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from linksim import sionna_bridge


def states() -> dict[str, bytes]:
    """The state of each, by the name of its library."""
    sionna = _sionna_config()
    found = {
        "Python": random.getstate(),
        "NumPy": np.random.get_state(),  # noqa: NPY002 - the global generator is what is looked at
        "torch": torch.get_rng_state().tolist(),
        "Sionna": [generator.get_state().tolist() for generator in _sionna_generators()],
        "Sionna's NumPy": sionna.np_rng.bit_generator.state,
        "Sionna's Python": sionna.py_rng.getstate(),
    }
    if torch.cuda.is_available():
        found["CUDA"] = [state.tolist() for state in torch.cuda.get_rng_state_all()]
    return {name: pickle.dumps(state) for name, state in found.items()}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, all of them start from a seed; afterwards each goes on as if nothing had happened."""
    sionna, generators = _sionna_config(), _sionna_generators()
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    own = [generator.get_state() for generator in generators]
    own_python, own_numpy = sionna.py_rng.getstate(), sionna.np_rng.bit_generator.state
    with torch.random.fork_rng():
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.manual_seed(seed)
            for generator in generators:
                generator.manual_seed(seed)
            sionna.py_rng.seed(seed)
            sionna.np_rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            for generator, state in zip(generators, own, strict=True):
                generator.set_state(state)
            sionna.py_rng.setstate(own_python)
            sionna.np_rng.bit_generator.state = own_numpy


def _sionna_generators() -> list[torch.Generator]:
    config = _sionna_config()
    return [config.torch_rng(device) for device in config.available_devices]


def _sionna_config() -> Any:
    """Sionna's configuration, from where the bridge has imported it without reseeding torch."""
    return sys.modules[sionna_bridge.AWGN.__module__.split(".")[0]].phy.config
