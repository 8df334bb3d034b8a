"""Averages of functions of the LLR of a bit, for equally probable bits and a receiver that knows the gain."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from linksim import checks
from linksim.channel_options import WITH_THEORY
from linksim.config import MODULATIONS
from linksim.metrics.theory.arguments import nearest_only, rice_factor, signal_to_noise
from linksim.metrics.theory.custom import flat_points
from linksim.metrics.theory.quadrature import legendre_nodes

Array = NDArray[np.float64]
Plane = NDArray[np.complex128]

_RADIUS = 3.5
"""In units of √N0; noise exceeds it with probability exp(-3.5²) = 5e-6."""
_WORK = {1: 5e4, 2: 2e6}
"""Likelihoods per integral to aim at, by dimensions."""
_STEPS = {1: (1 / 64, 1 / 8), 2: (1 / 16, 3 / 4)}
"""Least and largest step of the lattice in units of √N0, by dimensions."""
_CHUNK = 250_000
_AMPLITUDES = 1e-5, 1e5
_FADING_REACH = 4.0
_MOST_DIRECTIONS = 32
_UNDERFLOW = 1e-290


@dataclass(frozen=True)
class BitFunction:
    """A function of the LLR of a bit, to be averaged. It must not change if the bit is inverted.

    Attributes:
        value: takes [n] LLRs as the demapper gives them and [n] exact LLRs, ln P(b=1)/P(b=0), and returns the
            [n] expected values, given what was received.
        saturates: whether the mean has limits at low and high SNR; else it is taken for a power of the
            amplitude there.
        fading_order: nodes of averages over fading.
    """

    value: Callable[[Array, Array], Array]
    saturates: bool
    fading_order: int


def mean_over_bits(
    function: BitFunction,
    bits_per_symbol: int,
    snr_db: float,
    *,
    modulation: str,
    constellation: ArrayLike | None,
    channel: str,
    rician_k: float,
    demapper: str,
) -> float:
    """Mean of a function of the LLRs over all bits of a symbol, summed over a lattice and over fading.

    With the received value r in units of √N0 and the points x·√(Es/N0) it is the integral

        1/m · Σ_b ∫ p(r)·f(L_b(r)) dr,   p(r) = 1/M · Σ_x exp(-|r - x|²)/π,
        L_b(r) = ln Σ_{x: b=1} exp(-|r - x|²) - ln Σ_{x: b=0} exp(-|r - x|²)

    with max for ln Σ exp where `demapper="maxlog"`. Over fading it is averaged over the Rician distribution
    of |h| (Simon and Alouini, Digital Communication over Fading Channels, section 2.2.1.2), so block and fast
    fading have the same value.

    Args:
        function: f.
        bits_per_symbol: m; 2, 4, 6, 8 or 10 for QAM, 1 to 6 for PSK, 1 to 10 for points of one's own.
        snr_db: Es/N0 in dB, from -300 to 300; over fading its mean over the gains.
        modulation: "qam", "psk" or "custom"; the last goes with `constellation` and is implied by it.
        constellation: [2^m] complex numbers in the order of their MSB-first labels, normalised here to unit
            mean energy.
        channel: "awgn", "rayleigh", "rayleigh-fast", "rician" or "rician-fast", or with BPSK (psk and m = 1)
            "bsc".
        rician_k: K-factor of Rician fading, from 0 to 1e6; other channels ignore it.
        demapper: "app" or "maxlog".

    Raises:
        TypeError: a number has the wrong type.
        ValueError: a name is unknown, a number is out of range, or two arguments do not go together.
    """
    checks.one_of("modulation", modulation, MODULATIONS)
    checks.one_of("channel", channel, WITH_THEORY)
    if constellation is not None:
        modulation = "custom"
    bits = checks.bits_per_symbol(bits_per_symbol, modulation)
    snr, maxlog = signal_to_noise(snr_db), nearest_only(demapper)
    if channel == "bsc":
        if (modulation, bits) != ("psk", 1):
            raise ValueError(
                "channel 'bsc' carries the bits of BPSK: give modulation='psk' and bits_per_symbol=1, got "
                f"{modulation!r} and {bits}"
            )
        amplitude = math.sqrt(2 * snr)
        # ln((1 - p)/p) with p = Q(√(2·Es/N0))
        llr = np.atleast_1d(special.log_ndtr(amplitude) - special.log_ndtr(-amplitude))
        return float(function.value(llr, llr)[0])
    k = rice_factor(channel.removesuffix("-fast"), rician_k)
    return _mean(function, _points(modulation, bits, constellation).tobytes(), math.sqrt(snr), k, maxlog)


def _points(modulation: str, bits: int, constellation: ArrayLike | None) -> Plane:
    """Points by label; of QAM only those of one dimension, since the other has the same LLRs."""
    if modulation == "qam":
        return _pam_points(bits // 2)
    if modulation == "psk":
        position = np.arange(2**bits)
        points = np.empty(2**bits, dtype=np.complex128)
        points[position ^ (position >> 1)] = np.exp(2j * np.pi * position / 2**bits)
        return points
    if constellation is None:
        raise ValueError("modulation 'custom' needs the points: give constellation=points")
    points = flat_points(constellation)
    if len(points) != 2**bits:
        raise ValueError(f"bits_per_symbol={bits} takes {2**bits} points, got {len(points)}")
    largest = np.abs(points).max()
    if largest == 0:
        raise ValueError("points must not all be zero")
    points = points / largest  # so that no square overflows
    return np.asarray(points / np.sqrt(np.mean(np.abs(points) ** 2)), dtype=np.complex128)


def _pam_points(bits: int) -> Plane:
    """One dimension of square QAM of unit energy, by label (3GPP TS 38.211, section 5.1)."""
    label = np.arange(2**bits)
    value = np.zeros(2**bits)
    for bit in range(bits):  # from the least significant
        value = (1 - 2.0 * ((label >> bit) & 1)) * (2.0**bit - value)
    return (value * math.sqrt(3 / (2 * (4**bits - 1)))).astype(np.complex128)


@lru_cache(maxsize=4096)
def _mean(function: BitFunction, raw: bytes, amplitude: float, k: float, maxlog: bool) -> float:
    """Mean at √(mean Es/N0) and K-factor `k`; `raw` holds the points."""
    points = _turned(raw)
    if math.isinf(k):
        return _without_fading(function, points, amplitude, maxlog)
    # y = √(1 + K)·|h| is distributed about √K with a deviation near 1/√2. The mean is a smooth function of
    # the amplitude, so few nodes suffice.
    centre = math.sqrt(k)
    low, high = max(0.0, centre - _FADING_REACH), centre + _FADING_REACH
    node, weight = legendre_nodes(function.fading_order)
    y = low + (high - low) * node
    density = (high - low) * weight * 2 * y * np.exp(-((y - centre) ** 2)) * special.i0e(2 * centre * y)
    at = (y / math.sqrt(1 + k)).tolist()
    values = [_without_fading(function, points, amplitude * gain, maxlog) for gain in at]
    return float(density @ values)


@lru_cache(maxsize=64)
def _turned(raw: bytes) -> Plane:
    """The points turned so that a lattice along the axes suits them; on the real axis if they are in line.

    Along lines where an LLR changes its sign |LLR| has a kink. A lattice sum errs by up to a sixth of its
    squared step there if the line runs along the lattice, half that along its diagonals, and by next to
    nothing if it runs askew.
    """
    points = np.frombuffer(raw, dtype=np.complex128)
    points = points - points.mean()  # which no LLR depends on
    far = points[np.abs(points).argmax()]
    if far == 0:
        return points
    along = points * (far.conjugate() / abs(far))
    if np.abs(along.imag).max() < 1e-12 * abs(far):
        return along.real + 0j
    # At low SNR the lines are normal to the differences between the means of a bit's two sets of points, at
    # high SNR to those between points.
    count = len(points)
    halves = [points.reshape(-1, 2, 2**bit) for bit in range(count.bit_length() - 1)]
    normal = np.array([half[:, 1].mean() - half[:, 0].mean() for half in halves])
    if count <= _MOST_DIRECTIONS:
        normal = np.concatenate([normal, (points[:, None] - points).ravel()])
    normal = normal[np.abs(normal) > 1e-9]
    if len(normal) == 0:
        return points
    # modulo an eighth of a turn, which takes the axes to the diagonals
    angle = np.sort(np.mod(np.angle(normal), np.pi / 4))
    gap = np.diff(angle, append=angle[0] + np.pi / 4)
    widest = gap.argmax()
    return points * np.exp(-1j * (angle[widest] + gap[widest] / 2))


def _without_fading(function: BitFunction, points: Plane, amplitude: float, maxlog: bool) -> float:
    least, most = _AMPLITUDES
    if function.saturates:
        amplitude = min(max(amplitude, least), most)
    if least <= amplitude <= most:
        return _lattice_sum(function, amplitude * points, maxlog)
    # It is a power of the amplitude far from 1, where rounding would spoil the sum.
    edge, inner = (least, 2 * least) if amplitude < least else (most, most / 2)
    at_edge, at_inner = (_lattice_sum(function, at * points, maxlog) for at in (edge, inner))
    if amplitude == 0 or min(at_edge, at_inner) == 0:
        return 0.0
    exponent = math.log(at_edge / at_inner) / math.log(edge / inner)
    return at_edge * (amplitude / edge) ** exponent


def _lattice_sum(function: BitFunction, points: Plane, maxlog: bool) -> float:
    """Mean for points in units of √N0, without fading."""
    dimensions = 2 if points.imag.any() else 1
    place, cell = _lattice(points, dimensions)
    # Log likelihoods but for -|r|², which all points share
    terms = np.stack([2 * points.real, 2 * points.imag, -(points.real**2) - points.imag**2], axis=1)
    chunks = math.ceil(len(place) * len(points) / _CHUNK)
    bits = len(points).bit_length() - 1
    total = 0.0
    for part in np.array_split(place, chunks):
        metric = terms @ np.stack([part.real, part.imag, np.ones(len(part))])
        largest = metric.max(axis=0)
        likelihood = np.exp(metric - largest)
        density = likelihood.sum(axis=0) * np.exp(largest - part.real**2 - part.imag**2)
        values = np.zeros(len(part))
        for claimed, exact in _llrs(metric, likelihood, maxlog):
            values += function.value(claimed, exact)
        total += float((values / bits) @ density)
    return total * cell / (math.pi ** (dimensions / 2) * len(points))


def _lattice(points: Plane, dimensions: int) -> tuple[Plane, float]:
    """Places [n] of a square lattice near the points, each once, and the size of its cells."""
    # What neighbourhoods that overlap cover together: no more than each by itself, or the disc around all
    reach = float(np.abs(points).max()) + _RADIUS
    ball = 2.0 if dimensions == 1 else math.pi
    size = ball * min(len(points) * _RADIUS**dimensions, reach**dimensions)
    step = (size * len(points) / _WORK[dimensions]) ** (1 / dimensions)
    step = float(np.clip(step, *_STEPS[dimensions]))
    beyond = math.ceil(_RADIUS / step)
    offset = np.arange(-beyond, beyond + 1)
    across = offset if dimensions == 2 else np.zeros(1, dtype=np.int64)
    real, imag = (axis.ravel() for axis in np.meshgrid(offset, across))
    near = (real**2 + imag**2) * step**2 <= (_RADIUS + step) ** 2
    real = (np.rint(points.real / step).astype(np.int64)[:, None] + real[near]).ravel()
    imag = (np.rint(points.imag / step).astype(np.int64)[:, None] + imag[near]).ravel()
    low, width = imag.min(), imag.max() - imag.min() + 1
    real, imag = np.divmod(np.unique(real * width + (imag - low)), width)
    return step * (real + 1j * (imag + low)), step**dimensions


def _llrs(metric: Array, likelihood: Array, maxlog: bool) -> Iterator[tuple[Array, Array]]:
    """LLRs as the demapper gives them and exact ones, both [n], bit by bit.

    From [M, n] log likelihoods by label; `likelihood` is exp(metric) but for factors.
    """
    while len(metric) > 1:
        # The first bit left splits the labels in the middle; then its two values are folded together.
        halves = likelihood.reshape(2, len(likelihood) // 2, -1)
        metrics = metric.reshape(halves.shape)
        zero, one = np.sum(halves, axis=1)
        lost = np.minimum(zero, one) < _UNDERFLOW
        exact = np.log(np.divide(one, zero, out=np.ones_like(one), where=~lost))
        claimed = exact
        if maxlog or lost.any():
            zero_nearest, one_nearest = np.max(metrics, axis=1)
            nearest = one_nearest - zero_nearest
            # Where likelihoods underflow the LLR is above 600, and its maximum approximation all but exact.
            exact = np.where(lost, nearest, exact)
            claimed = nearest if maxlog else exact
        yield claimed, exact
        likelihood = halves[0] + halves[1]
        metric = np.maximum(*metrics)
