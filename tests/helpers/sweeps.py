"""Made-up points of sweeps, whose true rates are known and whose chunks take microseconds."""

import time
from concurrent.futures import ALL_COMPLETED, BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from random import Random
from unittest.mock import patch

import numpy as np
import torch
from scipy import special

from linksim_benchmarks.ber_tally import BerTally
from linksim_benchmarks.montecarlo import engine
from linksim_benchmarks.montecarlo.engine import run
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.montecarlo.workers import InProcess, Workers


@dataclass(frozen=True)
class MadeUp:
    """A point with a known error rate.

    Attributes:
        rate: of bit errors.
        snr_db: tells points of a curve apart.
        name: tells curves apart.
        frame_bits: bits of a frame.
        chunk_frames: frames of a chunk.
        frame_rate: None for independent bits; else the share of frames that can have errors at all, whose
            bits go wrong with a probability that is the same for a frame, beta-distributed from frame to
            frame.
        shape: of that beta distribution, its first parameter; the smaller, the more frames differ.
        planned: what `expected_rate` says.
        paths: evaluated, which the content leaves out.
    """

    rate: float
    snr_db: float = 0.0
    name: str = ""
    frame_bits: int = 100
    chunk_frames: int = 10
    frame_rate: float | None = None
    shape: float = 1.0
    planned: float | None = None
    paths: tuple[str, ...] = ("hard",)

    @property
    def label(self):
        return f"{self.name} {self.snr_db:g} dB"

    @property
    def bits_per_frame(self):
        return self.frame_bits

    def content(self):
        return {name: one for name, one in asdict(self).items() if name not in ("paths", "planned")}

    def curve(self):
        return {name: one for name, one in self.content().items() if name not in ("snr_db", "rate")}

    def size(self, chunk, max_bits):
        return max(0, min(self.chunk_frames, -(-max_bits // self.frame_bits) - chunk * self.chunk_frames))

    def expected_rate(self):
        return self.planned

    def tally(self):
        return BerTally(self.frame_bits, self.frame_rate is None, self.paths)

    @property
    def second(self):
        """Of the beta distribution's parameters."""
        return self.shape * (self.frame_rate / self.rate - 1)

    def design_effect(self):
        """Variance of the rate over that of independent bits: 1 + (frame_bits − 1)·correlation."""
        if self.frame_rate is None:
            return 1.0
        total = self.shape + self.second
        square = self.frame_rate * self.shape * (self.shape + 1) / (total * (total + 1))
        correlation = (square - self.rate**2) / (self.rate * (1 - self.rate))
        return 1 + (self.frame_bits - 1) * correlation

    def frame_error_rate(self):
        """Share of frames with a wrong bit."""
        if self.frame_rate is None:
            return 1 - (1 - self.rate) ** self.frame_bits
        none = special.betaln(self.shape, self.second + self.frame_bits)
        return self.frame_rate * -np.expm1(none - special.betaln(self.shape, self.second))

    def errors(self, frames, numbers):
        """[frames] wrong bits of each, drawn from a generator of NumPy."""
        if self.frame_rate is None:
            total = numbers.binomial(frames * self.frame_bits, self.rate)
            return np.bincount(numbers.integers(frames, size=total), minlength=frames)
        rates = numbers.beta(self.shape, self.second, frames)
        hit = numbers.random(frames) < self.frame_rate
        return numbers.binomial(self.frame_bits, np.where(hit, rates, 0))

    def count(self, chunk, frames, generator):
        numbers = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        errors = self.errors(frames, numbers)
        sums = {
            "bit_errors": int(errors.sum()),
            "squared_bit_errors": int((errors**2).sum()),
            "frame_errors": int((errors > 0).sum()),
            "undetected": None,
            "error_energy": 0.0,
            "reference_energy": 0.0,
        }
        return {"frames": frames} | dict.fromkeys(self.paths, sums)


def alone():
    """Workers that are this process."""
    return Workers(InProcess(), lambda: 1, depth=1)


def sweep_of(*points, seed=0, **settings):
    return Sweep("made up", list(points), seed, settings)


def run_alone(points, rule, seed=0, **options):
    return run(sweep_of(*points, seed=seed), rule, alone(), **options)


def outcome(progress):
    """Everything of a result that must not depend on who counted it."""
    return [
        (state.key, state.chunks, state.tally.frames, state.reason, state.tally.sums)
        for state in progress.results
    ]


class Simulated(Executor):
    """Workers that finish in a random order, some of them lost now and then; the same for equal seeds.

    The engine has to wait with `self.wait`: `with simulated(...) as workers` sees to that.

    Args:
        random: decides everything.
        lost: probability, each time the engine waits, that something breaks.
        all_at_once: break like a pool of processes, with everything that was submitted; else like a cluster,
            where one chunk is lost and the others go on.
    """

    def __init__(self, random, lost=0.0, all_at_once=True):
        self.random, self.lost, self.all_at_once = random, lost, all_at_once
        self.waiting = []
        self.submitted = 0
        self.broken = False

    def submit(self, fn, /, *args, **kwargs):
        if self.broken:
            raise BrokenExecutor("it broke")
        self.submitted += 1
        future = Future()
        self.waiting.append((future, fn, args, kwargs))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        assert self.broken, "only what is broken is replaced"

    def step(self):
        """Something happens: some of what waits is counted, or something is lost."""
        self.waiting = [task for task in self.waiting if not task[0].cancelled()]
        if not self.waiting:
            return
        if self.random.random() < self.lost:
            if self.all_at_once:
                self.broken, gone, self.waiting = True, self.waiting, []
            else:
                gone = [self.waiting.pop(self.random.randrange(len(self.waiting)))]
            for future, *_ in gone:
                future.set_exception(BrokenExecutor("a worker was lost"))
            return
        for _ in range(self.random.randint(1, len(self.waiting))):
            future, fn, args, kwargs = self.waiting.pop(self.random.randrange(len(self.waiting)))
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)


@contextmanager
def simulated(seed, lost=0.0, all_at_once=True):
    """Workers whose number changes all the time, and who finish in any order."""
    random = Random(seed)
    executors = [Simulated(random, lost, all_at_once)]

    def renew():
        executors.append(Simulated(random, lost, all_at_once))
        return executors[-1]

    def wait(futures, timeout=None, return_when=ALL_COMPLETED):
        futures = set(futures)
        executors[-1].step()
        while return_when == ALL_COMPLETED and not all(future.done() for future in futures):
            executors[-1].step()
        done = {future for future in futures if future.done()}
        return done, futures - done

    workers = Workers(
        executors[0],
        lambda: random.randint(1, 6),
        renew if all_at_once else None,
        depth=random.randint(1, 3),
    )
    with patch.object(engine, "wait", wait):
        yield workers


@dataclass(frozen=True)
class Slow(MadeUp):
    """Takes its time for every chunk."""

    seconds: float = 1.0

    def count(self, chunk, frames, generator):
        time.sleep(self.seconds)
        return super().count(chunk, frames, generator)
