"""Time limits, lost workers, and chunks that cannot be counted."""

from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import nullcontext
from dataclasses import replace
from random import Random

import pytest
from helpers.sweeps import MadeUp, alone, outcome, run_alone, simulated, sweep_of

from linksim_benchmarks.montecarlo import engine
from linksim_benchmarks.montecarlo.chunk import count_chunk, versions
from linksim_benchmarks.montecarlo.engine import LOSSES_IN_A_ROW, run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store
from linksim_benchmarks.montecarlo.workers import given_executor


@pytest.mark.parametrize("all_at_once", [True, False])
def test_workers_are_lost_indeed(all_at_once):
    with simulated(1, 0.3, all_at_once) as workers:
        found = run_with(workers)
    assert found.lost > 5
    assert (workers.renewals > 5) == all_at_once


def run_with(workers, point=MadeUp(0.01), **options):  # noqa: B008  frozen
    return run(sweep_of(point), StopRule(max_bits=60_000), workers, **options)


@pytest.mark.parametrize("order", [None, 0, 1, 2])
def test_a_time_limit_marks_points_and_the_rest_can_follow(tmp_path, order):
    points = [MadeUp(0.01, 0.0), MadeUp(0.003, 1.0), MadeUp(0.002, 2.0)]
    sweep = sweep_of(*points)
    rule = StopRule(max_bits=200_000, target_errors=100)
    expected = outcome(run(sweep, rule, alone()))
    limited = replace(rule, time_limit_s=1000.0)

    def late(progress):  # the clock jumps when the second point is under way
        if progress.states[1].chunks >= 3:
            progress.started -= 2000

    with Store.create(tmp_path / "store", {}) as store:
        with nullcontext(alone()) if order is None else simulated(order) as workers:
            cut = run(sweep, limited, workers, store, late)
        assert cut.out_of_time
        reasons = [state.reason for state in cut.states]
        assert reasons[0] == "target errors"
        assert reasons[1:] == ["time limit"] * 2
        assert 3 <= cut.states[1].chunks < expected[1][1]
        rows = [(key, chunk) for key, chunk, *_ in store.rows()]
        assert len(rows) == sum(state.chunks for state in cut.states)
        done = run(sweep, rule, alone(), store)
    assert outcome(done) == expected
    assert not done.out_of_time
    assert sum(state.fresh for state in done.states) == sum(frames for _, _, frames, *_ in expected) - sum(
        state.tally.frames for state in cut.states
    )


def test_a_time_limit_that_is_over_at_once_runs_nothing():
    progress = run_alone([MadeUp(0.01)], StopRule(max_bits=10**6, time_limit_s=1e-9))
    assert progress.out_of_time
    assert progress.results == []


class Broken(Executor):
    """Loses everything, when it is asked or when it is submitted."""

    def __init__(self, at_once):
        self.at_once = at_once

    def submit(self, fn, /, *args, **kwargs):
        if self.at_once:
            raise BrokenExecutor("out of memory, perhaps")
        future = Future()
        future.set_exception(BrokenExecutor("out of memory, perhaps"))
        return future


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("renewable", [True, False])
def test_losing_all_workers_is_said_once(at_once, renewable):
    """With a pool that can be started again and with an executor that cannot."""
    with given_executor(Broken(at_once), 2) as workers:
        workers.renew = (lambda: Broken(at_once)) if renewable else None
        with pytest.raises(OSError, match=rf"^{LOSSES_IN_A_ROW + 1} workers were lost one") as error:
            run_with(workers)
    assert "\n" not in str(error.value)
    assert "--workers" in str(error.value)


def test_workers_that_are_gone_for_good_are_not_waited_for():
    """Whether that is noticed when a chunk is lost or before one is handed out."""

    def check():
        asked.append(None)
        if len(asked) > 3:
            raise OSError("all gone")

    for all_at_once in (True, False):
        asked = []
        with simulated(1, 0.3, all_at_once) as workers:
            workers.check = check
            with pytest.raises(OSError, match="all gone"):
                run_with(workers)
        assert len(asked) == 4


def test_chunks_do_not_pile_up_behind_one_that_is_slow(monkeypatch):
    """The last one handed out is the first one counted; what waits is limited, the result is the same."""
    monkeypatch.setattr(engine, "MOST_AHEAD", 5)
    most = []
    with simulated(1) as workers:
        workers.count, workers.depth = (lambda: 2), 1
        monkeypatch.setattr(workers.executor, "random", Newest())
        found = run_with(workers, on_change=lambda progress: most.append(len(progress.states[0].waiting)))
    assert max(most) == 16  # 8 for each of two workers
    assert outcome(found) == outcome(run_with(alone()))


class Newest(Random):
    """Takes what was added last, one at a time."""

    def randint(self, low, high):
        return low

    def randrange(self, size):
        return size - 1


def test_a_worker_lost_now_and_then_is_no_reason_to_give_up():
    """More losses than are allowed in a row, with progress in between."""
    with simulated(3, 0.4) as workers:
        found = run_with(workers)
    assert workers.renewals > LOSSES_IN_A_ROW
    assert outcome(found) == outcome(run_with(alone()))


class Flawed(MadeUp):
    def count(self, chunk, frames, generator):
        if chunk == 4:
            raise ZeroDivisionError("the fifth chunk")
        return super().count(chunk, frames, generator)


@pytest.mark.parametrize("order", [None, 0, 1])
def test_what_a_chunk_raises_gets_through(tmp_path, order):
    """And what was counted before is stored."""
    with Store.create(tmp_path / "store", {}) as store:
        others = nullcontext(alone()) if order is None else simulated(order)
        with others as workers, pytest.raises(ZeroDivisionError, match="the fifth chunk"):
            run_with(workers, Flawed(0.01), store=store)
        chunks = [chunk for _, chunk, *_ in store.rows()]
    assert chunks == list(range(len(chunks)))
    assert len(chunks) == 4 if order is None else len(chunks) <= 4


class Missing(MadeUp):
    def count(self, chunk, frames, generator):
        import linksim_of_tomorrow  # noqa: F401  # pyright: ignore[reportMissingImports]


def test_what_a_worker_cannot_import():
    with simulated(1) as workers, pytest.raises(ValueError, match="No module named 'linksim_of_t") as error:
        run_with(workers, Missing(0.01))
    assert str(error.value).startswith("a worker cannot import what counting needs (")


def test_other_versions_are_refused():
    point = MadeUp(0.01)
    expected = {**versions(), "torch": "0.1", "abacus": "2"}
    with pytest.raises(
        ValueError, match=r"other versions .*torch .* instead of 0\.1, abacus missing instead of 2"
    ):
        count_chunk(point, "key", 0, 10, 0, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_bits": 0}, "max_bits must be at least 1"),
        ({"max_bits": 1e6}, "max_bits must be a whole number"),
        ({"target_errors": 0}, "target_errors must be at least 1"),
        ({"relative_width": 0.0}, "relative_width must be at least"),
        ({"relative_width": float("nan")}, "relative_width must be a finite"),
        ({"target_rate": 1.5}, "target_rate must be at most 1"),
        ({"time_limit_s": 0.0}, "time_limit_s must be greater than 0"),
    ],
)
def test_rules_are_checked(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        StopRule(**{"max_bits": 100, **arguments})
