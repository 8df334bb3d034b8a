"""A Voronoi cell as seen from its point."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from linksim.metrics.theory.labelled import LabelledPoints

Array = NDArray[np.float64]
Plane = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Cell:
    """Where one point is the nearest, with lengths in units of √N0.

    Attributes:
        offset: [M] points relative to that of the cell.
        signs: [M, m] +1 where a bit of the point is that of the cell's point, -1 where it is not.
        neighbour: [E] offsets of the neighbours.
        low: [E] first place of the edge to each of them, as in `voronoi.Edges`.
        high: [E] last place.
    """

    offset: Plane
    signs: Array
    neighbour: Plane
    low: Array
    high: Array

    @cached_property
    def resolution(self) -> float:
        """Length on which likelihoods are nearly polynomials: they change by exp(2·offset·length)."""
        return float(np.clip(5 / np.abs(self.offset).max(), 1, 2.5))

    def likelihoods(self, place: Plane) -> Array:
        """Likelihoods of all points in units of that of the cell's point.

        Args:
            place: [n] in the cell, relative to its point.

        Returns:
            [n, M], at most 1.
        """
        energy = self.offset.real**2 + self.offset.imag**2
        # |place|² - |place - offset|²
        exponent = np.stack([2 * place.real, 2 * place.imag, np.ones(len(place))], axis=1) @ np.stack(
            [self.offset.real, self.offset.imag, -energy]
        )
        # No point is closer than that of the cell, but for rounding.
        np.minimum(exponent, 0, out=exponent)
        return np.exp(exponent, out=exponent)

    def balance(self, place: Plane) -> Array:
        """Likelihood of all points that share a bit with the cell's, less that of all others.

        Where it is negative, the most probable value of the bit is not that of the nearest point.

        Args:
            place: [n] as for `likelihoods`.

        Returns:
            [n, m].
        """
        return self.likelihoods(place) @ self.signs


def cell_of(labelled: LabelledPoints, index: int, snr: float) -> Cell:
    """The cell of a point at Es/N0 `snr`, a ratio."""
    scale = math.sqrt(snr)
    offset = scale * (labelled.points - labelled.points[index])
    edges = labelled.edges.where(labelled.edges.cell == index)
    return Cell(
        offset,
        labelled.signs * labelled.signs[index],
        offset[edges.neighbour],
        scale * edges.low,
        scale * edges.high,
    )
