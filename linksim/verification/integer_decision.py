"""The decision with integer arithmetic, in exact integers and fractions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from linksim.verification.formulas import label_bits


@dataclass(frozen=True)
class ExactDecision:
    """Decided index, weight of every codeword, and the embedding as exact fractions."""

    index: int
    weights: list[int]
    embedding: list[Fraction]


def stored_codebook(codebook: Sequence[Sequence[float]], bits: int) -> tuple[list[list[int]], Fraction]:
    """Codebook as signed words of so many bits, and δ, the smallest power of two with which they fit."""
    largest, most = max(abs(Fraction(value)) for row in codebook for value in row), 2 ** (bits - 1) - 1
    step = Fraction(1)
    while largest / step > most:
        step *= 2
    while largest / (step / 2) <= most:
        step /= 2
    return [[round(Fraction(value) / step) for value in row] for row in codebook], step


def decide(
    words: Sequence[int],
    llr_step: float,
    codebook: Sequence[Sequence[float]],
    weight_bits: int,
    codebook_bits: int,
    radius: int | None,
) -> ExactDecision:
    """Decide one token.

    Args:
        words: LLR words of its bits, MSB first.
        llr_step: Δ.
        codebook: K codewords.
        weight_bits, codebook_bits: word lengths.
        radius: codewords whose labels are further from the hard bits are left out, unless none is left; None
            leaves out none.
    """
    labels = [label_bits(index, len(words)) for index in range(len(codebook))]
    scores = [sum(word for word, bit in zip(words, label, strict=True) if bit) for label in labels]
    allowed = list(range(len(codebook)))
    if radius is not None:
        hard = [int(word > 0) for word in words]
        ball = [
            index
            for index, label in enumerate(labels)
            if sum(a != b for a, b in zip(hard, label, strict=True)) <= radius
        ]
        allowed = ball or [scores.index(max(scores))]
    best = max(scores[index] for index in allowed)
    decided = next(index for index in allowed if scores[index] == best)
    weights = [0] * len(codebook)
    for index in allowed:
        weights[index] = round((2**weight_bits - 1) * math.exp(-llr_step * (best - scores[index])))
    stored, step = stored_codebook(codebook, codebook_bits)
    embedding = [
        step * sum(weight * row[axis] for weight, row in zip(weights, stored, strict=True)) / sum(weights)
        for axis in range(len(codebook[0]))
    ]
    return ExactDecision(decided, weights, embedding)
