"""Voronoi cells in the plane: where each point of a constellation is the nearest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CLOSE = 24
_SHORTEST = 1e-12


@dataclass(frozen=True)
class Edges:
    """Edges of cells.

    An edge lies on the perpendicular bisector between the point of its cell and that of the neighbouring
    cell. Places on the bisector are counted from the middle between the points, to the left as seen from the
    point of the cell.

    Attributes:
        cell: [E] indices of points.
        neighbour: [E] indices of points.
        low: [E] first place of the edge, minus infinity if it has no end.
        high: [E] last place, plus infinity if it has no end.
    """

    cell: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    low: Array
    high: Array

    def where(self, chosen: NDArray[np.bool_]) -> "Edges":
        """Some of the edges; `chosen` is [E]."""
        return Edges(self.cell[chosen], self.neighbour[chosen], self.low[chosen], self.high[chosen])


def all_edges(points: NDArray[np.complex128]) -> Edges:
    """Edges of the cells of different points [M] ≥ 2; every edge comes twice, once for each of its cells."""
    cells, neighbours, lows, highs = [], [], [], []
    for cell in range(len(points)):
        offset = points - points[cell]
        # What the closest points leave over is checked against all; they exclude most neighbours cheaply.
        others = np.argsort(np.abs(offset))[1:]
        low, high = _bisector_limits(offset[others], offset[others[:_CLOSE]])
        candidates = others[high > low + _SHORTEST]
        low, high = _bisector_limits(offset[candidates], offset[others])
        keep = high > low + _SHORTEST
        cells.append(np.full(keep.sum(), cell))
        neighbours.append(candidates[keep])
        lows.append(low[keep])
        highs.append(high[keep])
    return Edges(*map(np.concatenate, (cells, neighbours, lows, highs)))


def _bisector_limits(other: NDArray[np.complex128], rival: NDArray[np.complex128]) -> tuple[Array, Array]:
    """First and last place on the bisector of 0 and each of `other` [n] where no `rival` [r] is closer."""
    direction = other / np.abs(other)
    # At place t no rival v is closer than 0 where t·across ≤ room.
    across = np.imag(direction.conj()[:, None] * rival)
    room = (np.abs(rival) ** 2 - np.real(other.conj()[:, None] * rival)) / 2
    itself = other[:, None] == rival
    with np.errstate(divide="ignore", invalid="ignore"):
        place = room / across
    high = np.where(~itself & (across > 0), place, np.inf).min(axis=1)
    low = np.where(~itself & (across < 0), place, -np.inf).max(axis=1)
    nowhere = (~itself & (across == 0) & (room < 0)).any(axis=1)
    return np.where(nowhere, np.inf, low), high
