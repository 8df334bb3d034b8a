"""The line between fixed modes: the best that switching at random reaches, against other ways to find it."""

import numpy as np
import pytest
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

from linksim_benchmarks.modes.hull import time_sharing


@st.composite
def situations(draw):
    """Symbols and accuracies of modes, some of them equal, and a mean number of symbols."""
    count = draw(st.integers(1, 6))
    symbols = np.array(draw(st.lists(st.integers(2, 40), min_size=count, max_size=count)), float)
    accuracy = np.array(draw(st.lists(st.integers(0, 100), min_size=count, max_size=count))) / 100
    share = draw(st.floats(0, 1.2))
    return symbols, accuracy, symbols.min() + share * (symbols.max() - symbols.min())


@reproducible(150)
@given(case=situations())
def test_against_linear_programming(case):
    """The largest mean accuracy over all shares, not of two modes only, at no more than these symbols."""
    symbols, accuracy, wanted = case
    shares = time_sharing(symbols, accuracy, wanted)
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    assert np.count_nonzero(shares) <= 2
    assert shares @ symbols <= wanted + 1e-6
    ones = np.ones((1, len(symbols)))
    best = linprog(-accuracy, A_ub=symbols[None], b_ub=[wanted + 1e-9], A_eq=ones, b_eq=[1.0])
    assert best.success
    assert shares @ accuracy == pytest.approx(-best.fun, abs=1e-6)


@reproducible(100)
@given(seed=st.integers(0, 2**31))
def test_against_the_convex_hull(seed):
    """The upper side of the hull of the points and of all that is worse than they are."""
    source = np.random.default_rng(seed)
    symbols, accuracy = source.uniform(5, 50, 6), source.uniform(0, 1, 6)
    corners = [(symbols.max() + 1, accuracy[symbols.argmax()] - 1), (symbols.min(), -1.0)]
    best = [(symbols.max() + 1, accuracy.max()), *corners]
    points = np.array([*zip(symbols, accuracy, strict=True), *best])
    wanted = source.uniform(symbols.min(), symbols.max())
    facets = ConvexHull(points).equations  # n·x + c <= 0 inside
    upper = facets[facets[:, 1] > 1e-9]
    height = (-(upper[:, 0] * wanted + upper[:, 2]) / upper[:, 1]).min()
    shares = time_sharing(symbols, accuracy, wanted)
    assert shares @ accuracy == pytest.approx(height, abs=1e-9)


@reproducible(100)
@given(case=situations())
def test_more_symbols_are_never_worse(case):
    symbols, accuracy, wanted = case
    values = [time_sharing(symbols, accuracy, one) @ accuracy for one in (wanted, wanted + 1, wanted + 9)]
    assert values == sorted(values)
    assert values[-1] <= accuracy.max() + 1e-12


def test_by_hand():
    symbols, accuracy = np.array([10.0, 20.0, 30.0]), np.array([0.5, 0.6, 0.9])
    np.testing.assert_allclose(time_sharing(symbols, accuracy, 20.0), [0.5, 0, 0.5])
    np.testing.assert_allclose(time_sharing(symbols, accuracy, 10.0), [1, 0, 0])
    np.testing.assert_allclose(time_sharing(symbols, accuracy, 99.0), [0, 0, 1])
    np.testing.assert_allclose(time_sharing(symbols, 1 - accuracy, 25.0), [1, 0, 0])
