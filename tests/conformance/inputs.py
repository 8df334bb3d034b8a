"""What both chains transmit: cases, bits, noise and gains, the same in every environment.

Plain NumPy, so that the environment of the reference can import it. Noise and gains are drawn in float32, so
that both precisions start from the very same numbers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Precision = Literal["single", "double"]
Demapper = Literal["app", "maxlog"]
Crc = Literal["CRC6", "CRC11", "CRC16", "CRC24A", "CRC24B", "CRC24C"]

SEED = 38_212
PRECISIONS: tuple[Precision, ...] = ("single", "double")
DEMAPPERS: tuple[Demapper, ...] = ("app", "maxlog")
ITERATIONS = 20

WIDTHS = (2, 4, 6, 8, 10)
UNCODED_BITS = 54
"""Information bits of an uncoded frame: no multiple of 4, 8 and 10, so three of five modulations pad it."""

UNCODED_EBNO_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
FADED_SINGLE_EBNO_DB = 5.0
"""Most Eb/N0 of faded frames in single precision. At high SNR float32 does not carry 1e-5: at 20 dB, with
fading and 1024-QAM, the reference's own LLRs in single precision are up to 2.2 times the tolerance off its
LLRs in double precision."""

CRC_BITS: dict[Crc, int] = {"CRC6": 6, "CRC11": 11, "CRC16": 16, "CRC24A": 24, "CRC24B": 24, "CRC24C": 24}

# Information bits, CRC, n, m, Eb/N0 in dB at which about half of the frames decode. 3GPP TS 38.212 takes base
# graph 2 up to 292 bits k (with the CRC), up to rate 0.67 for k up to 3824, and up to rate 0.25; base graph 1
# otherwise. For base graph 2 it counts 6, 8, 9 or 10 systematic columns, from k = 193, 561 and 641 on.
SMALL_CODES: tuple[tuple[int, Crc, int, int, float], ...] = (
    (54, "CRC6", 300, 2, 0.5),  # graph 2, 6 columns, the lowest rate
    (76, "CRC24C", 199, 4, 4.7),  # graph 2, 6 columns, one pad bit
    (200, "CRC16", 320, 8, 11.5),  # graph 2, 8 columns
    (300, "CRC24A", 360, 6, 11.4),  # graph 1, high rate
)
LARGE_CODES: tuple[tuple[int, Crc, int, int, float], ...] = (
    (589, "CRC11", 1250, 10, 11.3),  # graph 2, 9 columns
    (1000, "CRC24B", 2048, 4, 3.3),  # graph 2, 10 columns
    (3800, "CRC24A", 5760, 2, 1.8),  # graph 2, its longest k, the largest lifting
    (4000, "CRC24A", 12072, 6, 3.9),  # graph 1, its lowest rate
    (8424, "CRC24A", 9600, 4, 6.8),  # graph 1, its longest k
)


@dataclass(frozen=True)
class Case:
    """Frames of one format; coded if `code_bits` is given.

    Attributes:
        information_bits: per frame, without a CRC.
        bits_per_symbol: m; QAM.
        precision: "single" or "double".
        fading: whether each frame has a complex gain.
        crc: which CRC of 3GPP TS 38.212, section 5.1, is attached before encoding.
        code_bits: n, length of the LDPC code word after rate matching.
        interleaved: whether the bit interleaver of 3GPP TS 38.212, section 5.4.2.2, is on.
    """

    information_bits: int
    bits_per_symbol: int
    precision: Precision
    fading: bool = False
    crc: Crc | None = None
    code_bits: int | None = None
    interleaved: bool = False

    @property
    def message_bits(self) -> int:
        """k, what the LDPC encoder takes: information bits and CRC."""
        return self.information_bits + (0 if self.crc is None else CRC_BITS[self.crc])

    @property
    def pad_bits(self) -> int:
        """Zero bits that fill the last symbol of a frame."""
        return -(self.code_bits or self.information_bits) % self.bits_per_symbol

    @property
    def symbols(self) -> int:
        """Symbols per frame."""
        return ((self.code_bits or self.information_bits) + self.pad_bits) // self.bits_per_symbol

    @property
    def name(self) -> str:
        """Begins the names of the outputs."""
        if self.code_bits is None:
            channel = "rayleigh" if self.fading else "awgn"
            return f"uncoded/m{self.bits_per_symbol}/{channel}/{self.precision}"
        order = "interleaved" if self.interleaved else "plain"
        return (
            f"coded/k{self.message_bits}_n{self.code_bits}_m{self.bits_per_symbol}/{order}/{self.precision}"
        )

    @property
    def frames(self) -> str:
        """Ends the names of the inputs."""
        return "uncoded" if self.code_bits is None else f"k{self.message_bits}_n{self.code_bits}"


@dataclass(frozen=True)
class Frames:
    """The inputs of one case: B frames.

    Attributes:
        bits: [B, information_bits] uint8.
        noise: [B, S] complex64 of unit variance.
        gain: [B, 1] complex64 of unit mean power; to be used if the case has fading.
        ebno_db: [B] float64.
    """

    bits: np.ndarray
    noise: np.ndarray
    gain: np.ndarray
    ebno_db: np.ndarray


def uncoded_cases() -> list[Case]:
    """Every modulation, with and without fading, in both precisions."""
    return [
        Case(UNCODED_BITS, width, precision, fading)
        for width in WIDTHS
        for fading in (False, True)
        for precision in PRECISIONS
    ]


def coded_cases(small: bool) -> list[Case]:
    """Every code, with and without interleaver, in both precisions."""
    return [
        Case(bits, width, precision, False, crc, length, interleaved)
        for bits, crc, length, width, _ in (SMALL_CODES if small else SMALL_CODES + LARGE_CODES)
        for interleaved in (False, True)
        for precision in PRECISIONS
    ]


def make_inputs(small: bool) -> dict[str, np.ndarray]:
    """Draw the inputs of all cases.

    Args:
        small: few frames and the shorter codes only, for vectors that are kept in the repository.

    Returns:
        `bits`, `noise`, `gain` and `ebno_db` of each frame format, named as in "bits/uncoded".
    """
    generator = np.random.default_rng(SEED)
    uncoded_per_point, coded_frames = (1, 3) if small else (24, 8)
    ebno_db = np.repeat(UNCODED_EBNO_DB, uncoded_per_point)
    most_symbols = Case(UNCODED_BITS, min(WIDTHS), "single").symbols
    arrays = _draw(generator, "uncoded", UNCODED_BITS, most_symbols, ebno_db)
    for bits, crc, length, width, middle_ebno_db in SMALL_CODES if small else SMALL_CODES + LARGE_CODES:
        case = Case(bits, width, "single", False, crc, length)
        ebno_db = middle_ebno_db + np.linspace(-1.0, 1.0, coded_frames)
        arrays |= _draw(generator, case.frames, bits, case.symbols, ebno_db)
    return arrays


def frames_of(case: Case, inputs: Mapping[str, np.ndarray]) -> Frames:
    """The frames that a case transmits."""
    ebno_db = inputs[f"ebno_db/{case.frames}"]
    rounded = case.fading and case.precision == "single"
    kept = ebno_db <= (FADED_SINGLE_EBNO_DB if rounded else math.inf)
    return Frames(
        bits=inputs[f"bits/{case.frames}"][kept],
        noise=inputs[f"noise/{case.frames}"][kept, : case.symbols],
        gain=inputs[f"gain/{case.frames}"][kept],
        ebno_db=ebno_db[kept],
    )


def _draw(
    generator: np.random.Generator, name: str, bits: int, symbols: int, ebno_db: np.ndarray
) -> dict[str, np.ndarray]:
    frames = len(ebno_db)
    return {
        f"bits/{name}": generator.integers(2, size=(frames, bits), dtype=np.uint8),
        f"noise/{name}": _unit_gaussian(generator, frames, symbols),
        f"gain/{name}": _unit_gaussian(generator, frames, 1),
        f"ebno_db/{name}": ebno_db,
    }


def _unit_gaussian(generator: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    parts = generator.standard_normal((rows, columns, 2), dtype=np.float32) * np.float32(0.5**0.5)
    return parts.view(np.complex64)[..., 0]
