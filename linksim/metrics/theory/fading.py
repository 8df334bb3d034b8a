"""Averages over the power of a fading gain that the receiver knows.

The gain h has unit mean power and is Rician with K-factor `k` (Simon and Alouini, Digital Communication over
Fading Channels, section 2.2.1.2): 0 is Rayleigh fading, infinity no fading at all. Only |h|² matters for a
bit error rate, so fading may be constant over a frame or new for every symbol.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

_STEP = 0.04
# Deep fades decide at high SNR, however rare, so the average starts where exp(-x²) leaves the floats.
_LOWEST, _HIGHEST = -26.5, 6.5
_PANEL = 0.5
_PANEL_ORDER = 12


def mean_exponential(rate: Array, k: float) -> Array:
    """Mean of exp(-rate·|h|²), the moment generating function of the power; `rate` of any shape."""
    if math.isinf(k):
        return np.exp(-rate)
    return (1 + k) / (1 + k + rate) * np.exp(-rate * (k / (1 + k + rate)))


def wedge_probability(rate: Array, start: Array, end: Array, k: float) -> Array:
    """Probability that noise passes a piece of a line, averaged over fading: Craig's integral.

    The noise is complex normal. From where it starts, the line is at a distance d, and the piece is seen
    under the angles from `start` to `end`, counted from the perpendicular. The probability is 1/2π times the
    integral of the mean of exp(-rate·|h|²/cos²), where `rate` is d²/N0 (Craig, MILCOM 1991).

    Args:
        rate: [n].
        start: [n] angles from 0.
        end: [n] angles from `start` to π/2.
        k: K-factor.

    Returns:
        [n], with a relative error below 1e-8.
    """
    # What varies on a scale much shorter than the piece does so at its ends: the peak at the perpendicular
    # for large rates, the approach of the right angle for small ones. Double exponential nodes resolve both
    # (Takahasi and Mori, Publ. RIMS 9(3):721, 1974).
    stretched = np.pi * np.sinh(_STEP * np.arange(-80, 81))
    node = special.expit(stretched)
    weight = _STEP * np.sqrt(np.pi**2 + stretched**2) * node * (1 - node)
    span = end - start
    cosine = np.cos(start[:, None] + span[:, None] * node)
    rates = rate[:, None] / cosine**2  # the cosine of the float nearest to π/2 is 6e-17
    return span / (2 * np.pi) * (mean_exponential(rates, k) @ weight)


def half_plane_probability(rate: Array, k: float) -> Array:
    """Probability that noise passes a whole line: the mean of erfc(√(rate·|h|²))/2, `rate` being [n]."""
    if math.isinf(k):
        return special.erfc(np.sqrt(rate)) / 2
    if k == 0:
        # (1 - √(rate/(1 + rate)))/2, in a form that does not cancel
        return 1 / (2 * (1 + rate) * (1 + np.sqrt(rate / (1 + rate))))
    return 2 * wedge_probability(rate, np.zeros_like(rate), np.full_like(rate, np.pi / 2), k)


class GainTable:
    """A function of the amplitude that is zero from some amplitude on, tabulated for averages over fading.

    Attributes:
        nodes: [panels·order] amplitudes.
        values: [panels·order] values of the function there.
        weights: [panels·order] weights of an integral over the amplitude.

    Args:
        function: what to tabulate.
        edges: [panels + 1] ends of the panels on which it is nearly a polynomial, ascending from 0.
        order: Gauss-Legendre nodes per panel.
    """

    def __init__(self, function: Callable[[float], float], edges: Array, order: int) -> None:
        self._edges, self._order = edges, order
        node, weight = np.polynomial.legendre.leggauss(order)
        half = np.diff(edges)[:, None] / 2
        self.nodes = (edges[:-1, None] + half * (1 + node)).ravel()
        self.weights = (half * weight).ravel()
        self.values = np.array([function(amplitude) for amplitude in self.nodes.tolist()])
        # Legendre coefficients of each panel, exact for polynomials of degree order - 1
        degree = np.arange(order)
        to_series = (degree[:, None] + 0.5) * np.polynomial.legendre.legvander(node, order - 1).T * weight
        self._series = self.values.reshape(-1, order) @ to_series.T

    def __call__(self, amplitude: Array) -> Array:
        """The function at amplitudes [n] ≥ 0, interpolated."""
        panel = np.searchsorted(self._edges, amplitude, side="right") - 1
        inside = panel < len(self._edges) - 1
        panel = np.where(inside, panel, 0)
        low, high = self._edges[panel], self._edges[panel + 1]
        place = np.where(inside, (2 * amplitude - low - high) / (high - low), 0)
        powers = np.polynomial.legendre.legvander(place, self._order - 1)
        return np.where(inside, (powers * self._series[panel]).sum(axis=1), 0)

    def mean(self, amplitude: float, k: float) -> float:
        """Mean of the function of amplitude·|h| over fading with a finite K-factor."""
        # y = √(1 + K)·|h| is distributed about √K with a deviation near 1/√2
        centre, scale = math.sqrt(k), amplitude / math.sqrt(1 + k)
        low = centre + max(_LOWEST, -centre)
        high = min(centre + _HIGHEST, self._edges[-1] / scale)
        if high <= low:
            return 0.0
        kinks = self._edges / scale
        kinks = kinks[(kinks > low) & (kinks < high)]
        panels = np.linspace(low, high, math.ceil((high - low) / _PANEL) + 1)
        ends = np.union1d(panels, kinks)
        node, weight = np.polynomial.legendre.leggauss(_PANEL_ORDER)
        half = np.diff(ends)[:, None] / 2
        y = (ends[:-1, None] + half * (1 + node)).ravel()
        density = 2 * y * np.exp(-((y - centre) ** 2)) * special.i0e(2 * centre * y)
        return float((half * weight).ravel() @ (density * self(scale * y)))
