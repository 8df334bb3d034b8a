"""Coefficients to bits and back: uniform scalar quantisation with bits shared out among components."""

from dataclasses import dataclass

import numpy as np

STEPS = (1.596, 0.9957, 0.5860, 0.3352, 0.1881, 0.1041, 0.05687, 0.03076)
"""Step of the uniform quantizer of 1, 2, … , 8 bits with the least mean square error for a Gaussian variable
of unit variance (Max, "Quantizing for minimum distortion", IRE Trans. Inf. Theory 6, 1960; for more than 36
levels Jayant and Noll, "Digital Coding of Waveforms", 1984, section 4.4)."""

MOST_BITS = len(STEPS)


@dataclass(frozen=True)
class ScalarQuantizer:
    """A uniform quantizer for each component, with the mean of its training values in each cell as level.

    Indices are sent most significant bit first, in natural binary order, component after component.

    Attributes:
        components: [j] int64 numbers of the components that are sent.
        shares: [j] int64 bits of each of them, at least 1.
        steps: [j] widths of the cells.
        levels: j arrays of 2^share reproduction values.
    """

    components: np.ndarray
    shares: np.ndarray
    steps: np.ndarray
    levels: tuple[np.ndarray, ...]

    @property
    def bits(self) -> int:
        """Bits of all components together."""
        return int(self.shares.sum())

    def encode(self, coefficients: np.ndarray) -> np.ndarray:
        """[n, bits] uint8 bits of [n, c] coefficients of all components."""
        parts = []
        for component, share, step in zip(self.components, self.shares, self.steps, strict=True):
            index = _cells(coefficients[:, component], step, int(share))
            parts.append(index[:, None] >> np.arange(share - 1, -1, -1) & 1)
        return np.concatenate(parts, axis=1).astype(np.uint8)

    def decode(self, bits: np.ndarray) -> np.ndarray:
        """[n, j] coefficients of the components sent, from [n, bits] bits."""
        parts = np.split(bits.astype(np.int64), np.cumsum(self.shares)[:-1], axis=1)
        columns = [
            level[part @ (1 << np.arange(part.shape[1] - 1, -1, -1))]
            for part, level in zip(parts, self.levels, strict=True)
        ]
        return np.stack(columns, axis=1)


def capacity(coefficients: np.ndarray) -> int:
    """Most bits that `fit_quantizer` can share out: `MOST_BITS` for each component that varies."""
    return MOST_BITS * int(np.count_nonzero(_spreads(coefficients)))


def fit_quantizer(coefficients: np.ndarray, bits: int) -> ScalarQuantizer:
    """Share bits out among components, each where it lowers the mean square error of all most.

    That is reverse water-filling over Gaussian components (Cover and Thomas, "Elements of Information
    Theory", theorem 10.3.3) in whole bits, with measured errors in place of σ²·4^(−bits).

    Args:
        coefficients: [n, c] to learn from.
        bits: to share out, from 1 to `capacity(coefficients)`.
    """
    errors = _errors(coefficients)
    shares = np.zeros(coefficients.shape[1], dtype=np.int64)
    components = np.arange(len(shares))
    possible = _spreads(coefficients) > 0
    for _ in range(bits):
        following = np.minimum(shares + 1, MOST_BITS)
        gain = errors[shares, components] - errors[following, components]
        shares[np.argmax(np.where(possible & (shares < MOST_BITS), gain, -np.inf))] += 1
    used = np.flatnonzero(shares)
    steps = _spreads(coefficients)[used] * np.array(STEPS)[shares[used] - 1]
    levels = tuple(
        _levels(coefficients[:, component], step, int(shares[component]))[0]
        for component, step in zip(used, steps, strict=True)
    )
    return ScalarQuantizer(used, shares[used], steps, levels)


def _spreads(coefficients: np.ndarray) -> np.ndarray:
    """[c] standard deviations, zero where they are nothing but rounding."""
    spreads = coefficients.std(axis=0)
    return np.where(spreads > 1e-6 * max(spreads.max(), 1e-300), spreads, 0.0)


def _errors(coefficients: np.ndarray) -> np.ndarray:
    """[1 + MOST_BITS, c] mean square errors of each component with 0, 1, … bits."""
    spreads = _spreads(coefficients)
    errors = np.tile(coefficients.var(axis=0), (1 + MOST_BITS, 1))
    for share, step in enumerate(STEPS, start=1):
        for component in np.flatnonzero(spreads):
            _, errors[share, component] = _levels(
                coefficients[:, component], step * spreads[component], share
            )
    return errors


def _cells(values: np.ndarray, step: float, share: int) -> np.ndarray:
    """[n] int64 numbers of the cells that values lie in; the outermost reach to infinity."""
    half = 1 << share >> 1
    return np.clip(np.floor(values / step) + half, 0, (1 << share) - 1).astype(np.int64)


def _levels(values: np.ndarray, step: float, share: int) -> tuple[np.ndarray, float]:
    """Means of the values in each cell, the middle of empty ones, and the mean square error."""
    cells = _cells(values, step, share)
    counts = np.bincount(cells, minlength=1 << share)
    sums = np.bincount(cells, weights=values, minlength=1 << share)
    middles = (np.arange(1 << share) - (1 << share >> 1) + 0.5) * step
    levels = np.where(counts > 0, sums / np.maximum(counts, 1), middles)
    return levels, float(np.mean((values - levels[cells]) ** 2))
