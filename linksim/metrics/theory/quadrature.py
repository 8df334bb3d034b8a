"""Numerical tools on many intervals at once."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def enumerated(count: Indices) -> tuple[Indices, Indices]:
    """Owner and running number of `count[i]` ≥ 0 things that belong to each i."""
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)


def panels(low: Array, high: Array, width: float) -> tuple[Indices, Array, Array]:
    """Equal panels of at most `width` that make up the intervals [low, high], all [n].

    Returns:
        index of the interval, first place and width of each panel.
    """
    count = np.maximum(np.ceil((high - low) / width), 1).astype(np.int64)
    owner, number = enumerated(count)
    widths = ((high - low) / count)[owner]
    return owner, low[owner] + widths * number, widths


@lru_cache
def legendre_nodes(order: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss and Legendre on [0, 1]."""
    node, weight = np.polynomial.legendre.leggauss(order)
    return (1 + node) / 2, weight / 2


@lru_cache
def gathered_nodes(order: int) -> tuple[Array, Array]:
    """Nodes and weights on [0, 1], gathered at both ends.

    Gauss-Legendre nodes t behind t³·(10 - 15t + 6t²), whose first two derivatives vanish at the ends, so that
    functions with kinks near the ends are integrated well.
    """
    t, weight = legendre_nodes(order)
    return t**3 * (10 - 15 * t + 6 * t**2), weight * 30 * (t * (1 - t)) ** 2


def bracketed_root(
    function: Callable[[Array], Array], left: Array, right: Array, at_left: Array, at_right: Array
) -> Array:
    """Root between `left` and `right`, where the function has different signs; all [n].

    Three steps of false position. They suffice for short intervals and integrals whose integrand vanishes at
    the root, since these err with the square of the root's error.
    """
    for _ in range(3):
        middle = left - at_left * (right - left) / (at_right - at_left)
        value = function(middle)
        same = (value < 0) == (at_left < 0)
        left, at_left = np.where(same, middle, left), np.where(same, value, at_left)
        right, at_right = np.where(same, right, middle), np.where(same, at_right, value)
    return np.where(np.abs(at_left) < np.abs(at_right), left, right)
