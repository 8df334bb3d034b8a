"""Error rate of any labelled points over any fading."""

import math
from functools import lru_cache

import numpy as np

from linksim.metrics.theory.fading import GainTable
from linksim.metrics.theory.labelled import LabelledPoints
from linksim.metrics.theory.most_probable import most_probable_gain
from linksim.metrics.theory.nearest import nearest_error_rate

_FIRST_EDGE = 0.5
_PANELS_PER_OCTAVE = 2
_ORDER = 10
_NEGLIGIBLE = 1e-8


@lru_cache(maxsize=4096)
def nearest_rate(labelled: LabelledPoints, snr: float, k: float) -> float:
    """Error rate of decisions for the nearest point at mean Es/N0 `snr`, a ratio, and K-factor `k`."""
    return nearest_error_rate(labelled, snr, k)


@lru_cache(maxsize=4096)
def most_probable_rate(labelled: LabelledPoints, snr: float, k: float) -> float:
    """Error rate of decisions for the most probable value, arguments as for `nearest_rate`."""
    nearest = nearest_rate(labelled, snr, k)
    if math.isinf(k):
        return nearest - most_probable_gain(labelled, snr, nearest)
    return nearest - _gain_table(labelled).mean(math.sqrt(snr), k)


@lru_cache(maxsize=64)
def _gain_table(labelled: LabelledPoints) -> GainTable:
    """What most probable decisions gain without fading, against √(Es/N0)."""

    def gain(amplitude: float) -> float:
        return most_probable_gain(labelled, amplitude**2, nearest_rate(labelled, amplitude**2, math.inf))

    # Once the signal is strong enough for every point the gain falls much faster than the error rate. Two
    # amplitudes in a row tell that from a gain that happens to be small.
    last, negligible = 1.0, 0
    while negligible < 2:
        last *= 2
        small = gain(last) <= _NEGLIGIBLE * nearest_rate(labelled, last**2, math.inf)
        negligible = negligible + 1 if small else 0
    panels = round(_PANELS_PER_OCTAVE * math.log2(last / 2 / _FIRST_EDGE))
    edges = _FIRST_EDGE * 2 ** (np.arange(panels + 1) / _PANELS_PER_OCTAVE)
    return GainTable(gain, np.concatenate([[0.0], edges]), _ORDER)
