"""What is timed: chains from random bits to counted errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from linksim.config import DEMAPPERS

FRAME_BITS = 240
"""All sizes are multiples of it, and it is one of the bits per symbol of every QAM."""


class Unavailable(ValueError):
    """Why a subject cannot be timed here, in one line that says how to install it."""


@dataclass(frozen=True)
class Case:
    """What all subjects are timed at."""

    bits_per_symbol: int
    demapper: str
    snr_db: float

    @property
    def noise_variance(self) -> float:
        """Total variance of the complex noise, symbols having unit energy."""
        return 10 ** (-self.snr_db / 10)


class Chain(Protocol):
    """Random bits → Gray QAM → white Gaussian noise → LLRs → decisions → errors, ready to run.

    Attributes:
        version: of the simulator.
        lanes: batches that are under way at the same time.
        sizes: information bits of a batch, of which the fastest is taken: too few pay for calls, too many
            do not fit into the caches.
    """

    version: str
    lanes: int
    sizes: tuple[int, ...]

    def count(self, bits: int, batches: int) -> int:
        """Errors in `batches` batches of `bits` bits on each lane."""
        ...

    def close(self) -> None:
        """Give back threads and processes."""
        ...


Opener = Callable[[Case, int, int], Chain]
"""Makes a chain for a case, a number of threads and a seed; raises Unavailable."""


@dataclass(frozen=True)
class Subject:
    """A simulator.

    Attributes:
        name: as in `--subjects`.
        ways: to run it on all threads, of which the fastest is taken.
        demappers: LLRs that it can compute; the first one is taken where the case asks for another.
        widths: bits per symbol that it has.
        note: what a reader of its figures must know.
        decides: whether it decides on bits, so that its errors can be checked.
    """

    name: str
    ways: tuple[Opener, ...]
    demappers: tuple[str, ...] = DEMAPPERS
    widths: tuple[int, ...] = (2, 4, 6, 8, 10)
    note: str = ""
    decides: bool = True

    def case(self, asked: Case) -> Case:
        """What it is timed at in place of `asked`: the same, but for LLRs that it does not have."""
        if asked.demapper in self.demappers:
            return asked
        return Case(asked.bits_per_symbol, self.demappers[0], asked.snr_db)

    def remark(self, asked: Case) -> str:
        """What a reader must know of its figure in that case."""
        other = {"app": "exact LLRs", "maxlog": "max-log LLRs"}[self.case(asked).demapper]
        notes = [self.note, "" if asked.demapper in self.demappers else f"{other}, it has no others"]
        return "; ".join(filter(None, notes))
