"""The unbiased rate against enumeration, exact fractions and a published formula."""

import doctest
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from helpers.strategies import reproducible
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from linksim.metrics import sequential
from linksim.metrics.sequential import unbiased_rate


def outcomes(chunks, target, p):
    """All ways to end: errors, last chunk, trials, probability. Enumerated chunk by chunk, exactly."""
    going = {0: 1.0}
    trials = 0
    for number, size in enumerate(chunks):
        trials += size
        weights = [math.comb(size, e) * p**e * (1 - p) ** (size - e) for e in range(size + 1)]
        after = {}
        for (errors, probability), (more, weight) in itertools.product(going.items(), enumerate(weights)):
            after[errors + more] = after.get(errors + more, 0.0) + probability * weight
        last = number == len(chunks) - 1
        for errors, probability in after.items():
            if errors >= target or last:
                yield errors, size, trials, probability
        going = {errors: probability for errors, probability in after.items() if errors < target}


def mean(chunks, target, p, estimate):
    return sum(
        probability * estimate(errors, last, trials)
        for errors, last, trials, probability in outcomes(chunks, target, p)
    )


def exact(errors, last, trials, target):
    """Blackwell's mean by exact integers."""
    before = trials - last
    weights = {
        e: math.comb(before, e) * math.comb(last, errors - e)
        for e in range(max(0, errors - last), min(target - 1, before) + 1)
    }
    return Fraction(sum(e * w for e, w in weights.items()), before * sum(weights.values()))


def test_examples_in_the_docstrings():
    results = doctest.testmod(sequential)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("p", [0.001, 0.03, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("target", [1, 2, 5, 11])
@pytest.mark.parametrize("chunks", [(1,) * 30, (4,) * 12, (7, 7, 7, 3), (3,), (20, 20)], ids=str)
def test_the_mean_is_the_rate_exactly(chunks, target, p):
    """Over everything that can happen, the cap on the trials and a short last chunk included."""
    total = sum(probability for *_, probability in outcomes(chunks, target, p))
    assert total == pytest.approx(1, abs=1e-12)
    found = mean(chunks, target, p, lambda errors, last, trials: unbiased_rate(errors, last, trials, target))
    assert found == pytest.approx(p, abs=1e-9)


@reproducible(60)
@given(
    chunks=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    target=st.integers(1, 15),
    p=st.floats(1e-4, 0.999),
)
def test_the_mean_is_the_rate_whatever_the_chunks(chunks, target, p):
    found = mean(chunks, target, p, lambda errors, last, trials: unbiased_rate(errors, last, trials, target))
    assert found == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("target", [5, 10, 20])
def test_the_plain_rate_is_too_high_by_one_over_the_target(target):
    """With chunks of one trial and no cap to speak of."""
    p, trials = 0.05, 2000
    plain = mean((1,) * trials, target, p, lambda errors, last, n: errors / n)
    assert 0.8 / target < plain / p - 1 < 1.6 / target
    unbiased = mean((1,) * trials, target, p, lambda errors, last, n: unbiased_rate(errors, last, n, target))
    assert unbiased == pytest.approx(p, abs=1e-9)


@reproducible(200)
@given(target=st.integers(2, 2000), more=st.integers(0, 10**7))
def test_haldanes_formula(target, more):
    """J. B. S. Haldane, Biometrika 33:222, 1945: (k − 1)/(n − 1) for chunks of one trial."""
    trials = target + more
    found = unbiased_rate(target, 1, trials, target)
    assert found == pytest.approx((target - 1) / (trials - 1), rel=1e-6)


@reproducible(200)
@given(data=st.data())
def test_against_exact_integers(data):
    before, last = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 400))
    errors = data.draw(st.integers(1, before + last))
    target = data.draw(st.integers(1, errors))
    assume(max(0, errors - last) <= min(target - 1, before))
    found = unbiased_rate(errors, last, before + last, target)
    assert found == pytest.approx(float(exact(errors, last, before + last, target)), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("errors", "last", "trials", "target"),
    [
        (105, 240_000, 100_000_000, 100),
        (1003, 240_000, 9_840_000, 1000),
        (139, 240_000, 480_000, 100),
        (20, 240_000, 10**9, 20),
    ],
)
def test_large_numbers_are_accurate(errors, last, trials, target):
    found = unbiased_rate(errors, last, trials, target)
    assert math.isfinite(found)
    assert found == pytest.approx(float(exact(errors, last, trials, target)), rel=1e-6)
    assert 0.9 * (target - 1) / trials < found < errors / trials


@reproducible(200)
@given(data=st.data())
def test_it_lies_among_the_possible_rates_of_the_chunks_before(data):
    last, chunks = data.draw(st.integers(1, 10**6)), data.draw(st.integers(2, 1000))
    target = data.draw(st.integers(1, 500))
    errors = target + data.draw(st.integers(0, last - 1))
    assume(errors - last <= target - 1 and errors <= last * chunks)
    found = unbiased_rate(errors, last, last * chunks, target)
    before = last * (chunks - 1)
    assert max(0, errors - last) / before <= found * (1 + 1e-9) + 1e-300
    assert found <= min(target - 1, before) / before * (1 + 1e-9)


def test_the_plain_rate_where_stopping_did_not_choose():
    assert unbiased_rate(30, 100, 400, None) == 30 / 400
    assert unbiased_rate(30, 100, 400, 31) == 30 / 400  # the cap ended it
    assert unbiased_rate(30, 400, 400, 10) == 30 / 400  # there was one chunk
    assert unbiased_rate(0, 1, 1, 5) == 0


def test_by_simulation_with_chunks_as_large_as_the_target():
    """The sweeps' own case: binomial chunks of mean 0.8·target; a z test at a level of 1 in 10,000."""
    generator = np.random.default_rng(3)
    target, last, p = 50, 2000, 0.02
    found, plain = [], []
    for _ in range(4000):
        errors = trials = 0
        while errors < target:
            errors, trials = errors + int(generator.binomial(last, p)), trials + last
        found.append(unbiased_rate(errors, last, trials, target))
        plain.append(errors / trials)
    limit = stats.norm.isf(0.5e-4) * np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - p) < limit
    assert abs(np.mean(plain) - p) > limit  # the test could tell


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 1, 10, 5), "errors=-1"),
        ((11, 1, 10, 5), "errors=11"),
        ((5, 0, 10, 5), "last_trials=0"),
        ((5, 11, 10, 5), "last_trials=11"),
        ((9, 1, 10, 5), "9 errors in 10 trials, 5 were reached before the last chunk"),
        ((10, 4, 10, 5), "before the last chunk"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        unbiased_rate(*arguments)
