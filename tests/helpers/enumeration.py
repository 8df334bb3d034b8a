"""Distributions of bits and symbols of one frame, summed over every tuple of indices.

Bit writing, padding and labels are written out here, independently of the simulator.
"""

import itertools
import math

import numpy as np
from helpers.qam import label_bits, number_of, qam_symbol


def bits_of_frame(indices, codebook_size, width):
    """Bits of one frame: each index MSB first, then zeros up to whole symbols of `width` bits."""
    bits_per_token = math.ceil(math.log2(codebook_size))
    bits = [bit for index in indices for bit in label_bits(index, bits_per_token)]
    while len(bits) % width:
        bits.append(0)
    return bits


def labels_of_frame(indices, codebook_size, width):
    """Label of each symbol of one frame."""
    bits = bits_of_frame(indices, codebook_size, width)
    return [number_of(bits[start : start + width]) for start in range(0, len(bits), width)]


def enumerate_frame(assignment, width):
    """Sum over all K^N tuples of indices of one frame.

    Args:
        assignment: [N, K] distribution of each token; tokens are independent.
        width: bits per symbol.

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
