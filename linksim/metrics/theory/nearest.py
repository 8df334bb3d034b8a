"""Error rate of decisions for the nearest point, for any labelled points over any fading."""

import numpy as np
from numpy.typing import NDArray

from linksim.metrics.theory.fading import wedge_probability
from linksim.metrics.theory.labelled import LabelledPoints

Array = NDArray[np.float64]


def nearest_error_rate(labelled: LabelledPoints, snr: float, k: float) -> float:
    """Bit error rate of decisions for the nearest point.

    Along a ray from the sent point the decision changes where the ray passes from one Voronoi cell to the
    next. So the error rate is a sum over the edges of all cells: of the probability that noise passes the
    edge (`wedge_probability`), times the number of wrong bits on its far side less that on its near side.

    Args:
        labelled: the points.
        snr: mean Es/N0, a ratio.
        k: K-factor of the fading.
    """
    edges = labelled.edges
    edges = edges.where(edges.cell < edges.neighbour)
    near, far = labelled.points[edges.cell], labelled.points[edges.neighbour]
    forward = (far - near) / np.abs(far - near)
    total = 0.0
    for point, signs in zip(labelled.points, labelled.signs, strict=True):
        wrong = (labelled.signs != signs).mean(axis=1)
        view = (point - (near + far) / 2) * forward.conj()
        distance, place = view.real, view.imag
        step = wrong[edges.neighbour] - wrong[edges.cell]
        step = np.where(distance > 0, -step, step)
        total += _sum_over_pieces(step, np.abs(distance), edges.low - place, edges.high - place, snr, k)
    return total / len(labelled.points)


def _sum_over_pieces(step: Array, distance: Array, low: Array, high: Array, snr: float, k: float) -> float:
    """Weighted probabilities of noise passing pieces of lines that reach from `low` to `high`, all [n].

    Places are counted from the foot of the perpendicular. A piece with the foot inside is cut there.
    """
    left, right = np.arctan2(low, distance), np.arctan2(high, distance)
    start = np.concatenate([np.maximum(left, 0), np.maximum(-right, 0)])
    end = np.concatenate([np.maximum(right, 0), np.maximum(-left, 0)])
    step, distance = np.tile(step, 2), np.tile(distance, 2)
    keep = (end > start) & (step != 0)
    rate = snr * distance[keep] ** 2
    return float(step[keep] @ wedge_probability(rate, start[keep], end[keep], k))
