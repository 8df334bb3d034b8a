"""How one frame (one sample) is laid out in bits and symbols."""

import math
from dataclasses import dataclass

from linksim import checks

CRC_BITS = {"none": 0, "CRC6": 6, "CRC11": 11, "CRC16": 16, "CRC24A": 24, "CRC24B": 24, "CRC24C": 24}
"""Cyclic redundancy checks of 3GPP TS 38.212, section 5.1, and their lengths."""

CODES = ("none", "ldpc")
INTERLEAVERS = ("none", "38.212")

LEAST_RATE = 1 / 5
MOST_RATE = 948 / 1024


@dataclass(frozen=True, kw_only=True)
class FrameLayout:
    """The sizes of a frame: tokens, bits and symbols.

    Each token is one codebook index, sent as `bits_per_token` bits, most significant first. The bits of all
    tokens of a frame are concatenated, followed by their CRC, encoded, padded with zeros to whole symbols (at
    the end, or in front if interleaved), and interleaved if they were encoded. Padding belongs to the frame,
    never to the batch, so a frame looks the same whatever it is transmitted with.

    Args:
        tokens: N, tokens per frame, at least 1.
        codebook_size: K, at least 2; need not be a power of two.
        bits_per_symbol: m, from 1 to 10.
        crc: "none", or a cyclic redundancy check of 3GPP TS 38.212.
        code: "none", or "ldpc", the LDPC code of 3GPP TS 38.212.
        code_rate: information and CRC bits over coded bits, from 1/5 to 948/1024; the number of coded bits
            is rounded up. Without a code it has no effect.
        interleaver: "38.212", the bit interleaver of section 5.4.2.2 over the padded frame, or "none".
            Without a code it has no effect.

    Raises:
        TypeError: if an argument is not a number.
        ValueError: if an argument is out of range, or the standard has no LDPC code for the frame.

    Example:
        >>> layout = FrameLayout(tokens=9, codebook_size=48, bits_per_symbol=4)
        >>> layout.bits_per_token, layout.information_bits, layout.pad_bits, layout.symbols
        (6, 54, 2, 14)
        >>> layout = FrameLayout(tokens=9, codebook_size=48, bits_per_symbol=4, code="ldpc", code_rate=0.4)
        >>> layout.information_bits, layout.coded_bits, layout.pad_bits, layout.symbols
        (54, 135, 1, 34)
    """

    tokens: int
    codebook_size: int
    bits_per_symbol: int
    crc: str = "none"
    code: str = "none"
    code_rate: float = 0.5
    interleaver: str = "38.212"

    def __post_init__(self) -> None:
        checks.whole("tokens", self.tokens, 1)
        checks.whole("codebook_size", self.codebook_size, 2)
        checks.whole("bits_per_symbol", self.bits_per_symbol, 1, 10)
        checks.one_of("crc", self.crc, CRC_BITS)
        checks.one_of("code", self.code, CODES)
        checks.one_of("interleaver", self.interleaver, INTERLEAVERS)
        if self.code == "ldpc":
            checks.real("code_rate", self.code_rate)
            self._check_ldpc()

    def _check_ldpc(self) -> None:
        """Refuse what 3GPP TS 38.212 has no LDPC code block for (sections 5.2.2, 5.3.2, 5.4.2)."""
        rate, message = self.code_rate, self.message_bits
        if not LEAST_RATE <= rate <= MOST_RATE:
            raise ValueError(f"code_rate must be from 1/5 to 948/1024 (0.9258) for LDPC, got {rate:g}")
        if message < 12:
            raise ValueError(
                f"an LDPC code needs at least 12 information and CRC bits per frame, got {message}: give "
                "more tokens or a CRC"
            )
        if message > 8448:
            raise ValueError(
                f"an LDPC code block holds at most 8448 information and CRC bits, got {message}: give fewer "
                "tokens or a smaller codebook"
            )
        if message > 3824 and rate < 1 / 3:
            raise ValueError(
                f"code_rate must be at least 1/3 for more than 3824 information and CRC bits, got {rate:g} "
                f"for {message} bits"
            )

    @property
    def bits_per_token(self) -> int:
        """Bits per token, ceil(log2 K)."""
        return (self.codebook_size - 1).bit_length()

    @property
    def information_bits(self) -> int:
        """Information bits per frame, N times the bits per token."""
        return self.tokens * self.bits_per_token

    @property
    def message_bits(self) -> int:
        """Information bits and CRC bits per frame, what enters the code."""
        return self.information_bits + CRC_BITS[self.crc]

    @property
    def coded(self) -> bool:
        """Whether a CRC or a code stands between information bits and transmitted bits."""
        return self.crc != "none" or self.code != "none"

    @property
    def coded_bits(self) -> int:
        """L, bits per frame that leave the code; without one, the message bits."""
        if self.code == "none":
            return self.message_bits
        # A rate such as 1/3 is a little off in floating point; it must not cost a bit.
        return math.ceil(self.message_bits / self.code_rate - 1e-6)

    @property
    def pad_bits(self) -> int:
        """P, zero bits that fill the frame up to whole symbols."""
        return -self.coded_bits % self.bits_per_symbol

    @property
    def symbols(self) -> int:
        """S, symbols per frame, padding included."""
        return (self.coded_bits + self.pad_bits) // self.bits_per_symbol

    @property
    def interleaved(self) -> bool:
        """Whether the bits of the padded frame are interleaved."""
        return self.code != "none" and self.interleaver != "none"

    def ebno_db(self, esno_db: float) -> float:
        """Eb/N0 in dB for a given Es/N0 in dB: every transmitted symbol is paid for by information bits."""
        return esno_db + 10 * math.log10(self.symbols / self.information_bits)

    def esno_db(self, ebno_db: float) -> float:
        """Es/N0 in dB for a given Eb/N0 in dB, the inverse of `ebno_db`."""
        return ebno_db - 10 * math.log10(self.symbols / self.information_bits)
