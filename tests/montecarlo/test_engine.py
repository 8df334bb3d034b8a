"""What a sweep counts depends on the sweep and the rule, and on nothing else."""

import math
from dataclasses import replace

import pytest
from helpers.strategies import reproducible
from helpers.sweeps import MadeUp, alone, outcome, run_alone, simulated, sweep_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from linksim.provenance import configuration_hash
from linksim.seeds import stream
from linksim_benchmarks.montecarlo.chunk import count_chunk, versions
from linksim_benchmarks.montecarlo.engine import run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store

SEEDS = st.integers(0, 10**6)


@st.composite
def sweeps(draw):
    """Curves of a few points, with a rule that stops them now and then in the middle."""
    points = []
    for number in range(draw(st.integers(1, 2))):
        clustered = draw(st.booleans())
        rates = sorted(
            draw(st.lists(st.sampled_from([0.1, 0.03, 0.01, 0.003, 0.0]), min_size=1, max_size=4))
        )[::-1]
        for snr_db, rate in enumerate(rates):
            one = MadeUp(rate, float(snr_db), str(number), planned=draw(st.sampled_from([None, rate])))
            points.append(replace(one, frame_rate=max(0.2, rate)) if clustered and rate else one)
    rule = StopRule(
        max_bits=draw(st.integers(1, 40_000)),
        target_errors=draw(st.none() | st.integers(1, 200)),
        relative_width=draw(st.none() | st.sampled_from([0.3, 0.6, 1.5])),
        target_rate=draw(st.none() | st.sampled_from([0.02, 0.005])),
    )
    return sweep_of(*points, seed=draw(SEEDS)), rule


@reproducible(120)
@given(given_sweep=sweeps(), order=SEEDS)
def test_the_result_does_not_depend_on_who_is_first(given_sweep, order):
    sweep, rule = given_sweep
    expected = run(sweep, rule, alone())
    with simulated(order) as workers:
        found = run(sweep, rule, workers)
    assert outcome(found) == outcome(expected)
    assert found.bits >= expected.bits > 0


@reproducible(80)
@given(given_sweep=sweeps(), order=SEEDS, all_at_once=st.booleans())
def test_nor_on_workers_that_are_lost(given_sweep, order, all_at_once):
    sweep, rule = given_sweep
    with simulated(order, 0.2, all_at_once) as workers:
        found = run(sweep, rule, workers)
    assert outcome(found) == outcome(run(sweep, rule, alone()))


def narrow(tally, width):
    """By the exact interval of a Poisson mean, with 100 errors or more."""
    errors = math.floor(tally.effective_errors)
    low, high = stats.chi2.ppf(0.025, 2 * errors) / 2, stats.chi2.ppf(0.975, 2 * errors + 2) / 2
    return tally.errors >= 100 and high - low <= width * errors


@reproducible(100)
@given(given_sweep=sweeps(), order=SEEDS)
def test_what_stopped_each_point(given_sweep, order):
    """The rule by hand, on a tally of one chunk after the other."""
    sweep, rule = given_sweep
    with simulated(order) as workers:
        found = {state.key: state for state in run(sweep, rule, workers).results}
    curve = None
    for point, key, name in zip(sweep.points, sweep.keys, sweep.curves, strict=True):
        if name != curve:
            curve, ended = name, False
        assert (key not in found) == ended  # points that are never run are absent
        if ended:
            continue
        state, tally, chunk, reason = found[key], point.tally(), 0, None
        while reason is None:
            frames = point.size(chunk, rule.max_bits)
            assert frames > 0
            tally.add(point.count(chunk, frames, stream(sweep.seed, "sweep", key, chunk)))
            chunk += 1
            if rule.target_errors is not None and tally.errors >= rule.target_errors:
                reason = "target errors"
            elif rule.relative_width is not None and narrow(tally, rule.relative_width):
                reason = "relative width"
            elif tally.bits >= rule.max_bits:
                reason = "max bits"
        assert (state.chunks, state.reason, state.tally.sums) == (chunk, reason, tally.sums)
        assert state.bits < rule.max_bits + point.bits_per_frame
        ended = rule.target_rate is not None and tally.rate <= rule.target_rate


