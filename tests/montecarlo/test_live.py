"""What a sweep shows while it runs."""

import io
import re

import pytest
from helpers.sweeps import MadeUp, alone, outcome, run_alone, sweep_of
from rich.console import Console

from linksim_benchmarks.montecarlo import live
from linksim_benchmarks.montecarlo.engine import Progress, run
from linksim_benchmarks.montecarlo.live import seconds_left, shown, status
from linksim_benchmarks.montecarlo.point import PointState
from linksim_benchmarks.montecarlo.stop import StopRule


def state(rule, errors=0, chunks=0, seconds=0.0, planned=None):
    """A point of which so many chunks of 1,000 bits are counted."""
    point = MadeUp(0.01, planned=planned)
    found = PointState(point, "key", rule, point.tally())
    for chunk in range(chunks):
        part = errors // chunks + (chunk < errors % chunks)
        sums = {"bit_errors": part, "squared_bit_errors": part, "frame_errors": 1, "undetected": None}
        sums |= {"error_energy": 0.0, "reference_energy": 0.0}
        found.receive(chunk, {"frames": 10, "hard": sums}, seconds / chunks)
    return found


@pytest.mark.parametrize(
    ("rule", "counted", "expected"),
    [
        # 5 s for 5,000 bits; what is missing at the same speed.
        ({"max_bits": 20_000}, {"chunks": 5}, 15.0),
        ({"max_bits": 20_000}, {"chunks": 5, "errors": 50}, 15.0),
        ({"max_bits": 10**6, "target_errors": 200}, {"chunks": 5, "errors": 50}, 15.0),
        ({"max_bits": 8000, "target_errors": 200}, {"chunks": 5, "errors": 50}, 3.0),  # bits run out first
        ({"max_bits": 10**6, "relative_width": 0.2}, {"chunks": 5, "errors": 50}, 5 * (395 / 50 - 1)),
        ({"max_bits": 10**6, "relative_width": 0.2, "target_errors": 100}, {"chunks": 5, "errors": 50}, 5.0),
        ({"max_bits": 20_000, "target_errors": 200}, {"chunks": 5}, 15.0),  # at most
        ({"max_bits": 10**6, "target_errors": 200}, {"chunks": 5, "planned": 0.01}, 20.0),  # 200/0.01 bits
        ({"max_bits": 5000}, {"chunks": 5}, 0.0),
        ({"max_bits": 10**6, "target_errors": 20}, {"chunks": 5, "errors": 50}, 0.0),
    ],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_seconds_left_by_hand(rule, counted, expected, workers):
    found = state(StopRule(**rule), **{"seconds": 5.0, **counted})
    if expected:
        assert found.chunks == 5
    # A target that was reached on the way ended it there, and then nothing is left.
    assert seconds_left([found], workers) == pytest.approx(expected / workers)


def test_seconds_left_of_several_points():
    """A point that has not begun is taken to be as fast as the others are together."""
    rule = StopRule(max_bits=10_000)
    assert seconds_left([state(rule), state(rule)], 1) is None
    slow, fast = state(rule, chunks=5, seconds=10.0), state(rule, chunks=5, seconds=5.0)
    assert seconds_left([slow, fast], 1) == pytest.approx(15)
    assert seconds_left([slow, fast, state(rule)], 1) == pytest.approx(15 + 10_000 * 15 / 10_000)
    ended = state(rule, chunks=5, seconds=5.0)
    ended.end("time limit")
    assert seconds_left([slow, ended], 1) == pytest.approx(10)


def test_status_says_what_is_known():
    rule = StopRule(max_bits=10_000)
    states = [state(rule), state(rule)]
    progress = Progress(states, [states], rule)
    assert status(progress, 2) == "0 of 2 points, 0.00e+00 bits now"
    states = [state(rule, chunks=10, seconds=1e5), state(rule, chunks=5, seconds=5e4)]
    progress = Progress(states, [states], rule, bits=15_000, lost=3)
    progress.started -= 100
    said = status(progress, 1)
    assert re.fullmatch(
        r"1 of 2 points, 1\.50e\+04 bits now, 0\.00 Mbit/s, at most about 13\.9 h left, "
        r"3 chunks handed out again",
        said,
    )


def test_status_without_workers():
    rule = StopRule(max_bits=10_000)
    states = [state(rule, chunks=5, seconds=1.0)]
    progress = Progress(states, [states], rule)
    assert status(progress, 0) == "0 of 1 points, 0.00e+00 bits now, no workers: waiting"
    assert "left" in status(progress, 1)
    assert seconds_left(states, 0) is None


def test_points_behind_the_target_do_not_count():
    """Neither as points nor for the time left; those of a curve that still goes on do."""
    rule = StopRule(max_bits=10_000, target_rate=0.01)
    ended = [state(rule, 10, 10, 10.0), state(rule), state(rule, 10, 10, 10.0)]
    going = [state(rule, 500, 10, 10.0), state(rule, 10, 5, 5.0), state(rule)]
    progress = Progress([*ended, *going], [ended, going], rule)
    assert progress.needed() == [ended[0], *going]
    assert status(progress, 1).startswith("2 of 4 points, ")
    assert "at most about 15 s left" in status(progress, 1)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (91, "2 min"), (3600, "60 min"), (7200, "2.0 h")]
)
def test_durations(seconds, words):
    rule = StopRule(max_bits=2000)
    states = [state(rule, chunks=1, seconds=float(seconds) or 1e-6)]
    progress = Progress(states, [states], rule)
    assert f"at most about {words} left" in status(progress, 1)


