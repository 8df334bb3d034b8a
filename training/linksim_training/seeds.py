"""One seed, many independent random streams."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream of that name; streams of different names are independent."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator for the stream of that name."""
    return torch.Generator().manual_seed(stream_seed(seed, *names))


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
