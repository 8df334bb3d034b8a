"""Modulation and coding schemes: how many bits a slot carries, and how well they are protected."""

from dataclasses import dataclass

from linksim import LinkConfig, checks

CRC = "CRC16"
"""Of 3GPP TS 38.212, section 6.2.1, for transport blocks of up to 3824 bits."""

CODED = (
    (2, 251),
    (2, 449),
    (4, 378),
    (4, 490),
    (4, 616),
    (6, 567),
    (6, 666),
    (6, 772),
    (8, 711),
    (8, 885),
)
"""Bits per symbol and 1024 times the code rate, entries of 3GPP TS 38.214, tables 5.1.3.1-1 and 5.1.3.1-2."""

UNCODED = (1, 2, 4, 6, 8)
"""Bits per symbol: BPSK, QPSK, 16-, 64- and 256-QAM."""


@dataclass(frozen=True)
class Mcs:
    """A modulation and coding scheme.

    Attributes:
        bits_per_symbol: m; 1 is BPSK.
        code_rate: nominal, information and CRC bits over transmitted bits; None without a code.

    Raises:
        TypeError, ValueError: if one of the two is no such number.
    """

    bits_per_symbol: int
    code_rate: float | None = None

    def __post_init__(self) -> None:
        checks.bits_per_symbol(self.bits_per_symbol, "psk" if self.bits_per_symbol == 1 else "qam")
        if self.code_rate is not None:
            checks.real("code_rate", self.code_rate, above=0, most=1)

    def message_bits(self, symbols: int) -> int:
        """Information and CRC bits of a transport block."""
        share = 1.0 if self.code_rate is None else self.code_rate
        # A rate such as 0.29 is a little off in floating point; it must not cost a bit.
        return int(symbols * self.bits_per_symbol * share + 1e-9)

    def config(self, symbols: int, bp_iterations: int) -> LinkConfig:
        """A link whose frame is a transport block with CRC in so many symbols of a fading slot.

        Raises:
            ValueError: if no block fits, or the standard has no code for it.
        """
        message = self.message_bits(symbols)
        information = message - 16
        if information < 1:
            raise ValueError(
                f"symbols={symbols} leave no room for information beside the CRC with {self.label}: give more"
            )
        code = {}
        if self.code_rate is not None:
            code = {
                "code": "ldpc",
                "code_rate": message / (symbols * self.bits_per_symbol),
                "bp_iterations": bp_iterations,
                "bp_early_stop": True,
            }
        return LinkConfig(
            tokens=information,
            codebook_size=2,
            embedding_dim=1,
            bits_per_symbol=self.bits_per_symbol,
            modulation="psk" if self.bits_per_symbol == 1 else "qam",
            channel="rayleigh",
            crc=CRC,
            backend="fused",
            # Without a decoder only the signs of the LLRs count, which the maximum gives.
            demapper="maxlog" if self.code_rate is None else "app",
            **code,  # type: ignore[arg-type]
        )

    @property
    def label(self) -> str:
        """Such as "16-QAM 0.37"."""
        names = {1: "BPSK", 2: "QPSK"}
        name = names.get(self.bits_per_symbol, f"{2**self.bits_per_symbol}-QAM")
        return name if self.code_rate is None else f"{name} {self.code_rate:.2f}"


def table(coded: bool) -> tuple[Mcs, ...]:
    """The default schemes, from the most robust to the fastest.

    Raises:
        TypeError: if `coded` is neither True nor False.

    >>> len(table(coded=True)), table(coded=False)[2].label
    (10, '16-QAM')
    """
    if checks.flag("coded", coded):
        return tuple(Mcs(bits, rate / 1024) for bits, rate in CODED)
    return tuple(Mcs(bits) for bits in UNCODED)