def shown_on(target, bits=40_000):
    sweep, rule = sweep_of(MadeUp(0.05, 3.0, "here"), MadeUp(0.01, 6.0, "here")), StopRule(max_bits=bits)
    with shown(target, "A title", lambda: 1) as on_change:
        found = run(sweep, rule, alone(), on_change=on_change)
    assert outcome(found) == outcome(run(sweep, rule, alone()))
    return target.file.getvalue()


def test_short_sweeps_print_nothing_where_there_is_no_terminal():
    assert shown_on(Console(file=io.StringIO(), force_terminal=False)) == ""


def test_long_ones_print_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(live, "LINE_S", 0.0)
    lines = shown_on(Console(file=io.StringIO(), force_terminal=False, width=200)).splitlines()
    assert len(lines) == 80  # chunks
    assert all(re.match(r"[012] of 2 points, \d\.\d\de\+0\d bits now", line) for line in lines)
    assert lines[-1].startswith("2 of 2 points, 8.00e+04 bits now")


def test_a_terminal_gets_a_table(monkeypatch):
    monkeypatch.setattr(live, "REFRESH_S", 0.0)
    text = shown_on(Console(file=io.StringIO(), force_terminal=True, width=120))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    for word in (
        "A title",
        "here 3 dB",
        "here 6 dB",
        "95 % interval",
        "max bits",
        "bits now",
        "2 of 2 points",
    ):
        assert word in plain
    frames = plain.split("A title")[1:]
    assert len(frames) > 40
    assert "here 6 dB" not in frames[0]  # not begun


def test_quiet_means_quiet():
    target = Console(file=io.StringIO(), force_terminal=True, quiet=True)
    assert shown_on(target) == ""


def test_the_table_is_short_however_many_points(monkeypatch):
    monkeypatch.setattr(live, "REFRESH_S", 0.0)
    points = [MadeUp(0.05, float(number)) for number in range(60)]
    target = Console(file=io.StringIO(), force_terminal=True, width=120, height=60)
    with shown(target, "A title", lambda: 1) as on_change:
        run(sweep_of(*points), StopRule(max_bits=1000), alone(), on_change=on_change)
    for frame in target.file.getvalue().split("A title")[1:]:
        assert frame.count(" dB") <= live.MOST_ROWS + 3


def test_the_time_left_shrinks_to_nothing():
    """With chunks of equal length it is exact: what is missing over what is done, times the seconds."""
    seen = []

    def note(progress):
        point = progress.states[0]
        seen.append((point.chunks, point.seconds, seconds_left(progress.states, 1)))

    run_alone([MadeUp(0.01)], StopRule(max_bits=100_000), on_change=note)
    assert [chunks for chunks, *_ in seen] == list(range(1, 101))
    for chunks, seconds, left in seen:
        assert left == pytest.approx(seconds * (100 - chunks) / chunks)
