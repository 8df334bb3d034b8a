"""The transmitter: latents to indices, bits and symbols, exactly as the link does."""

from dataclasses import dataclass

import numpy as np

from linksim.deploy.tables import Tables
from linksim.frame import FrameLayout
from linksim.numerics import NORM_EPSILON


@dataclass(frozen=True)
class Transmission:
    """What the transmitter makes of latents.

    Attributes:
        index: [F, N] int64.
        margin: [F, N] float64, squared distance of the second nearest codeword less that of the nearest.
        information_bits: [F, N·b] uint8.
        bits: [F, S·m] uint8 in the order of transmission, code and padding included.
        symbols: [F, S] complex64.
    """

    index: np.ndarray
    margin: np.ndarray
    information_bits: np.ndarray
    bits: np.ndarray
    symbols: np.ndarray


class Transmitter:
    """Nearest codewords, their labels, CRC and code, padding, constellation points.

    Args:
        layout: of the frame.
        tables: of the bundle.
    """

    def __init__(self, layout: FrameLayout, tables: Tables) -> None:
        self.layout = layout
        self.tables = tables
        self._codebook = tables.codebook.astype(np.float64)
        self._energies = np.square(self._codebook).sum(1)

    def __call__(self, latents: np.ndarray) -> Transmission:
        """Transmit latents [F, N, D] float32."""
        distances = self._squared_distances(normalised(latents))
        index = distances.argmin(-1)
        nearest, second = np.partition(distances, 1, axis=-1)[..., :2].transpose(2, 0, 1)
        information = self.tables.labels[index].reshape(len(index), self.layout.information_bits)
        bits = self.pad(self.coded(information))
        return Transmission(index, second - nearest, information, bits, self.map(bits))

    def coded(self, information: np.ndarray) -> np.ndarray:
        """[F, L] coded bits of information bits [F, N·b]."""
        generator = self.tables.generator
        return information if generator is None else parity(information, generator, self.layout.coded_bits)

    def pad(self, coded: np.ndarray) -> np.ndarray:
        """[F, S·m] bits in the order of transmission of coded bits [F, L]."""
        layout = self.layout
        if not layout.interleaved:
            return np.pad(coded, ((0, 0), (0, layout.pad_bits)))
        padded = np.pad(coded, ((0, 0), (layout.pad_bits, 0)))
        rows = padded.reshape(len(padded), layout.bits_per_symbol, layout.symbols)
        return rows.transpose(0, 2, 1).reshape(padded.shape)

    def map(self, bits: np.ndarray) -> np.ndarray:
        """[F, S] symbols of bits [F, S·m]."""
        places = 1 << np.arange(self.layout.bits_per_symbol - 1, -1, -1)
        labels = bits.reshape(len(bits), self.layout.symbols, self.layout.bits_per_symbol) @ places
        return self.tables.constellation[labels]

    def _squared_distances(self, latents: np.ndarray) -> np.ndarray:
        """[F, N, K] float64 of normalised latents."""
        latents = latents.astype(np.float64)
        own = np.square(latents).sum(-1, keepdims=True)
        return own + self._energies - 2 * (latents @ self._codebook.T)


def normalised(latents: np.ndarray) -> np.ndarray:
    """[F, N, D] float32 layer-normalised latents: computed in float64, then rounded."""
    if latents.shape[-1] == 1:
        return latents
    exact = latents.astype(np.float64)
    centred = exact - exact.mean(-1, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(-1, keepdims=True) + NORM_EPSILON)
    return (centred / deviation).astype(np.float32)


def parity(bits: np.ndarray, generator: np.ndarray, columns: int) -> np.ndarray:
    """[F, columns] uint8 products over the binary numbers.

    Args:
        bits: [F, k] uint8.
        generator: [k, ⌈columns/8⌉] uint8 matrix, eight columns in a byte.
        columns: of the matrix.
    """
    sums = [np.bitwise_xor.reduce(generator[np.flatnonzero(row)], axis=0) for row in bits]
    packed = np.stack(sums) if sums else np.zeros((0, generator.shape[1]), np.uint8)
    return np.unpackbits(packed, axis=1, count=columns)
