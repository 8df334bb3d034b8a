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
from linksim.metrics.clusters import exact_ends
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


def interval(errors, size, level=0.95, method="clopper-pearson"):
    """As a tally calls it that knows all."""
    full = sum(e == size for e in errors)
    return frame_proportion(*sums(errors, size), sum(e > 0 for e in errors), level, method, full_frames=full)


def test_examples_in_the_docstrings():
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


@reproducible(200)
@given(given_clusters=clusters(), level=LEVELS)
def test_equal_to_the_interval_from_the_single_frames(given_clusters, level):
    errors, size = given_clusters
    _, *expected = clustered_proportion(errors, [size] * len(errors), level)
    assert interval(errors, size, level) == pytest.approx(expected, rel=1e-7, abs=1e-10)


@reproducible(100)
@given(given_clusters=clusters(least=2), level=LEVELS, method=st.sampled_from(METHODS))
def test_the_interval_by_hand(given_clusters, level, method):
    """Variance of the mean of the frames' rates, from the frames themselves, against p(1−p)/n, and t."""
    errors, size = given_clusters
    frames = len(errors)
    assume(0 < sum(errors) < frames * size)
    shares = np.array(errors) / size
    spread = shares.var(ddof=1) / frames
    rate = shares.mean()
    expected = frames * size if spread == 0 else min(frames * size, rate * (1 - rate) / spread)
    assert effective_trials(*sums(errors, size)) == pytest.approx(expected, rel=1e-7)

    carried = min(part.sum() ** 2 / (part**2).sum() for part in (shares, 1 - shares))
    upper, tail = (1 + level) / 2, (1 - level) / 2
    low, high = interval(errors, size, level, method)
    least, most = proportion(int((shares > 0).sum()), frames, level, method)
    right_least, right_most = proportion(int((shares < 1).sum()), frames, level, method)
    bounds = max(least / size, 1 - right_most), min(most, 1 - right_least / size)
    assume(carried > 1.1)
    shrunk = expected * (stats.norm.ppf(upper) / stats.t.ppf(upper, carried - 1)) ** 2
    seen = rate * shrunk
    if method == "wilson":
        # Its ends are the rates whose own standard error puts them z away from what was seen.
        square = stats.norm.ppf(upper) ** 2
        ends = np.roots([1 + square / shrunk, -2 * rate - square / shrunk, rate * rate])
        ends = sorted(ends.real)
    else:
        ends = stats.beta.ppf(tail, seen, shrunk - seen + 1), stats.beta.isf(tail, seen + 1, shrunk - seen)
    expected = max(ends[0], bounds[0]), min(ends[1], bounds[1])
    assert (low, high) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@reproducible(100)
@given(frames=st.integers(2, 1000), share=st.floats(0, 1), level=LEVELS, method=st.sampled_from(METHODS))
def test_frames_of_one_trial_are_independent_trials(frames, share, level, method):
    errors = round(share * frames)
    plain = proportion(errors, frames, level, method)
    assert plain == {"wilson": wilson, "clopper-pearson": clopper_pearson}[method](errors, frames, level)
    assert frame_proportion(frames, 1, errors, errors, errors, level, method) == pytest.approx(plain)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_independent_trials_with_many_errors_in_a_frame_are_independent_trials(method, rate):
    """On average; the spread that a sample shows is larger or smaller by chance."""
    errors = np.random.default_rng(5).binomial(10_000, rate, (200, 100))
    widths = [np.subtract(*interval(row.tolist(), 10_000, 0.95, method)) for row in errors]
    plain = [np.subtract(*proportion(int(row.sum()), 1_000_000, 0.95, method)) for row in errors]
    assert 1 <= np.mean(widths) / np.mean(plain) <= 1.1


def test_with_many_wrong_frames_little_but_their_spread_matters():
    """The interval is the plain one of so many effective trials: Student's t is the normal distribution."""
    generator = np.random.default_rng(6)
    errors = np.where(generator.random(40_000) < 0.2, generator.binomial(96, 0.3, 40_000), 0).tolist()
    trials = effective_trials(*sums(errors, 96))
    plain = exact_ends(sum(errors) / (40_000 * 96) * trials, trials, 0.025)
    assert interval(errors, 96) == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
@reproducible(100)
@given(given_clusters=clusters(least=2), level=LEVELS)
def test_errors_and_successes_are_mirror_images(method, given_clusters, level):
    errors, size = given_clusters
    low, high = interval(errors, size, level, method)
    assert interval([size - e for e in errors], size, level, method) == pytest.approx(
        (1 - high, 1 - low), abs=1e-9
    )


