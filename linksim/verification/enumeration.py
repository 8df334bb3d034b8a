"""Bits, symbols and distributions of one frame, written out independently of the simulator."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from linksim.verification.formulas import Points, Reals, label_bits, number_of, qam_symbol


def information_bits(indices: Sequence[int], codebook_size: int) -> list[int]:
    """Bits of the indices of one frame, each index MSB first."""
    bits_per_token = math.ceil(math.log2(codebook_size))
    return [bit for index in indices for bit in label_bits(index, bits_per_token)]


def padded(bits: Sequence[int], width: int) -> list[int]:
    """The bits with zeros appended up to whole symbols of `width` bits."""
    return [*bits, *[0] * (-len(bits) % width)]


def interleaved(bits: Sequence[int], width: int) -> list[int]:
    """Bits behind zeros up to whole symbols, interleaved: f(i + j·Q) = e(i·E/Q + j) (TS 38.212, 5.4.2.2)."""
    bits = [*[0] * (-len(bits) % width), *bits]
    columns = len(bits) // width
    result = [0] * len(bits)
    for column in range(columns):
        for row in range(width):
            result[row + column * width] = bits[row * columns + column]
    return result


def bits_of_frame(indices: Sequence[int], codebook_size: int, width: int) -> list[int]:
    """Transmitted bits of one uncoded frame: each index MSB first, then zeros up to whole symbols."""
    return padded(information_bits(indices, codebook_size), width)


def labels_of_frame(indices: Sequence[int], codebook_size: int, width: int) -> list[int]:
    """Label of each symbol of one uncoded frame."""
    bits = bits_of_frame(indices, codebook_size, width)
    return [number_of(bits[start : start + width]) for start in range(0, len(bits), width)]


def enumerate_frame(assignment: ArrayLike, width: int) -> tuple[Reals, Reals, Points]:
    """Sum over all K^N tuples of indices of one uncoded frame.

    Args:
        assignment: [N, K] distribution of each token; tokens are independent.
        width: bits per symbol of square QAM.

    Returns:
        probability of 1 of each bit [S·m]; distribution of each symbol [S, 2^m]; mean symbol [S].
    """
    assignment = np.asarray(assignment, dtype=np.float64)
    tokens, codebook_size = assignment.shape
    length = len(bits_of_frame([0] * tokens, codebook_size, width))
    bit_probability = np.zeros(length)
    symbol_probability = np.zeros((length // width, 2**width))
    mean = np.zeros(length // width, dtype=np.complex128)
    point = {label: qam_symbol(label_bits(label, width)) for label in range(2**width)}
    for indices in itertools.product(range(codebook_size), repeat=tokens):
        probability = math.prod(assignment[token, index] for token, index in enumerate(indices))
        bit_probability += probability * np.array(bits_of_frame(indices, codebook_size, width))
        for symbol, label in enumerate(labels_of_frame(indices, codebook_size, width)):
            symbol_probability[symbol, label] += probability
            mean[symbol] += probability * point[label]
    return bit_probability, symbol_probability, mean
