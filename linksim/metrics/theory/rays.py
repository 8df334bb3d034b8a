"""Rays that sweep a Voronoi cell from its point, placed so that integrals over the cell are accurate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.metrics.theory.cell import Cell
from linksim.metrics.theory.quadrature import bracketed_root, gathered_nodes, panels

Array = NDArray[np.float64]
Plane = NDArray[np.complex128]
Indices = NDArray[np.int64]

_SAMPLE_STEP = 0.2
_EDGE_PANELS, _EDGE_ORDER = 2, 12
_ARC_PANEL, _ARC_ORDER = 1.6, 48


@dataclass(frozen=True, eq=False)
class Rays:
    """Directions from the point of a cell.

    Attributes:
        direction: [R] complex of modulus 1.
        length: [R] to the border of the cell, or of the disc to which it is confined.
        weight: [R] weights of an integral over the angle.
    """

    direction: Plane
    length: Array
    weight: Array


@dataclass(frozen=True, eq=False)
class _Borders:
    """Pieces of edges: foot of the perpendicular from the cell's point, direction, first and last place."""

    foot: Plane
    left: Plane
    low: Array
    high: Array

    def at(self, piece: Indices, place: Array) -> Plane:
        return self.foot[piece] + place * self.left[piece]


def sweep(cell: Cell, radius: float) -> Rays:
    """Rays through the part of a cell that lies within `radius` of its point.

    The rays end at nodes along the edges, and where the cell reaches beyond the radius at nodes on the
    circle. Along an edge integrals over the ray have kinks where a most probable bit changes; the nodes are
    gathered there.
    """
    foot = cell.neighbour / 2
    reach = np.sqrt(np.maximum(radius**2 - np.abs(foot) ** 2, 0))
    low, high = np.maximum(cell.low, -reach), np.minimum(cell.high, reach)
    near = high > low
    borders = _Borders(foot[near], 1j * foot[near] / np.abs(foot[near]), low[near], high[near])
    piece, place, weight = _edge_nodes(cell, borders)
    tip = borders.at(piece, place)
    length = np.abs(tip)
    arc, arc_weight = _arc_nodes(borders)
    return Rays(
        np.concatenate([tip / length, np.exp(1j * arc)]),
        np.concatenate([length, np.full(len(arc), radius)]),
        # A step along the edge is seen under this angle.
        np.concatenate([weight * np.abs(borders.foot[piece]) / length**2, arc_weight]),
    )


def _edge_nodes(cell: Cell, borders: _Borders) -> tuple[Indices, Array, Array]:
    """Index of the border, place and weight of each node."""
    border, low, high = _between_changes(cell, borders)
    stretch, first, width = panels(low, high, cell.resolution / _EDGE_PANELS)
    node, weight = gathered_nodes(_EDGE_ORDER)
    place, weights = first[:, None] + width[:, None] * node, width[:, None] * weight
    return np.repeat(border[stretch], _EDGE_ORDER), place.ravel(), weights.ravel()


def _between_changes(cell: Cell, borders: _Borders) -> tuple[Indices, Array, Array]:
    """Stretches of borders on which no most probable bit changes: border, first and last place."""
    border, start, _ = panels(borders.low, borders.high, _SAMPLE_STEP)
    every = np.arange(len(borders.low))
    border, place = np.concatenate([border, every]), np.concatenate([start, borders.high])
    order = np.lexsort((place, border))
    border, place = border[order], place[order]
    balance = cell.balance(borders.at(border, place))
    same_border = border[1:] == border[:-1]
    sample, bit = np.nonzero(((balance[1:] < 0) != (balance[:-1] < 0)) & same_border[:, None])

    def function(at: Array) -> Array:
        return cell.balance(borders.at(border[sample], at))[np.arange(len(sample)), bit]

    ends = place[sample], place[sample + 1], balance[sample, bit], balance[sample + 1, bit]
    changes = bracketed_root(function, *ends)
    border = np.concatenate([every, every, border[sample]])
    place = np.concatenate([borders.low, borders.high, changes])
    order = np.lexsort((place, border))
    border, place = border[order], place[order]
    stretch = (border[1:] == border[:-1]) & (place[1:] > place[:-1])
    return border[:-1][stretch], place[:-1][stretch], place[1:][stretch]


def _arc_nodes(borders: _Borders) -> tuple[Array, Array]:
    """Angles and weights of nodes on the circle, in the directions that no border covers."""
    distance = np.abs(borders.foot)
    below, above = np.arctan2(borders.low, distance), np.arctan2(borders.high, distance)
    start = np.mod(np.angle(borders.foot) + below, 2 * np.pi)
    order = np.argsort(start)
    start, end = start[order], (start + above - below)[order]
    following = np.append(start[1:], start[:1] + 2 * np.pi)
    open_arc = following > end + 1e-9
    _, first, span = panels(end[open_arc], following[open_arc], _ARC_PANEL)
    node, weight = gathered_nodes(_ARC_ORDER)
    return (first[:, None] + span[:, None] * node).ravel(), (span[:, None] * weight).ravel()
