"""What is stored comes back, and a sweep that goes on from it ends as one that was never interrupted."""

import sqlite3
import threading
import time

import pytest
from helpers.strategies import reproducible
from helpers.sweeps import MadeUp, alone, outcome, run_alone, simulated, sweep_of
from hypothesis import given
from hypothesis import strategies as st

from linksim_benchmarks.montecarlo import store as module
from linksim_benchmarks.montecarlo.engine import counted, run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store

POINTS = [MadeUp(0.05, 0.0), MadeUp(0.01, 1.0), MadeUp(0.01, 2.0, frame_rate=0.3)]
SWEEP = sweep_of(*POINTS, seed=4)
CONFIGURATION = SWEEP.configuration()
NAMES = st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
COUNTS = st.fixed_dictionaries({"frames": st.integers(0, 10**6)}, optional={"hard": JSON, "note ✓": JSON})
ROW = st.tuples(st.sampled_from(["a", "b", "ü/1"]), st.integers(0, 30), st.integers(1, 9))


@reproducible(25)
@given(rows=st.dictionaries(ROW, st.tuples(COUNTS, st.floats(0, 1e6)), max_size=12), note=JSON)
def test_round_trip(tmp_path_factory, rows, note):
    path = tmp_path_factory.mktemp("round") / "a store?#%.sqlite"
    with Store.create(path, {"note": note}) as store:
        for (point, chunk, frames), (counts, seconds) in rows.items():
            store.add(point, chunk, frames, counts, seconds)
        store.set_note("rule", note)
        store.commit()
    for opened in (Store.read(path), Store.resume(path, {"note": note})):
        with opened:
            assert {tuple(row[:3]): tuple(row[3:]) for row in opened.rows()} == rows
            assert opened.configuration() == {"note": note}
            assert opened.note("rule") == note
            assert opened.note("other") is None
            assert opened.chunks("a") == {row[1:]: found for row, found in rows.items() if row[0] == "a"}


def finished(path, rule):
    with Store.create(path, CONFIGURATION) as store:
        return outcome(run(SWEEP, rule, alone(), store))


def resumed(path, rule, order=None):
    with Store.resume(path, CONFIGURATION) as store:
        if order is None:
            return run(SWEEP, rule, alone(), store)
        with simulated(order) as workers:
            return run(SWEEP, rule, workers, store)