@pytest.mark.parametrize("method", METHODS)
@reproducible(150)
@given(given_clusters=clusters(), level=LEVELS)
def test_bounds(method, given_clusters, level):
    """Around the rate, in what the frame error rate allows, within that at a higher level; what is known of
    full frames only narrows it."""
    errors, size = given_clusters
    low, high = interval(errors, size, level, method)
    rate, wrong = sum(errors) / (size * len(errors)), sum(e > 0 for e in errors)
    assert 0 <= low <= rate <= high <= 1
    if len(errors) > 1 and wrong > 0:
        least, most = proportion(wrong, len(errors), level, method)
        assert least / size <= low * (1 + 1e-9)
        assert high <= most * (1 + 1e-9)
    wider = interval(errors, size, (1 + level) / 2, method)
    assert wider[0] <= low * (1 + 1e-9)
    assert wider[1] >= high * (1 - 1e-9)
    unknown = frame_proportion(*sums(errors, size), wrong, level, method)
    assert unknown[0] <= low
    assert unknown[1] >= high


@reproducible(100)
@given(given_clusters=clusters(least=2))
def test_the_same_frames_again_narrow_it(given_clusters):
    errors, size = given_clusters
    low, high = interval(errors, size)
    twice_low, twice_high = interval(errors * 2, size)
    assert low <= twice_low * (1 + 1e-9)
    assert twice_high <= high * (1 + 1e-9)


@reproducible(100)
@given(size=SIZES, errors=st.integers(1, 300), frames=st.integers(2, 10_000))
def test_a_single_wrong_frame_bounds_the_rate_by_the_frame_error_rate(size, errors, frames):
    assume(errors <= size)
    least, most = proportion(1, frames)
    found = frame_proportion(frames, size, errors, errors**2, 1)
    assert found == pytest.approx((least / size, most))


@pytest.mark.parametrize("method", METHODS)
def test_without_errors_frames_count_and_not_trials(method):
    low, high = frame_proportion(50, 1000, 0, 0, 0, 0.95, method)
    assert (low, high) == proportion(0, 50, 0.95, method)
    assert frame_proportion(50, 8, 400, 3200, 50, 0.95, method) == proportion(50, 50, 0.95, method)
    assert effective_trials(50, 1000, 0, 0) == 50


def test_one_frame_tells_nothing_about_the_spread():
    assert frame_proportion(1, 100, 3, 9, 1) == (0.0, 1.0)
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
    ends = [interval(e.tolist(), 96, 0.95, "wilson") for e in errors]
    covered = np.mean([low <= 0.06 <= high for low, high in ends])
    assert 0.935 <= covered <= 0.975  # four standard errors around 0.955


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 10, 0, 0, 0), "frames=0"),
        ((4, 0, 0, 0, 0), "size=0"),
        ((4, 10, 41, 500, 4), "errors=41"),
        ((4, 10, -1, 1, 1), "errors=-1"),
        ((4, 10, 8, 7, 4), "squared_errors=7 cannot"),
        ((4, 10, 8, 15, 4), "squared_errors=15 cannot"),  # below 8²/4
        ((4, 10, 8, 81, 4), "squared_errors=81 cannot"),  # above 10·8
        ((4, 10, 0, 1, 0), "squared_errors=1 cannot"),
        ((40, 10, 8, 7, 4), "squared_errors=7 cannot"),  # below 8
        ((4, 10, 8, 40, 0), "wrong_frames=0 of 4 cannot"),
        ((4, 10, 8, 40, 1), "wrong_frames=1 of 4 cannot"),  # 8² > 40
        ((4, 10, 8, 40, 5), "wrong_frames=5 of 4 cannot"),
        ((4, 10, 2, 2, 3), "wrong_frames=3 of 4 cannot"),
        ((4, 10, 0, 0, 1), "wrong_frames=1 of 4 cannot"),
        ((4, 10, 8, 40, 2, 1.0), r"level=1\.0"),
        ((4, 10, 8, 40, 2, math.nan), "level=nan"),
        ((1, 10, 8, 64, 1, 0.0), r"level=0\.0"),
        ((4, 10, 0, 0, 0, 95), "level=95"),
        ((4, 10, 8, 40, 2, 0.95, "wald"), "method must be one of clopper-pearson, wilson, got 'wald'"),
        ((1, 10, 8, 64, 1, 0.95, "wald"), "method must be one of"),
        ((4, 10, 0, 0, 0, 0.95, "wald"), "method must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        frame_proportion(*arguments)


@pytest.mark.parametrize("full", [-1, 1, 2, 3])
def test_a_refused_number_of_full_frames(full):
    """Two wrong frames with 8 errors of 10 cannot be full, nor three of two."""
    with pytest.raises(ValueError, match=f"full_frames={full} of wrong_frames=2"):
        frame_proportion(4, 10, 8, 40, 2, full_frames=full)
    assert frame_proportion(4, 10, 8, 40, 2, full_frames=0) == frame_proportion(4, 10, 8, 40, 2)
