"""Rayleigh fading that is correlated in time."""

import numpy as np
from numpy.typing import NDArray

from linksim import checks

Gains = NDArray[np.complex128]


class CorrelatedFading:
    """Complex gains of unit mean power, one a slot: h[t] = ρ·h[t−1] + √(1 − ρ²)·w[t], w of unit variance.

    A first-order autoregressive process; |h|² is exponential in every slot (Rayleigh fading), and the gains
    of slots that lie n apart have the correlation ρⁿ. Clarke's model at Doppler frequency f and slot length T
    has J₀(2πfT) between neighbours, so that ρ = 0.99 is fT ≈ 0.032 (Baddour and Beaulieu, IEEE Trans.
    Wireless Commun. 4:1650, 2005, on autoregressive models of fading).

    Args:
        correlation: ρ, from 0 (every slot for itself) to 1 (one gain for the whole episode).

    Raises:
        TypeError, ValueError: if that is not a number from 0 to 1.
    """

    def __init__(self, correlation: float) -> None:
        self.correlation = checks.real("correlation", correlation, least=0, most=1)
        self._new = (1 - self.correlation**2) ** 0.5

    def next(self, gain: Gains, innovation: Gains) -> Gains:
        """The gains of the next slot from those of this one and complex Gaussians of unit variance."""
        return self.correlation * gain + self._new * innovation