def chunks_of(path):
    """Numbers of the stored chunks, point by point."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT point, chunk FROM chunks ORDER BY 1, 2").fetchall()
    connection.close()
    return {key: [chunk for point, chunk in rows if point == key] for key in SWEEP.keys}


@reproducible(25)
@given(
    kept=st.tuples(*[st.integers(0, 25)] * 3),
    order=st.none() | st.integers(0, 10**6),
    target=st.none() | st.integers(1, 150),
)
def test_going_on_after_any_beginning(tmp_path_factory, kept, order, target):
    """Whatever was lost from the end of each point."""
    path = tmp_path_factory.mktemp("prefix") / "ber.sqlite"
    rule = StopRule(max_bits=25_000, target_errors=target)
    expected = finished(path, rule)
    with sqlite3.connect(path) as connection:
        for key, number in zip(SWEEP.keys, kept, strict=True):
            connection.execute("DELETE FROM chunks WHERE point = ? AND chunk >= ?", (key, number))
    connection.close()
    progress = resumed(path, rule, order)
    assert outcome(progress) == expected
    for state, number in zip(progress.states, kept, strict=True):
        assert state.fresh == 10 * max(0, state.chunks - number)  # nothing is counted twice
    assert list(chunks_of(path).values()) == [list(range(state.chunks)) for state in progress.states]


RULES = st.builds(
    StopRule,
    max_bits=st.sampled_from([1, 999, 1000, 1001, 4321, 15_000, 15_050, 20_001]),
    target_errors=st.none() | st.integers(1, 200),
    relative_width=st.none() | st.sampled_from([0.5, 1.0]),
    target_rate=st.none() | st.just(0.02),
)


@reproducible(25)
@given(rules=st.lists(RULES, min_size=2, max_size=5), order=st.integers(0, 10**6))
def test_changing_the_rule_gives_what_a_fresh_run_gives(tmp_path_factory, rules, order):
    """Up and down: more errors or fewer, more bits or fewer, a short last chunk or a whole one."""
    path = tmp_path_factory.mktemp("rules") / "ber.sqlite"
    Store.create(path, CONFIGURATION).close()
    for rule in rules:
        expected = outcome(run(SWEEP, rule, alone()))
        assert outcome(resumed(path, rule, order)) == expected
        with Store.read(path) as store:
            assert outcome(counted(SWEEP, rule, store)) == expected
        for chunks in chunks_of(path).values():
            assert sorted(set(chunks)) == list(range(len(set(chunks))))


def test_a_smaller_target_reads_and_a_larger_one_adds(tmp_path):
    path = tmp_path / "ber.sqlite"
    large, small = (StopRule(max_bits=10**7, target_errors=errors) for errors in (300, 50))
    finished(path, large)
    before = chunks_of(path)
    less = resumed(path, small)
    assert all(state.fresh == 0 and state.chunks < len(before[state.key]) for state in less.states)
    assert chunks_of(path) == before
    more = resumed(path, StopRule(max_bits=10**7, target_errors=400))
    assert all(state.fresh > 0 for state in more.states)


def test_the_short_last_chunk_is_counted_anew_when_bits_are_raised(tmp_path):
    path = tmp_path / "ber.sqlite"
    finished(path, StopRule(max_bits=4250))
    assert [row[:3] for row in sorted(stored(path)) if row[0] == SWEEP.keys[0]][-1][1:] == (4, 3)
    progress = resumed(path, StopRule(max_bits=9000))
    assert [state.fresh for state in progress.states] == [50] * 3
    assert outcome(progress) == outcome(run(SWEEP, StopRule(max_bits=9000), alone()))
    assert [state.fresh for state in resumed(path, StopRule(max_bits=4250)).states] == [0] * 3


def stored(path):
    with Store.read(path) as store:
        return list(store.rows())


def test_who_reads_sees_what_is_committed(tmp_path):
    path = tmp_path / "ber.sqlite"
    with Store.create(path, CONFIGURATION) as writer:
        writer.add("a", 0, 10, {"frames": 10}, 0.1)
        writer.commit()
        writer.add("a", 1, 10, {"frames": 10}, 0.1)
        assert len(stored(path)) == 1
        writer.commit()
        assert len(stored(path)) == 2
        writer.add("a", 2, 10, {"frames": 10}, 0.1)
    assert len(stored(path)) == 2  # closing does not commit


def test_a_sweep_goes_on_while_someone_reads(tmp_path, monkeypatch):
    """Plotting a sweep that runs must not end it: what cannot be committed now is committed later."""
    monkeypatch.setattr(module, "COMMIT_S", 0.0)
    path, rule = tmp_path / "ber.sqlite", StopRule(max_bits=20_000)
    with Store.create(path, CONFIGURATION) as writer:
        run_alone(POINTS[:1], StopRule(max_bits=3000), 4, store=writer)
        reader = Store.read(path)
        seen = list(reader.rows())
        assert len(seen) == 3

        def change(progress):
            assert list(reader.rows()) == seen  # a reader sees one state all the time
            if progress.states[2].chunks == 20:
                reader.close()

        progress = run(SWEEP, rule, alone(), writer, change)
        assert outcome(progress) == outcome(run(SWEEP, rule, alone()))
    assert len(stored(path)) == 60


def test_a_commit_waits_for_those_who_read(tmp_path):
    path = tmp_path / "ber.sqlite"
    with Store.create(path, CONFIGURATION) as writer:
        writer.add("a", 0, 10, {"frames": 10}, 0.1)
        reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM chunks").fetchone() == (0,)
        with pytest.raises(BlockingIOError, match="in use by another process"):
            writer.commit(0.0)
        threading.Timer(0.3, reader.close).start()
        start = time.monotonic()
        writer.commit()
        assert 0.1 < time.monotonic() - start < 10
    assert len(stored(path)) == 1


def test_commits_come_every_second_and_at_the_end(tmp_path, monkeypatch):
    path, clock = tmp_path / "ber.sqlite", [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    with Store.create(path, CONFIGURATION) as writer:
        for chunk in range(6):
            clock[0] += 0.4
            writer.add("a", chunk, 10, {"frames": 10}, 0.1)
            assert len(stored(path)) == (chunk + 1) // 3 * 3
