"""Intervals over frames from sums alone."""

import doctest
import math

import numpy as np
import pytest
from helpers.strategies import reproducible
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from linksim.metrics import frames as module
from linksim.metrics.frames import METHODS, effective_trials, frame_proportion, proportion
from linksim.metrics.intervals import clopper_pearson, clustered_proportion, wilson

LEVELS = st.floats(0.5, 0.999)
SIZES = st.integers(1, 300)


@st.composite
def clusters(draw, least=1):
    """Errors of frames of equal size: most are right, as in practice, or anything."""
    size = draw(SIZES)
    some = st.one_of(st.just(0), st.integers(0, size), st.sampled_from([0, size]))
    return draw(st.lists(some, min_size=least, max_size=40)), size


def sums(errors, size):
    return len(errors), size, sum(errors), sum(e * e for e in errors)


def test_examples_in_the_docstrings():
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


@reproducible(200)
@given(given_clusters=clusters(), level=LEVELS)
def test_equal_to_the_interval_from_the_single_frames(given_clusters, level):
    errors, size = given_clusters
    _, *expected = clustered_proportion(errors, [size] * len(errors), level)
    assert frame_proportion(*sums(errors, size), level) == pytest.approx(expected, rel=1e-7, abs=1e-10)


@reproducible(100)
@given(given_clusters=clusters(least=2), level=LEVELS)
def test_the_effective_trials_by_hand(given_clusters, level):
    """Variance of the mean of the frames' rates, from the frames themselves, against p(1−p)/n."""
    errors, size = given_clusters
    assume(0 < sum(errors) < len(errors) * size)
    shares = np.array(errors) / size
    spread = shares.var(ddof=1) / len(shares)
    rate = shares.mean()
    expected = len(errors) * size if spread == 0 else min(len(errors) * size, rate * (1 - rate) / spread)
    assert effective_trials(*sums(errors, size)) == pytest.approx(expected, rel=1e-7)
    # The t correction alone stands between that and scipy's exact interval of so many trials.
    shrunk = expected * (stats.norm.ppf((1 + level) / 2) / stats.t.ppf((1 + level) / 2, len(errors) - 1)) ** 2
    tail, seen = (1 - level) / 2, rate * shrunk
    expected = stats.beta.ppf(tail, seen, shrunk - seen + 1), stats.beta.isf(tail, seen + 1, shrunk - seen)
    assert frame_proportion(*sums(errors, size), level) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@reproducible(100)
@given(given_clusters=clusters(least=2), level=LEVELS)
def test_the_wilson_interval_solves_its_equation(given_clusters, level):
    """Its ends are the rates whose own standard error puts them z away from what was seen."""
    errors, size = given_clusters
    assume(0 < sum(errors) < len(errors) * size)
    low, high = frame_proportion(*sums(errors, size), level, "wilson")
    rate = sum(errors) / (len(errors) * size)
    quantile = stats.norm.ppf((1 + level) / 2)
    student = stats.t.ppf((1 + level) / 2, len(errors) - 1)
    trials = effective_trials(*sums(errors, size)) * (quantile / student) ** 2
    assert 0 <= low < rate < high <= 1
    for end in (low, high):
        assert (rate - end) ** 2 == pytest.approx(quantile**2 * end * (1 - end) / trials, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_frames_of_one_trial_are_independent_trials(method):
    """Up to Student's t, which is the normal distribution for so many frames."""
    plain = {"wilson": wilson, "clopper-pearson": clopper_pearson}[method](300, 200_000)
    assert frame_proportion(200_000, 1, 300, 300, 0.95, method) == pytest.approx(plain, rel=1e-4)
    assert proportion(300, 200_000, 0.95, method) == plain


@pytest.mark.parametrize("method", METHODS)
@reproducible(100)
@given(given_clusters=clusters(least=2), level=LEVELS)
def test_errors_and_successes_are_mirror_images(method, given_clusters, level):
    errors, size = given_clusters
    low, high = frame_proportion(*sums(errors, size), level, method)
    right = [size - e for e in errors]
    assert frame_proportion(*sums(right, size), level, method) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    assert 0 <= low <= sum(errors) / (size * len(errors)) <= high <= 1


@pytest.mark.parametrize("method", METHODS)
def test_without_errors_frames_count_and_not_trials(method):
    low, high = frame_proportion(50, 1000, 0, 0, 0.95, method)
    assert (low, high) == proportion(0, 50, 0.95, method)
    assert frame_proportion(50, 8, 400, 3200, 0.95, method) == proportion(50, 50, 0.95, method)
    assert effective_trials(50, 1000, 0, 0) == 50


def test_one_frame_tells_nothing_about_the_spread():
    assert frame_proportion(1, 100, 3, 9) == (0.0, 1.0)
    assert effective_trials(1, 100, 3, 9) == 0


def test_an_intraclass_correlation_costs_its_design_effect():
    """Kish: with correlation ρ between the trials of a frame, n trials are worth n/(1 + (size − 1)ρ)."""
    generator = np.random.default_rng(8)
    size, frames, a, b = 50, 200_000, 0.5, 4.5
    errors = generator.binomial(size, generator.beta(a, b, frames))
    expected = frames * size / (1 + (size - 1) / (a + b + 1))
    found = effective_trials(frames, size, int(errors.sum()), int((errors**2).sum()))
    assert found == pytest.approx(expected, rel=0.02)  # standard error about 0.5 %


def test_wilson_covers_where_errors_come_in_bursts():
    generator = np.random.default_rng(21)
    in_error = generator.random((2000, 300)) < 0.2
    errors = np.where(in_error, generator.binomial(96, 0.3, in_error.shape), 0)
    ends = [frame_proportion(300, 96, int(e.sum()), int((e**2).sum()), 0.95, "wilson") for e in errors]
    covered = np.mean([low <= 0.06 <= high for low, high in ends])
    assert 0.935 <= covered <= 0.975  # four standard errors around 0.955


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 10, 0, 0), "frames=0"),
        ((4, 0, 0, 0), "size=0"),
        ((4, 10, 41, 500), "errors=41"),
        ((4, 10, -1, 1), "errors=-1"),
        ((4, 10, 8, 7), "squared_errors=7 cannot"),
        ((4, 10, 8, 15), "squared_errors=15 cannot"),  # below 8²/4
        ((4, 10, 8, 81), "squared_errors=81 cannot"),  # above 10·8
        ((4, 10, 0, 1), "squared_errors=1 cannot"),
        ((4, 10, 8, 40, 1.0), r"level=1\.0"),
        ((4, 10, 8, 40, math.nan), "level=nan"),
        ((1, 10, 8, 64, 0.0), r"level=0\.0"),
        ((4, 10, 0, 0, 95), "level=95"),
        ((4, 10, 8, 40, 0.95, "wald"), "method must be one of clopper-pearson, wilson, got 'wald'"),
        ((1, 10, 8, 64, 0.95, "wald"), "method must be one of"),
        ((4, 10, 0, 0, 0.95, "wald"), "method must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        frame_proportion(*arguments)
