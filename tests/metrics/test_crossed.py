import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from linksim.metrics import crossed
from linksim.metrics.crossed import crossed_mean, holm

TABLES = arrays(
    np.float64, st.tuples(st.integers(2, 6), st.integers(2, 8)), elements=st.integers(-20, 20).map(float)
)


def test_examples_in_the_docstrings():
    results = doctest.testmod(crossed)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("spreads", [(1, 0.05, 0.1), (0.02, 1, 0.1), (0.3, 0.3, 0.3), (0, 0, 1)])
def test_intervals_cover_the_mean_of_all_rows_and_columns(spreads):
    """Of 1,500 tables of 5 rows; chance fails this once in 1,000 times."""
    generator = np.random.default_rng(3)
    rows, columns, covered, trials = 5, 60, 0, 1500
    of_row, of_column, of_rest = spreads
    for _ in range(trials):
        table = 0.7 + generator.normal(0, 1, (rows, columns)) * of_rest * columns**0.5
        table += generator.normal(0, 1, (rows, 1)) * of_row
        table += generator.normal(0, 1, (1, columns)) * of_column * (columns / rows) ** 0.5
        one = crossed_mean(table)
        covered += one.low <= 0.7 <= one.high
    # Satterthwaite's formula is an approximation; that it may cover 94 % is known of it.
    assert stats.binomtest(covered, trials, 0.94, alternative="less").pvalue > 1e-3
    assert covered < trials


def test_rows_without_a_spread_of_columns_are_students_interval():
    means = np.array([0.3, 0.7, 0.2, 0.9])
    one = crossed_mean(np.repeat(means[:, None], 50, axis=1))
    expected = stats.t.interval(0.95, 3, means.mean(), stats.sem(means))
    assert (one.low, one.high) == pytest.approx(expected)
    assert one.p_value == pytest.approx(stats.ttest_1samp(means, 0).pvalue)


@settings(deadline=None)
@given(table=TABLES, shift=st.integers(-5, 5), factor=st.integers(1, 9))
def test_shift_scale_and_order(table, shift, factor):
    one, moved = crossed_mean(table), crossed_mean(factor * table + shift)
    assert moved.value == pytest.approx(factor * one.value + shift)
    assert moved.half_width == pytest.approx(factor * one.half_width, abs=1e-6)
    assert crossed_mean(table.T).half_width == pytest.approx(one.half_width, abs=1e-9)
    assert crossed_mean(table[::-1, ::-1]).half_width == pytest.approx(one.half_width, abs=1e-9)


@settings(deadline=None)
@given(table=TABLES)
def test_never_shorter_than_what_rows_or_columns_say(table):
    error = crossed_mean(table).error
    for axis in (0, 1):
        means = table.mean(axis)
        assert error >= means.std(ddof=1) / len(means) ** 0.5 - 1e-12


@pytest.mark.parametrize(
    ("values", "level"),
    [([[1.0, 2.0]], 0.95), ([1.0, 2.0], 0.95), ([[1.0, np.nan], [1.0, 2.0]], 0.95), (np.eye(3), 1.0)],
)
def test_refusals(values, level):
    with pytest.raises(ValueError, match=r"values must|level="):
        crossed_mean(values, level)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_step_by_step(p_values):
    """Holm's rule as he states it: from the smallest on, until one is above its share of the level."""
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.2):
        order = np.argsort(p_values, kind="stable")
        rejected = set()
        for step, place in enumerate(order):
            if p_values[place] * (len(p_values) - step) > level:
                break
            rejected.add(int(place))
        assert {place for place in range(len(p_values)) if adjusted[place] <= level} == rejected
