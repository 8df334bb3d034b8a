"""Chains in this process: one batch on all of PyTorch's threads, or one on each thread of a pool."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from linksim.seeds import stream
from linksim_benchmarks.speed.subject import Case, Opener

Batch = Callable[[int], int]
"""Errors among so many bits."""

Maker = Callable[[Case, torch.Generator], Batch]
"""A function that draws from a generator; two made of it share nothing that changes."""

SIZES: tuple[int, ...] = (6_000, 24_000, 60_000, 240_000)


class TensorChain:
    """Tensor operations that PyTorch spreads over its threads, so one batch at a time.

    Args:
        batch: what is done.
        version: of the simulator.
        threads: of PyTorch, from the first count on.
    """

    def __init__(self, batch: Batch, version: str, threads: int) -> None:
        self.batch, self.version, self.threads, self.lanes = batch, version, threads, 1
        self.sizes = SIZES

    @torch.inference_mode()
    def count(self, bits: int, batches: int) -> int:
        """Errors in `batches` batches of `bits` bits."""
        torch.set_num_threads(self.threads)
        return sum(self.batch(bits) for _ in range(batches))

    def close(self) -> None:
        """Nothing to give back."""


class ThreadChain:
    """A batch on each thread; what it calls for long releases Python's lock.

    Args:
        batches: what each thread does.
        version: of the simulator.
    """

    def __init__(self, batches: list[Batch], version: str) -> None:
        self.batches, self.version, self.lanes = batches, version, len(batches)
        self.sizes = SIZES
        # One thread of PyTorch on each: its number is partly that of the process, partly that of a thread.
        self._pool = ThreadPoolExecutor(self.lanes, initializer=torch.set_num_threads, initargs=(1,))

    def count(self, bits: int, batches: int) -> int:
        """Errors in `batches` batches of `bits` bits on each thread."""
        torch.set_num_threads(1)
        return sum(self._pool.map(lambda batch: self._lane(batch, bits, batches), self.batches))

    @torch.inference_mode()
    def _lane(self, batch: Batch, bits: int, batches: int) -> int:
        return sum(batch(bits) for _ in range(batches))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def together(make: Maker, version: str) -> Opener:
    """A way to run a chain: all threads on the same batch."""
    return lambda case, threads, seed: TensorChain(make(case, stream(seed, "speed")), version, threads)


def side_by_side(make: Maker, version: str) -> Opener:
    """A way to run a chain: each thread on a batch of its own, with a generator of its own."""

    def opened(case: Case, threads: int, seed: int) -> ThreadChain:
        generators = [stream(seed, "speed", lane) for lane in range(threads)]
        return ThreadChain([make(case, generator) for generator in generators], version)

    return opened
