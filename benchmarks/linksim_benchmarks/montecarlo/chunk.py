"""Counting one chunk, wherever it runs."""

import platform
import time
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch

from linksim.seeds import stream
from linksim_benchmarks.montecarlo.work import Counts, Work

COMPARED = ("linksim", "torch", "sionna-no-rt", "sionna", "numpy", "scipy")


@cache  # asked for every chunk, and looking them up takes milliseconds
def versions() -> Mapping[str, str]:
    """Versions of all that the counts depend on, by package; what is not installed is absent."""
    found = {"python": platform.python_version()}
    for package in COMPARED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def difference(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """In words, how a worker's versions differ from those here; empty if they are the same."""
    names = [name for name in dict.fromkeys((*ours, *theirs)) if ours.get(name) != theirs.get(name)]
    return ", ".join(
        f"{name} {theirs.get(name, 'missing')} instead of {ours.get(name, 'none')}" for name in names
    )


def check_versions(expected: Mapping[str, str]) -> None:
    """Refuse to work for a process of other versions.

    Args:
        expected: versions there.

    Raises:
        ValueError: if this process runs others.
    """
    differs = difference(versions(), expected)
    if differs:
        raise ValueError(f"a worker has other versions than this process: {differs}; install the same")


def count_chunk(
    work: Work, key: str, chunk: int, frames: int, seed: int, expected: Mapping[str, str]
) -> tuple[Counts, float]:
    """Count a chunk on one thread, so that all workers round alike.

    Args:
        work: the point.
        key: hash of its content.
        chunk: number of the chunk.
        frames: its size.
        seed: root of the random streams; that of the chunk is named after `key` and its number.
        expected: versions where the sweep was started.

    Returns:
        the counts, and the seconds they took.

    Raises:
        ValueError: if this process runs other versions.
    """
    check_versions(expected)
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    start = time.perf_counter()
    counts = work.count(chunk, frames, stream(seed, "sweep", key, chunk))
    return counts, time.perf_counter() - start
