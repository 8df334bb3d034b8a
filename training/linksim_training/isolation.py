"""Randomness of torch's modules, which know no generator but the global ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from linksim.seeds import stream_seed


@contextmanager
def isolated(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Inside, torch's global generators start from a seed; outside, they are as they were before.

    Initialisers and dropout of `torch.nn` know no other source of randomness.
    """
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            with torch.cuda.device(devices[0]):
                torch.cuda.manual_seed(seed)
        yield


def seed_modules(seed: int, *names: str | int) -> None:
    """Set torch's global generators to the stream of that name; only for use inside `isolated`."""
    number = stream_seed(seed, *names)
    # Not torch.manual_seed, which looks for more kinds of devices each time than a whole step takes.
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(number)
