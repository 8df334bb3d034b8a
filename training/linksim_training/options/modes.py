"""Several modes instead of one codebook and modulation."""

from collections.abc import Sequence
from dataclasses import dataclass

from linksim import checks
from linksim.modes.routed_link import HEADER_SYMBOLS


@dataclass(kw_only=True)
class ModeOptions:
    """Modes of which a router picks one for each frame."""

    modes: tuple[str, ...] = ()
    """Codebook size and bits per symbol of each, as in --modes 64:2 64:4 256:6, instead of --codebook-size
    and --bits-per-symbol; give --snr-db-range and --lambda-sym, too."""
    header_symbols: int = HEADER_SYMBOLS
    """QPSK symbols in front of a frame that tell its mode."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(K, m) of each mode.

        Raises:
            ValueError: if a mode cannot be read.
        """
        return read_modes(self.modes)


def read_modes(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Codebook sizes and bits per symbol from texts such as "64:4".

    Raises:
        ValueError: if one cannot be read.
    """
    found = []
    for text in texts:
        size, _, width = str(text).partition(":")
        if not (size.isdecimal() and width.isdecimal()):
            raise ValueError(f"--modes must be codebook size:bits per symbol, as in 64:4, got {text!r}")
        checks.whole("--modes: codebook size", int(size), 2)
        found.append((int(size), checks.whole("--modes: bits per symbol", int(width), 1, 10)))
    return found
