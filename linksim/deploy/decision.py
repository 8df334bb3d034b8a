"""LLRs of information bits to a posterior over the codebook, an index and an embedding."""

from dataclasses import dataclass

import numpy as np

from linksim.config import LinkConfig
from linksim.deploy.demapper import llr_words
from linksim.deploy.manifest import IntegerWords
from linksim.deploy.tables import Tables


@dataclass(frozen=True)
class Decision:
    """Posterior [F, N, K] float64, index [F, N] int64, embedding [F, N, D] float32."""

    posterior: np.ndarray
    index: np.ndarray
    embedding: np.ndarray


class FloatDecision:
    """posterior(k) ∝ exp Σ_j label[k, j]·llr[j] in floating point, and what the link hands on of it.

    Args:
        link: settings of the link.
        tables: of the bundle.
    """

    def __init__(self, link: LinkConfig, tables: Tables) -> None:
        self._link = link
        self._labels = tables.labels.astype(np.float64)
        self._codebook = tables.codebook.astype(np.float64)

    def __call__(self, llr: np.ndarray) -> Decision:
        """Decide on LLRs [F, N·b]."""
        per_token = llr.astype(np.float64).reshape(len(llr), self._link.tokens, self._labels.shape[1])
        scores = per_token @ self._labels.T
        excluded = _excluded(per_token, scores, self._labels, self._link)
        scores = np.where(excluded, -np.inf, scores)
        index = scores.argmax(-1)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        posterior = weights / weights.sum(-1, keepdims=True)
        embedding = self._codebook[index] if self._link.decision == "map" else posterior @ self._codebook
        return Decision(posterior, index, embedding.astype(np.float32))


class IntegerDecision:
    """The same in whole numbers: words of the LLRs, weights from a table, a codebook of words.

    Only the last division, by the sum of the weights, leaves the whole numbers.

    Args:
        link: settings of the link.
        tables: of the bundle.
        words: word lengths and steps.
    """

    def __init__(self, link: LinkConfig, tables: Tables, words: IntegerWords) -> None:
        self._link = link
        self._words = words
        self._labels = tables.labels.astype(np.int64)
        self._codebook = tables.integer_codebook.astype(np.int64)
        self._weights = np.append(tables.weights.astype(np.int64), 0)

    def __call__(self, llr: np.ndarray) -> Decision:
        """Decide on LLRs [F, N·b]."""
        words = llr_words(llr.astype(np.float64), self._words.llr_bits, self._words.llr_step)
        per_token = words.reshape(len(llr), self._link.tokens, self._labels.shape[1])
        scores = per_token @ self._labels.T
        excluded = _excluded(per_token, scores, self._labels, self._link)
        lowest = np.iinfo(np.int64).min // 2
        index = np.where(excluded, lowest, scores).argmax(-1)
        best = np.take_along_axis(scores, index[..., None], -1)
        below = np.minimum(np.where(excluded, len(self._weights), best - scores), len(self._weights) - 1)
        weights = self._weights[below]
        total = weights.sum(-1, keepdims=True)
        if self._link.decision == "map":
            sums, divisor = self._codebook[index], 1
        else:
            sums, divisor = weights @ self._codebook, total
        embedding = sums * self._words.codebook_step / divisor
        return Decision(weights / total, index, embedding.astype(np.float32))


def _excluded(per_token: np.ndarray, scores: np.ndarray, labels: np.ndarray, link: LinkConfig) -> np.ndarray:
    """[F, N, K] codewords that the decision leaves out: those outside the ball, if any is in it."""
    if link.decision != "radius":
        return np.zeros(scores.shape, bool)
    bits = (per_token > 0).astype(labels.dtype)
    # Ones of the label among the zeros of the bits, and the other way round.
    distance = bits.sum(-1, keepdims=True) + labels.sum(-1) - 2 * (bits @ labels.T)
    ball = distance <= link.radius
    best = np.arange(scores.shape[-1]) == scores.argmax(-1)[..., None]
    return ~np.where(ball.any(-1, keepdims=True), ball, best)
