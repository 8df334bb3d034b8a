"""The loop that hands chunks to workers and takes what they counted."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

from linksim import checks
from linksim_benchmarks.montecarlo.chunk import count_chunk, versions
from linksim_benchmarks.montecarlo.point import PointState
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.montecarlo.workers import Workers

LOSSES_IN_A_ROW = 10
LONGEST_WAIT_S = 0.5
LEAST_LAST_WAIT_S = 60.0
"""At a time limit, for the chunks under way; or several times as long as the longest chunk took."""
FIRST_LAST_WAIT_S = 600.0
"""The same while nobody knows how long a chunk takes."""
MOST_AHEAD = 1000
"""Chunks of a point that are kept while an earlier one is still being counted; or several for each worker."""

OnChange = Callable[["Progress"], None]


@dataclass
class Progress:
    """A sweep under way, or at its end.

    Attributes:
        states: of all points, in the order of the grid.
        curves: the same, curve by curve.
        rule: when points stop.
        started: `time.monotonic()` at the start.
        bits: information bits counted by this run, those that were dropped included.
        seconds: that this run took, from the first chunk handed out to the last one counted.
        lost: chunks that had to be handed out again.
        out_of_time: whether the time limit ended it.
    """

    states: list[PointState]
    curves: list[list[PointState]]
    rule: StopRule
    started: float = field(default_factory=time.monotonic)
    bits: int = 0
    seconds: float = 0.0
    lost: int = 0
    out_of_time: bool = False

    @property
    def results(self) -> list[PointState]:
        """The points that were run, in the order of the grid; those never run are absent.

        So are those of a curve behind the first whose rate passed the target, whatever a store has of them.
        """
        wanted = {state.key for curve in self.curves for state in self._in_turn(curve)}
        return [state for state in self.states if state.tally.frames and state.key in wanted]

    def open(self) -> list[PointState]:
        """Points that are not finished and whose turn it is, curve by curve."""
        return [state for curve in self.curves for state in self._in_turn(curve) if state.reason is None]

    def needed(self) -> list[PointState]:
        """All points but those that will not be run, since their curve has passed the target before them."""
        found = []
        for curve in self.curves:
            turn = self._in_turn(curve)
            found += turn if turn[-1].reason is not None else curve
        return found

    def _in_turn(self, curve: Sequence[PointState]) -> Sequence[PointState]:
        """All of a curve, or with a target rate those up to the first not finished or at the target."""
        if self.rule.target_rate is None:
            return curve
        for number, state in enumerate(curve):
            if state.reason in (None, "time limit") or state.tally.rate <= self.rule.target_rate:
                return curve[: number + 1]
        return curve


def counted(sweep: Sweep, rule: StopRule, store: Store | None = None) -> Progress:
    """What a store has of a sweep, up to where a rule stops.

    Args:
        sweep: the points.
        rule: when points stop.
        store: of an earlier run; without one, nothing is counted.
    """
    states, curves = [], {}
    for point, key, curve in zip(sweep.points, sweep.keys, sweep.curves, strict=True):
        state = PointState(point, key, rule, point.tally())
        if store is not None:
            state.take(store.chunks(key))
        states.append(state)
        curves.setdefault(curve, []).append(state)
    return Progress(states, list(curves.values()), rule)


def run(
    sweep: Sweep,
    rule: StopRule,
    workers: Workers,
    store: Store | None = None,
    on_change: OnChange | None = None,
) -> Progress:
    """Count every point until the rule stops it.

    The counts depend on the sweep and the rule alone, but for a time limit, which marks the points it cuts.
    What is being counted when the limit is over is waited for, a few minutes at most.

    Args:
        sweep: the points.
        rule: when points stop.
        workers: who counts.
        store: where chunks are kept, and whose chunks are not counted again.
        on_change: called after every chunk, and every half second.

    Raises:
        ValueError: if a worker cannot import what counting needs.
        OSError: if workers are lost over and over or for good, or the store cannot be written.
        Exception: whatever counting a chunk raises.
    """
    progress = counted(sweep, rule, store)
    loop = _Loop(sweep, rule, workers, store, progress)
    begin = time.monotonic()
    try:
        while not loop.finished():
            loop.hand_out()
            loop.collect()
            if on_change is not None:
                on_change(progress)
    finally:
        progress.seconds = time.monotonic() - begin
        loop.cancel()
        if store is not None:
            store.commit()
    return progress


class _Loop:
    def __init__(
        self, sweep: Sweep, rule: StopRule, workers: Workers, store: Store | None, progress: Progress
    ) -> None:
        self._sweep, self._rule, self._workers, self._store = sweep, rule, workers, store
        self._progress = progress
        self._futures: dict[Future[Any], tuple[PointState, int]] = {}
        self._versions = versions()
        self._losses = 0
        self._longest = 0.0

    def finished(self) -> bool:
        limit = self._rule.time_limit_s
        if limit is not None and time.monotonic() - self._progress.started > limit:
            self._stop_for_time()
            return True
        return not self._progress.open()

    def _stop_for_time(self) -> None:
        """Take what is being counted at the moment, then mark what is not finished.

        A cluster cancels also what a worker is counting. What was handed out first is spared, a chunk for
        each worker: if all were thrown away, a limit shorter than a chunk would never get anywhere.
        """
        spared = self._workers.count()
        running = [
            future for number, future in enumerate(self._futures) if number < spared or not future.cancel()
        ]
        known = [state.seconds / state.chunks for state in self._progress.states if state.chunks]
        longest = max([self._longest, *known])
        done, _ = wait(running, max(LEAST_LAST_WAIT_S, 4 * longest) if longest else FIRST_LAST_WAIT_S)
        self._take([future for future in running if future in done and not future.cancelled()])
        for state in self._progress.open():
            state.end("time limit")
            self._progress.out_of_time = True

    def hand_out(self) -> None:
        if self._workers.check is not None:
            self._workers.check()
        places = self._workers.depth * self._workers.count()
        room, most_ahead = places - len(self._futures), max(MOST_AHEAD, 8 * places)
        for state in self._progress.open():
            while room > 0 and len(state.waiting) < most_ahead and (chunk := state.next_chunk()) is not None:
                self._submit(state, chunk)
                room -= 1
            if room <= 0:
                return

    def _submit(self, state: PointState, chunk: int) -> None:
        arguments = (state.work, state.key, chunk, state.size(chunk), self._sweep.seed, self._versions)
        future = None
        while future is None:
            try:
                future = self._workers.executor.submit(count_chunk, *arguments)
            except self._workers.lost as error:
                self._lose(error)
        state.flying.add(chunk)
        self._futures[future] = (state, chunk)

    def collect(self) -> None:
        done, _ = wait(self._futures, timeout=LONGEST_WAIT_S, return_when=FIRST_COMPLETED)
        self._take(list(done))

    def _take(self, done: Sequence[Future[Any]]) -> None:
        loss = None  # what breaks together is one loss
        for future in done:
            state, chunk = self._futures.pop(future)
            try:
                counts, seconds = future.result()
            except self._workers.lost as error:
                state.flying.discard(chunk)
                self._progress.lost += 1
                loss = error
                continue
            except ImportError as error:
                said = checks.one_line(error)
                raise ValueError(
                    f"a worker cannot import what counting needs ({said}): install linksim there as here"
                ) from error
            self._losses, self._longest = 0, max(self._longest, seconds)
            self._progress.bits += counts["frames"] * state.work.bits_per_frame
            for number, accepted, took in state.receive(chunk, counts, seconds):
                if self._store is not None:
                    self._store.add(state.key, number, accepted["frames"], accepted, took)
        if loss is not None:
            self._lose(loss)

    def _lose(self, error: BaseException) -> None:
        """After a worker was lost: hand out again, a limited number of times."""
        if self._workers.check is not None:
            self._workers.check()
        self._losses += 1
        if self._losses > LOSSES_IN_A_ROW:
            reason = f"{self._losses} workers were lost one after the other ({error})"
            raise OSError(
                f"{reason}: is there memory enough, and linksim everywhere? Fewer --workers need less"
            ) from error
        if self._workers.renew is not None:
            self._progress.lost += len(self._futures)
            for state, chunk in self._futures.values():
                state.flying.discard(chunk)
            self._futures.clear()
            self._workers.replace_broken(self._workers.renew)

    def cancel(self) -> None:
        for future in self._futures:
            future.cancel()