@pytest.mark.parametrize("max_bits", [1, 99, 100, 101, 999, 1000, 1001, 54_321])
@pytest.mark.parametrize("order", range(3))
def test_bits_are_never_exceeded_by_a_frame(max_bits, order):
    with simulated(order) as workers:
        state = run(sweep_of(MadeUp(0.01)), StopRule(max_bits=max_bits), workers).results[0]
    assert max_bits <= state.bits < max_bits + 100
    assert state.tally.sums["hard"].bit_errors <= state.bits


def test_a_curve_ends_in_the_order_given():
    """At the first point at the target, though later ones are above it; other curves go on."""
    rates = [0.1, 0.03, 0.05, 0.001]
    points = [MadeUp(rate, snr, name) for name in "ab" for snr, rate in enumerate(rates)]
    points[4] = replace(points[4], rate=0.001)
    rule = StopRule(max_bits=20_000, target_rate=0.04)
    for order in range(10):
        with simulated(order) as workers:
            progress = run(sweep_of(*points), rule, workers)
        assert [state.work for state in progress.results] == [points[0], points[1], points[4]]
        assert all(state.tally.frames == 0 for state in progress.states if state not in progress.results)


def test_what_is_counted_in_vain_is_neither_taken_nor_stored(tmp_path):
    """Many workers count chunks that the rule turns out not to need."""
    point, rule = MadeUp(0.02, chunk_frames=1, planned=0.0001), StopRule(max_bits=10**7, target_errors=30)
    sweep, vain = sweep_of(point), 0
    for order in range(10):
        with simulated(order) as workers, Store.create(tmp_path / f"{order}", {}) as store:
            progress = run(sweep, rule, workers, store)
            state = progress.results[0]
            rows = [(chunk, frames) for _, chunk, frames, *_ in store.rows()]
        assert rows == [(number, 1) for number in range(state.chunks)]
        assert not state.waiting
        vain += progress.bits > state.bits
    assert vain >= 3


def test_streams_depend_on_seed_content_and_chunk_alone(tmp_path):
    point, others = MadeUp(0.05), [MadeUp(0.05, snr) for snr in (1.0, 2.0)]

    def counted(name, points, seed=0, **rule):
        with Store.create(tmp_path / name, {}) as store:
            run_alone(points, StopRule(**{"max_bits": 20_000, **rule}), seed, store=store)
            rows = list(store.rows(configuration_hash(point.content())))
        return {chunk: counts["hard"] for _, chunk, _, counts, _ in rows}

    reference = counted("reference", [point])
    assert len(reference) == 20
    assert len({str(counts) for counts in reference.values()}) > 10
    assert counted("others", [*others, point]) == reference
    assert counted("order", [point, *others]) == reference
    assert counted("paths", [replace(point, paths=("soft", "hard"))]) == reference
    assert counted("planned", [replace(point, planned=0.5)]) == reference
    short = counted("short", [point], target_errors=300)
    assert 1 < len(short) < 10
    assert short.items() <= reference.items()
    assert counted("seed", [point], 1) != reference
    with Store.create(tmp_path / "content", {}) as store:
        run_alone(others[:1], StopRule(max_bits=20_000), store=store)
        assert [counts["hard"] for _, _, _, counts, _ in store.rows()] != list(reference.values())


def test_the_stream_is_named_by_hand():
    """Reproducible with the public function of seeds, as documented."""
    point = MadeUp(0.05)
    key = configuration_hash(point.content())
    found, _ = count_chunk(point, key, 3, 10, 7, versions())
    assert found == point.count(3, 10, stream(7, "sweep", key, 3))
    assert found != point.count(3, 10, stream(7, "sweep", key, 2))


def test_a_point_given_twice_is_refused():
    points = [MadeUp(0.1), MadeUp(0.2), replace(MadeUp(0.1), paths=("soft",))]
    with pytest.raises(ValueError, match=r"given twice: .*'rate': 0\.1"):
        run_alone(points, StopRule(max_bits=100))
