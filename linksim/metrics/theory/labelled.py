"""Labelled points, whatever their shape."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from linksim.metrics.theory.voronoi import Edges, all_edges

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelledPoints:
    """Different points in the order of their MSB-first labels.

    Attributes:
        points: [2^m] complex, of unit mean energy.
    """

    points: NDArray[np.complex128]

    @cached_property
    def signs(self) -> Array:
        """[2^m, m]: +1 where a bit of the label is 0, -1 where it is 1."""
        label, bits = np.arange(len(self.points)), len(self.points).bit_length() - 1
        return np.where((label[:, None] >> np.arange(bits)[::-1]) & 1, -1.0, 1.0)

    @cached_property
    def edges(self) -> Edges:
        """Edges between the Voronoi cells of the points, each once from either side."""
        return all_edges(self.points)

    @cached_property
    def separation(self) -> float:
        """Least distance between two points."""
        return float(np.abs(self.points[self.edges.cell] - self.points[self.edges.neighbour]).min())
