"""When a point has been counted long enough."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy import special

from linksim import checks
from linksim_benchmarks.montecarlo.work import Tally

Reason = Literal["target errors", "relative width", "max bits", "time limit"]

LEAST_ERRORS = 100
"""Independent error events that the relative width waits for: with fewer, the spread between frames that it
is computed from is itself too uncertain to stop on."""

LEVEL = 0.95


@lru_cache
def errors_for_width(relative_width: float, level: float = LEVEL) -> int:
    """Fewest errors whose exact interval is at most so wide relative to the rate, however small the rate.

    The interval of a Poisson mean (Garwood, Biometrika 28:437, 1936), the limit of Clopper and Pearson's for
    small rates; at larger rates theirs is narrower.

    Args:
        relative_width: width of the interval over the rate, above 0.
        level: confidence level.

    >>> errors_for_width(0.2)
    395
    """
    tail = (1 - level) / 2

    def wide(errors: int) -> bool:
        low = special.gammaincinv(errors, tail)
        high = special.gammainccinv(errors + 1, tail)
        return bool(high - low > relative_width * errors)

    top = 1
    while wide(top):
        top *= 2
    bottom = top // 2
    while top - bottom > 1:
        middle = (top + bottom) // 2
        bottom, top = (middle, top) if wide(middle) else (bottom, middle)
    return top


@dataclass(frozen=True, kw_only=True)
class StopRule:
    """A point stops at the first chunk after which one of these holds.

    Attributes:
        max_bits: information bits that are never exceeded by more than it takes to fill a frame.
        target_errors: independent errors: bits where the bits of a frame are independent, else frames.
        relative_width: width of the interval over the rate.
        target_rate: later points of a curve are not run once a point's rate is at most this.
        time_limit_s: seconds for the whole sweep; points cut short are marked.

    Raises:
        ValueError: if one is out of range.
    """

    max_bits: int
    target_errors: int | None = None
    relative_width: float | None = None
    target_rate: float | None = None
    time_limit_s: float | None = None

    def __post_init__(self) -> None:
        checks.whole("max_bits", self.max_bits, 1)
        if self.target_errors is not None:
            checks.whole("target_errors", self.target_errors, 1)
        if self.relative_width is not None:
            checks.real("relative_width", self.relative_width, least=0.001, most=10)
        if self.target_rate is not None:
            checks.real("target_rate", self.target_rate, least=0, most=1)
        if self.time_limit_s is not None:
            checks.real("time_limit_s", self.time_limit_s, above=0)

    def reason(self, tally: Tally, next_size: int) -> Reason | None:
        """Why to stop after what has been counted, or None to go on.

        Args:
            tally: of a prefix of the chunks.
            next_size: frames of the next chunk.
        """
        if tally.frames and tally.may_stop:
            if self.target_errors is not None and tally.errors >= self.target_errors:
                return "target errors"
            if self.relative_width is not None and self._narrow(tally, self.relative_width):
                return "relative width"
        return None if next_size else "max bits"

    def _narrow(self, tally: Tally, width: float) -> bool:
        return tally.errors >= LEAST_ERRORS and tally.effective_errors >= errors_for_width(width)

    def missing(self, tally: Tally) -> float:
        """Frames still needed as a multiple of those counted, foreseen from the errors so far.

        Infinite if only the number of bits counts, or without errors so far.
        """
        if not tally.errors:
            return float("inf")
        needed = []
        if self.target_errors is not None:
            needed.append(self.target_errors / tally.errors)
        if self.relative_width is not None:
            by_width = errors_for_width(self.relative_width) / max(tally.effective_errors, 1e-9)
            needed.append(max(by_width, LEAST_ERRORS / tally.errors))
        return max(min(needed, default=float("inf")) - 1, 0.0)

    def needed_errors(self) -> int | None:
        """Independent errors that are enough, None if only the number of bits counts."""
        needed = [] if self.target_errors is None else [self.target_errors]
        if self.relative_width is not None:
            needed.append(max(errors_for_width(self.relative_width), LEAST_ERRORS))
        return min(needed, default=None)

    @property
    def open_ended(self) -> bool:
        """Whether something other than the number of bits may stop a point."""
        return self.target_errors is not None or self.relative_width is not None
