"""What the engine of a sweep costs over a bare loop, and what a second process gains."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linksim.provenance import configuration_hash
from linksim.seeds import stream
from linksim_benchmarks.ber import CHUNK_BITS, Point
from linksim_benchmarks.montecarlo.engine import run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.montecarlo.workers import Workers, local_workers
from linksim_benchmarks.step_cost import interleaved, ratio_of_medians


@dataclass(frozen=True, kw_only=True)
class SweepSizes:
    """Of the sweep that is timed."""

    bits_per_symbol: int = 4
    snr_db: float = 10.0
    chunks: int = 16


def bare_loop(point: Point, chunks: int, seed: int) -> None:
    """Count chunks one after the other, with nothing around it."""
    key = configuration_hash(point.content())
    for chunk in range(chunks):
        point.count(chunk, point.size(chunk, CHUNK_BITS * chunks), stream(seed, "sweep", key, chunk))


def cost_rows(
    sizes: SweepSizes, processes: int, rounds: int, seed: int, advance: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """Time the same chunks as a bare loop, through the engine with its store, and in several processes.

    The three take turns, so that a busy machine slows all alike; processes are started before.

    Args:
        sizes: of the sweep.
        processes: number of processes of the third.
        rounds: how often each is timed.
        seed: root of the random streams.
        advance: called after every round, for progress.

    Returns:
        a row each, with subject, seconds (median), mbit_per_s, and time over that of the bare loop and
        throughput over that of one process, each with a 95 % interval by bootstrap over rounds.
    """
    point = Point(sizes.bits_per_symbol, "awgn", sizes.snr_db)
    sweep = Sweep("ber", [point], seed, {"chunk_bits": CHUNK_BITS})
    rule = StopRule(max_bits=CHUNK_BITS * sizes.chunks)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        one = stack.enter_context(local_workers(1))
        several = stack.enter_context(local_workers(processes))

        def stored(workers: Workers) -> None:
            with Store.create(folder / "sweep.sqlite", sweep.configuration()) as store:
                run(sweep, rule, workers, store)

        subjects = {
            "bare loop": lambda: bare_loop(point, sizes.chunks, seed),
            "one process": lambda: stored(one),
            f"{processes} processes": lambda: stored(several),
        }
        seconds = interleaved(subjects, rounds, advance)
    bits, rows = CHUNK_BITS * sizes.chunks, []
    for name, own in seconds.items():
        time, time_low, time_high = ratio_of_medians(own, seconds["bare loop"], seed)
        gain, gain_low, gain_high = ratio_of_medians(seconds["one process"], own, seed)
        rows.append(
            {
                "subject": name,
                "seconds": float(np.median(own)),
                "mbit_per_s": bits / float(np.median(own)) / 1e6,
                "time_ratio": time,
                "time_low": time_low,
                "time_high": time_high,
                "throughput_ratio": gain,
                "throughput_low": gain_low,
                "throughput_high": gain_high,
            }
        )
    return rows
