import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from linksim.metrics import intervals
from linksim.metrics.intervals import clopper_pearson, clustered_proportion, newcombe_paired, ratio, wilson

LEVELS = st.floats(0.5, 0.999)


@st.composite
def counts(draw):
    trials = draw(st.integers(1, 2000))
    return draw(st.integers(0, trials)), trials


@st.composite
def frames(draw):
    trials = draw(st.lists(st.integers(1, 200), min_size=1, max_size=30))
    return [draw(st.integers(0, n)) for n in trials], trials


def test_examples_in_the_docstrings():
    results = doctest.testmod(intervals)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(("function", "method"), [(clopper_pearson, "exact"), (wilson, "wilson")])
@settings(deadline=None)
@given(counts=counts(), level=LEVELS)
def test_single_proportion_agrees_with_scipy(function, method, counts, level):
    expected = stats.binomtest(*counts).proportion_ci(level, method)
    assert function(*counts, level) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(counts=counts(), level=LEVELS)
def test_exact_interval_leaves_the_stated_tails(counts, level):
    successes, trials = counts
    low, high = clopper_pearson(successes, trials, level)
    tail = (1 - level) / 2
    if successes > 0:
        assert stats.binom.sf(successes - 1, trials, low) == pytest.approx(tail, rel=1e-6)
    if successes < trials:
        assert stats.binom.cdf(successes, trials, high) == pytest.approx(tail, rel=1e-6)


@pytest.mark.parametrize("function", [clopper_pearson, wilson])
def test_ends_are_exact_when_nothing_or_everything_succeeds(function):
    assert function(0, 0) == (0.0, 1.0)
    assert function(0, 50)[0] == 0.0
    assert function(50, 50)[1] == 1.0
    assert 0 < function(0, 50)[1] < 0.1
    assert 0.9 < function(50, 50)[0] < 1


@pytest.mark.parametrize(("probability", "trials"), [(0.02, 40), (0.1, 25), (0.5, 17), (0.93, 60)])
def test_exact_interval_covers_at_least_its_level(probability, trials):
    covered = 0.0
    for successes in range(trials + 1):
        low, high = clopper_pearson(successes, trials, 0.9)
        covered += stats.binom.pmf(successes, trials, probability) * (low <= probability <= high)
    assert 0.9 <= covered < 1


# Method 10 limits at 95 % given by Newcombe (1998), table III, in the order both, first only, second only,
# neither. The last row is what the R package contingencytables gives for the data of Cavo et al. (2012).
@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.0562, 0.3292),
        ((18, 12, 2, 18), 0.0562, 0.3290),
        ((36, 14, 0, 0), 0.1528, 0.4167),
        ((35, 14, 0, 1), 0.1461, 0.4175),
        ((18, 14, 0, 18), 0.1441, 0.3963),
        ((2, 97, 1, 0), 0.8721, 0.9854),
        ((0, 29, 1, 0), 0.6666, 0.9882),
        ((1, 98, 0, 1), 0.9171, 0.9916),
        ((0, 30, 0, 0), 0.8395, 1.0),
        ((54, 0, 0, 0), -0.0664, 0.0664),
        ((53, 0, 0, 1), -0.0729, 0.0729),
        ((27, 0, 0, 27), -0.0351, 0.0351),
        ((59, 6, 16, 80), -0.1186, -0.0046),
    ],
)
def test_newcombe_published_limits(table, low, high):
    difference, *interval = newcombe_paired(*table)
    assert difference == pytest.approx((table[1] - table[2]) / sum(table))
    assert interval == pytest.approx([low, high], abs=6e-5)


@settings(deadline=None)
@given(table=st.tuples(*[st.integers(0, 300)] * 4).filter(any), level=LEVELS)
def test_newcombe_laws(table, level):
    both, first_only, second_only, neither = table
    difference, low, high = newcombe_paired(*table, level)
    assert -1 <= low <= difference <= high <= 1
    assert high - low > 1e-6
    swapped = newcombe_paired(both, second_only, first_only, neither, level)
    assert swapped == pytest.approx((-difference, -high, -low), abs=1e-12)
    # what the first alone gets right is what the second alone gets wrong
    failures = newcombe_paired(neither, first_only, second_only, both, level)
    assert failures == pytest.approx((difference, low, high), abs=1e-9)


def test_newcombe_is_shorter_when_the_two_agree():
    _, low, high = newcombe_paired(800, 50, 30, 120)
    _, low_apart, high_apart = newcombe_paired(706, 144, 124, 26)
    assert high - low < 0.6 * (high_apart - low_apart)


def test_newcombe_covers_at_its_level():
    generator = np.random.default_rng(20)
    cells = np.array([0.7, 0.12, 0.05, 0.13])
    tables = generator.multinomial(150, cells, size=4000)
    ends = np.array([newcombe_paired(*map(int, table), level=0.9)[1:] for table in tables])
    covered = ((ends[:, 0] <= 0.07) & (ends[:, 1] >= 0.07)).mean()
    assert covered == pytest.approx(0.9, abs=0.02)


