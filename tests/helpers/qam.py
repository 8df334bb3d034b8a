"""Reference modulation and demodulation in plain float64 NumPy, written from the formulas alone."""

import numpy as np

WIDTHS = (2, 4, 6, 8, 10)


def label_bits(number, width):
    """MSB-first bits of a number, as a list of 0 and 1."""
    return [(number >> (width - 1 - position)) & 1 for position in range(width)]


def number_of(bits):
    """The number whose MSB-first bits are given."""
    number = 0
    for bit in bits:
        number = 2 * number + int(bit)
    return number


def qam_symbol(bits):
    """One square QAM symbol by the formulas of 3GPP TS 38.211, section 5.1, at unit mean energy.

    1024-QAM continues the pattern of the formulas: with s(i) = 1 − 2b(i), the real part is
    s(0)·[16 − s(2)·[8 − s(4)·[4 − s(6)·[2 − s(8)]]]]/√682.
    """
    signs = [1 - 2 * int(bit) for bit in bits]

    def amplitude(own):
        value = 1
        for depth, sign in enumerate(reversed(own[1:]), start=1):
            value = 2**depth - sign * value
        return own[0] * value

    scale = {2: 2, 4: 10, 6: 42, 8: 170, 10: 682}[len(signs)]
    return complex(amplitude(signs[0::2]), amplitude(signs[1::2])) / np.sqrt(scale)


def qam_points(width):
    """[2^m] points in the order of their labels."""
    return np.array([qam_symbol(label_bits(label, width)) for label in range(2**width)])


def llr(received, noise_variance, points, method):
    """[n] received symbols to [n, m] ln P(b=1)/P(b=0), equally probable bits, by the definition."""
    received = np.asarray(received, dtype=np.complex128)
    noise_variance = np.broadcast_to(np.asarray(noise_variance, dtype=np.float64), received.shape)
    width = int(np.log2(len(points)))
    labels = np.array([label_bits(label, width) for label in range(len(points))])
    metric = -(np.abs(received[:, None] - points[None, :]) ** 2) / noise_variance[:, None]
    columns = [
        collect(metric[:, labels[:, bit] == 1], method) - collect(metric[:, labels[:, bit] == 0], method)
        for bit in range(width)
    ]
    return np.stack(columns, axis=1)


def collect(metric, method):
    """Row by row, log-sum-exp ("app") or maximum ("maxlog")."""
    largest = metric.max(axis=1)
    if method == "maxlog":
        return largest
    return largest + np.log(np.exp(metric - largest[:, None]).sum(axis=1))
