"""Where polynomials, given by their values, are negative."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim.metrics.theory.quadrature import bracketed_root

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PolynomialBasis:
    """Polynomials on [0, 1] that are given by their values at nodes.

    Attributes:
        node: [order] the nodes.
        to_powers: [order, order] takes values at the nodes to coefficients, from the constant one up.
        sample: [s] places at which signs are looked up.
        to_samples: [s, order] takes values at the nodes to values there.
    """

    node: Array
    to_powers: Array
    sample: Array
    to_samples: Array

    def negative_intervals(self, at_nodes: Array) -> tuple[Indices, Array, Array, Array]:
        """Intervals of [0, 1] in which polynomials are negative.

        Args:
            at_nodes: [n, order] values at the nodes.

        Returns:
            for each interval the index of the polynomial, low end, high end, and coefficients [order]
        """
        powers, samples = at_nodes @ self.to_powers.T, at_nodes @ self.to_samples.T
        negative = np.pad(samples < 0, ((0, 0), (1, 1)))
        index, starts = np.nonzero(negative[:, 1:] & ~negative[:, :-1])
        _, ends = np.nonzero(~negative[:, 1:] & negative[:, :-1])
        powers, samples = powers[index], samples[index]
        return index, self._boundary(powers, samples, starts), self._boundary(powers, samples, ends), powers

    def _boundary(self, powers: Array, samples: Array, after: Indices) -> Array:
        """Root just before the sample `after`, or 0 or 1 where a sample is missing on one side."""
        inside = (after > 0) & (after < len(self.sample))
        root = np.where(after == 0, 0.0, 1.0)
        row, right = np.nonzero(inside)[0], after[inside]
        root[inside] = bracketed_root(
            lambda x: values(powers[row], x),
            self.sample[right - 1],
            self.sample[right],
            samples[row, right - 1],
            samples[row, right],
        )
        return root


@lru_cache
def polynomial_basis(order: int, samples: int) -> PolynomialBasis:
    """Polynomials of degree `order` - 1 by their values at Chebyshev nodes, looked up at equal steps."""
    node = (1 + np.cos(np.pi * (np.arange(order) + 0.5) / order)) / 2
    to_powers = np.linalg.inv(np.vander(node, order, increasing=True)).astype(np.float64)
    sample = np.linspace(0, 1, samples)
    return PolynomialBasis(node, to_powers, sample, np.vander(sample, order, increasing=True) @ to_powers)


def values(powers: Array, x: Array) -> Array:
    """Polynomials, coefficients [n, order] from the constant one up, at x [n] or [n, places]."""
    value = np.zeros_like(x)
    for coefficient in powers.T[::-1]:
        value = value * x + (coefficient if x.ndim == 1 else coefficient[:, None])
    return value
