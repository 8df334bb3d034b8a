"""Before a subject is timed: its fastest batch is found, and its errors are held against the closed form."""

import math
import time
from dataclasses import dataclass

from linksim.metrics.intervals import clopper_pearson
from linksim.metrics.theory import bit_error_rate
from linksim_benchmarks.speed.subject import Case, Chain

FIVE_SIGMA = math.erf(5 / math.sqrt(2))
"""Level of an interval that a right chain misses once in 1.7 million times."""

CHECKED_BITS = 200_000
LONGEST_CHECK_S = 1.0
"""What a slow chain counts in this time must do."""


@dataclass
class Trial:
    """What is known of a chain before the rounds.

    Attributes:
        bits: information bits of its fastest batch.
        seconds: that such a batch takes, one on each lane.
        checked: bits in which errors were counted.
        errors: among them.
    """

    bits: int = 0
    seconds: float = math.inf
    checked: int = 0
    errors: int = 0

    @property
    def ber(self) -> float:
        """Bit error rate counted."""
        return self.errors / self.checked

    def batches(self, seconds: float) -> int:
        """Batches on each lane that take about so many seconds."""
        return max(1, round(seconds / self.seconds))

    def agrees(self, expected: float) -> bool:
        """Whether a bit error rate lies within the exact interval of 5 sigma around the one counted."""
        low, high = clopper_pearson(self.errors, self.checked, FIVE_SIGMA)
        return low <= expected <= high


def expected_rate(case: Case) -> float:
    """Bit error rate of the closed form."""
    return bit_error_rate("qam", case.bits_per_symbol, case.snr_db, "awgn", case.demapper)


def tried(chain: Chain, seconds: float) -> Trial:
    """Run a chain in batches of its sizes, then go on in the fastest until enough bits are checked.

    Sizes beyond the first one that takes longer than `seconds` are passed over.

    Args:
        chain: to be tried; its sizes ascend.
        seconds: to spend on each size.
    """
    trial = Trial()
    for bits in chain.sizes:
        _count(chain, bits, trial)  # the first batch of a size meets cold caches, and is not timed
        start, batches = time.perf_counter(), 0
        while not batches or time.perf_counter() - start < seconds:
            _count(chain, bits, trial)
            batches += 1
        each = (time.perf_counter() - start) / batches
        if not trial.bits or each / bits < trial.seconds / trial.bits:
            trial.bits, trial.seconds = bits, each
        if each > seconds:
            break  # what a call costs beside its bits is nothing by now
    start = time.perf_counter()
    while trial.checked < CHECKED_BITS and time.perf_counter() - start < LONGEST_CHECK_S:
        _count(chain, trial.bits, trial)
    return trial


def _count(chain: Chain, bits: int, trial: Trial) -> None:
    trial.errors += chain.count(bits, 1)
    trial.checked += bits * chain.lanes
