"""Received symbols to LLRs of the coded bits."""

import numpy as np
from numpy.typing import NDArray

from linksim.config import LinkConfig, llr_step
from linksim.deploy.tables import Tables, binary_labels
from linksim.numerics import LEAST_POWER, LEAST_VARIANCE

Complex = NDArray[np.complex128]

VALUES_AT_ONCE = 2**21
"""Distances to points of the constellation; symbols beyond wait for the next turn."""

LEAST_STEP = 1e-100
"""Of converters that hear neither signal nor noise."""


class Demapper:
    """Converters, equalisation, LLRs, and the order of the coded bits, as the link computes them.

    Args:
        link: settings of the link.
        tables: of the bundle.
    """

    def __init__(self, link: LinkConfig, tables: Tables) -> None:
        self.link = link
        self.layout = link.layout
        self._points = tables.constellation.astype(np.complex128)
        ones = binary_labels(len(self._points), link.bits_per_symbol).astype(bool).T
        # [m, 2^(m−1)] labels with a one, and with a zero, in each place.
        self._ones = np.stack([np.flatnonzero(row) for row in ones])
        self._zeros = np.stack([np.flatnonzero(~row) for row in ones])

    def __call__(self, received: Complex, noise_variance: np.ndarray, gain: Complex) -> np.ndarray:
        """[F, L] float64 ln P(b=1)/P(b=0) of received symbols [F, S], noise variance and gain alike."""
        received, noise_variance = self._digitised(received, noise_variance, gain)
        power = np.maximum(np.square(gain.real) + np.square(gain.imag), LEAST_POWER)
        equalised = received * gain.conj() / power
        variance = np.maximum(noise_variance / power, LEAST_VARIANCE)
        few = max(1, VALUES_AT_ONCE // max(1, len(received) * self._ones.size))
        parts = [
            self._llr(equalised[:, i : i + few], variance[:, i : i + few])
            for i in range(0, self.layout.symbols, few)
        ]
        llr = np.concatenate(parts, axis=1)
        return self._quantized(self._strip(llr.reshape(len(llr), self._ones.shape[0] * self.layout.symbols)))

    def _llr(self, symbols: Complex, variance: np.ndarray) -> np.ndarray:
        """[F, s, m] of symbols [F, s] behind noise of a variance [F, s]."""
        distance = symbols[..., None] - self._points
        exponents = -(np.square(distance.real) + np.square(distance.imag)) / variance[..., None]
        gather = _log_sum if self.link.demapper == "app" else _largest
        return gather(exponents[..., self._ones]) - gather(exponents[..., self._zeros])

    def _strip(self, llr: np.ndarray) -> np.ndarray:
        """[F, L] from [F, S·m] in the order of transmission: without padding and interleaver."""
        layout = self.layout
        if not layout.interleaved:
            return llr[:, : layout.coded_bits]
        columns = llr.reshape(len(llr), layout.symbols, layout.bits_per_symbol)
        return columns.transpose(0, 2, 1).reshape(llr.shape)[:, layout.pad_bits :]

    def _quantized(self, llr: np.ndarray) -> np.ndarray:
        if self.link.llr_bits is None:
            return llr
        step = llr_step(self.link.llr_bits, self.link.llr_step)
        return llr_words(llr, self.link.llr_bits, step) * step

    def _digitised(
        self, received: Complex, noise_variance: np.ndarray, gain: Complex
    ) -> tuple[Complex, np.ndarray]:
        """What leaves the receiver's converters; what left some already stays as it is."""
        bits = self.link.adc_bits
        if bits is None:
            return received, noise_variance
        power = (np.square(np.abs(gain)) + noise_variance).mean(-1, keepdims=True)
        step = np.sqrt(power / 2) * 10 ** (self.link.adc_backoff_db / 20) / 2 ** (bits - 1)
        step = np.maximum(step, LEAST_STEP)
        half = 2 ** (bits - 1)
        parts = [
            (np.clip(np.floor(part / step), -half, half - 1) + 0.5) * step
            for part in (received.real, received.imag)
        ]
        return parts[0] + 1j * parts[1], noise_variance + step**2 / 6


def llr_words(llr: np.ndarray, bits: int, step: float) -> np.ndarray:
    """[...] int64 words of LLRs, round(llr/Δ), saturating at ±(2^(bits − 1) − 1)."""
    largest = 2 ** (bits - 1) - 1
    with np.errstate(over="ignore"):  # what leaves float64 saturates
        words = np.round(llr / step)
    return np.clip(words, -largest, largest).astype(np.int64)


def _log_sum(exponents: np.ndarray) -> np.ndarray:
    """ln Σ exp over the last axis."""
    largest = exponents.max(-1)
    return largest + np.log(np.exp(exponents - largest[..., None]).sum(-1))


def _largest(exponents: np.ndarray) -> np.ndarray:
    return exponents.max(-1)
