"""What decisions for the most probable bits gain over those for the nearest point, without fading."""

import math

import numpy as np
from numpy.typing import NDArray

from linksim.metrics.theory.cell import Cell, cell_of
from linksim.metrics.theory.labelled import LabelledPoints
from linksim.metrics.theory.polynomials import polynomial_basis, values
from linksim.metrics.theory.quadrature import legendre_nodes, panels
from linksim.metrics.theory.rays import Rays, sweep

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_NEGLIGIBLE = 1e-8
_ORDER = 10
_INTERVAL_ORDER = 8
_SAMPLES = 20
_CHUNK = 2_000_000


def most_probable_gain(labelled: LabelledPoints, snr: float, nearest: float) -> float:
    """Bit error rate of decisions for the nearest point less that of decisions for the most probable bits.

    Where in the Voronoi cell of a point the points with the other value of a bit have the greater density,
    the decision is to be changed, which gains the difference of the densities, over M. It is integrated along
    rays from the point, between the places where its sign changes.

    Args:
        labelled: the points.
        snr: Es/N0, a ratio.
        nearest: bit error rate of decisions for the nearest point.

    Returns:
        the gain, at least 0; its error is below 1e-5 of `nearest`, and mostly below 1e-6.
    """
    count = len(labelled.points)
    if count == 2 or nearest == 0 or _third_point_is_negligible(labelled, snr, nearest):
        return 0.0
    # Farther from a point than this, at most M/2 densities below its own are left to be gained.
    radius = math.sqrt(math.log(count / _NEGLIGIBLE) - math.log(nearest))
    cells = (cell_of(labelled, index, snr) for index in range(count))
    return sum(_cell_gain(cell, radius) for cell in cells) / count


def _third_point_is_negligible(labelled: LabelledPoints, snr: float, nearest: float) -> bool:
    # Where a decision is changed, the nearest point on the other side weighs less than the point of the cell,
    # so what is gained is at most the density of further points. Of three points in a disc two are at most √3
    # radii apart, so the third nearest point is at least 1/√3 of the least separation away.
    return -snr * labelled.separation**2 / 3 < math.log(_NEGLIGIBLE) + math.log(nearest)


def _cell_gain(cell: Cell, radius: float) -> float:
    """Gain, a mean over the bits, if the cell's point were the only one to be sent."""
    rays = sweep(cell, radius)
    # Along a ray the logarithm of the likelihood of each other point, relative to that of the cell's, is
    # linear from -offset² to at most 0. So M - 1 points cannot outweigh the cell's point before `start`.
    closest = np.sort(np.abs(cell.offset))[1] ** 2
    start = rays.length * max(0.0, 1 - math.log(len(cell.offset) - 1) / closest)
    ray, first, width = panels(start, rays.length, cell.resolution)
    # Nor can they within a panel where those with the other value of a bit, each taken at that end of the
    # panel where it has more, do not.
    likelihoods = [cell.likelihoods(rays.direction[ray] * place) for place in (first, first + width)]
    others = np.maximum(*likelihoods) @ (cell.signs < 0)
    can_gain = (others > 1).any(axis=1)
    ray, first, width = ray[can_gain], first[can_gain], width[can_gain]
    chunks = math.ceil(len(ray) * _ORDER * cell.signs.size / _CHUNK)
    parts = np.array_split(np.arange(len(ray)), max(chunks, 1))
    return sum(_panel_gain(cell, rays, ray[part], first[part], width[part]) for part in parts)


def _panel_gain(cell: Cell, rays: Rays, ray: Indices, first: Array, width: Array) -> float:
    """Part of the gain in panels of rays, on each of which the balance is taken for a polynomial."""
    bits = cell.signs.shape[1]
    polynomials = polynomial_basis(_ORDER, _SAMPLES)
    distance = first[:, None] + width[:, None] * polynomials.node
    place = rays.direction[ray, None] * distance
    balance = cell.balance(place.ravel()).reshape(len(ray), _ORDER, bits)
    panel, bit = np.nonzero((polynomials.to_samples @ balance < 0).any(axis=1))
    interval, low, high, powers = polynomials.negative_intervals(balance[panel, :, bit])
    panel = panel[interval]

    node, weight = legendre_nodes(_INTERVAL_ORDER)
    x = low[:, None] + (high - low)[:, None] * node
    distance = first[panel, None] + width[panel, None] * x
    # of a complex normal density: exp(-r²)/π times r for the polar coordinates
    integrand = -values(powers, x) * distance * np.exp(-(distance**2)) / np.pi
    measure = (high - low) * width[panel] * rays.weight[ray[panel]]
    return float(integrand @ weight @ measure) / bits
