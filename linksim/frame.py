"""How one frame (one sample) is laid out in bits and symbols."""

import math
from dataclasses import dataclass

from linksim import checks


@dataclass(frozen=True, kw_only=True)
class FrameLayout:
    """The sizes of a frame: tokens, bits and symbols.

    Each token is one codebook index, sent as `bits_per_token` bits, most significant first. The bits of all
    tokens of a frame are concatenated and padded with zeros to whole symbols. Padding belongs to the frame,
    never to the batch, so a frame looks the same whatever it is transmitted with.

    Args:
        tokens: N, tokens per frame, at least 1.
        codebook_size: K, at least 2; need not be a power of two.
        bits_per_symbol: m, from 1 to 10.

    Raises:
        TypeError: if an argument is not a whole number.
        ValueError: if an argument is out of range.

    Example:
        >>> layout = FrameLayout(tokens=9, codebook_size=48, bits_per_symbol=4)
        >>> layout.bits_per_token, layout.information_bits, layout.pad_bits, layout.symbols
        (6, 54, 2, 14)
    """

    tokens: int
    codebook_size: int
    bits_per_symbol: int

    def __post_init__(self) -> None:
        checks.whole("tokens", self.tokens, 1)
        checks.whole("codebook_size", self.codebook_size, 2)
        checks.whole("bits_per_symbol", self.bits_per_symbol, 1, 10)

    @property
    def bits_per_token(self) -> int:
        """Bits per token, ceil(log2 K)."""
        return (self.codebook_size - 1).bit_length()

    @property
    def information_bits(self) -> int:
        """Information bits per frame, N times the bits per token."""
        return self.tokens * self.bits_per_token

    @property
    def pad_bits(self) -> int:
        """Zero bits appended to fill the last symbol."""
        return -self.information_bits % self.bits_per_symbol

    @property
    def symbols(self) -> int:
        """Symbols per frame, padding included."""
        return (self.information_bits + self.pad_bits) // self.bits_per_symbol

    def ebno_db(self, esno_db: float) -> float:
        """Eb/N0 in dB for a given Es/N0 in dB: every transmitted symbol is paid for by information bits."""
        return esno_db + 10 * math.log10(self.symbols / self.information_bits)

    def esno_db(self, ebno_db: float) -> float:
        """Es/N0 in dB for a given Eb/N0 in dB, the inverse of `ebno_db`."""
        return ebno_db - 10 * math.log10(self.symbols / self.information_bits)