def test_ratio_by_hand():
    # value 6/12 and residuals ±1 over 3 clusters: variance (2 · 3/2) / 12², 97.5 % Student quantile 4.302653
    value, low, high = ratio([1, 2, 3], [4, 4, 4])
    assert value == 0.5
    half_width = 4.302653 * math.sqrt(3) / 12
    assert (low, high) == pytest.approx((0.5 - half_width, 0.5 + half_width), rel=1e-6)


@settings(deadline=None)
@given(
    values=st.lists(st.integers(-50, 50), min_size=2, max_size=40).filter(lambda v: len(set(v)) > 1),
    level=LEVELS,
)
def test_ratio_with_equal_denominators_is_the_student_interval_of_a_mean(values, level):
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(level)
    value, low, high = ratio(values, np.ones(len(values)), level)
    assert value == pytest.approx(np.mean(values), abs=1e-12)
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)


def test_one_cluster_tells_nothing_about_the_spread():
    assert ratio([3], [4]) == (0.75, -math.inf, math.inf)
    assert clustered_proportion([3], [4]) == (0.75, 0.0, 1.0)


@settings(deadline=None)
@given(frames=frames(), level=LEVELS)
def test_clustered_proportion_laws(frames, level):
    errors, trials = frames
    value, low, high = clustered_proportion(errors, trials, level)
    assert value == pytest.approx(sum(errors) / sum(trials))
    assert 0 <= low <= value <= high <= 1
    complement = clustered_proportion(np.subtract(trials, errors), trials, level)
    assert complement == pytest.approx((1 - value, 1 - high, 1 - low), abs=1e-9)


def test_no_errors_is_bounded_by_the_number_of_frames_not_of_bits():
    assert clustered_proportion([0] * 20, [1000] * 20) == (0.0, 0.0, clopper_pearson(0, 20)[1])
    assert clustered_proportion([8] * 20, [8] * 20) == (1.0, clopper_pearson(20, 20)[0], 1.0)


def test_clustered_proportion_covers_where_errors_come_in_bursts():
    generator = np.random.default_rng(21)
    in_error = generator.random((3000, 300)) < 0.2
    errors = np.where(in_error, generator.binomial(96, 0.3, in_error.shape), 0)
    trials = np.full(300, 96)
    results = np.array([clustered_proportion(row, trials) for row in errors])
    covered = ((results[:, 1] <= 0.06) & (results[:, 2] >= 0.06)).mean()
    assert 0.94 <= covered <= 0.98
    # taking every bit for an independent trial would claim far too much
    bits = np.array([clopper_pearson(int(row.sum()), 300 * 96) for row in errors[:300]])
    assert ((bits[:, 0] <= 0.06) & (bits[:, 1] >= 0.06)).mean() < 0.6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clopper_pearson(-1, 4), r"successes=-1 is negative"),
        (lambda: clopper_pearson(5, 4), r"successes=5 exceeds trials=4"),
        (lambda: wilson(2.5, 4), r"successes=2\.5 is not a whole number"),
        (lambda: wilson(2, 4, level=95), r"level=95 must lie between 0 and 1"),
        (lambda: clopper_pearson(2, 4, level=math.nan), r"level=nan"),
        (lambda: newcombe_paired(1, 2, -3, 4), r"second_only=-3 is negative"),
        (lambda: newcombe_paired(0, 0, 0, 0), r"all 0"),
        (lambda: newcombe_paired(1, 2, 3, 4, level=0), r"level=0 must"),
        (lambda: ratio([], []), r"numerators has shape \(0,\)"),
        (lambda: ratio([[1, 2]], [[1, 2]]), r"numerators has shape \(1, 2\)"),
        (lambda: ratio([1, 2], [1]), r"numerators has 2 clusters and denominators has 1"),
        (lambda: ratio([1, math.nan], [1, 1]), r"numerators holds a value that is not finite"),
        (lambda: ratio([1, 1], [2, -1]), r"denominators holds -1"),
        (lambda: ratio([1, 1], [0, 0]), r"denominators sum to 0"),
        (lambda: ratio([1, 1], [1, 1], level=1), r"level=1 must"),
        (lambda: clustered_proportion([1, -1], [4, 4]), r"errors must hold whole numbers"),
        (lambda: clustered_proportion([1, 0.5], [4, 4]), r"errors must hold whole numbers"),
        (lambda: clustered_proportion([1, 5], [4, 4]), r"errors\[1\]=5 exceeds trials\[1\]=4"),
        (lambda: clustered_proportion([1, 0], [4, 0]), r"trials holds 0"),
        (lambda: clustered_proportion([1], [4, 4]), r"errors has 1 clusters and trials has 2"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
