"""`fused`: linksim's compiled loops, from packed random bits to counted errors in one pass."""

import torch

from linksim import __version__
from linksim.fused.count import count_random_errors
from linksim_benchmarks.speed.in_process import Batch, side_by_side
from linksim_benchmarks.speed.subject import FRAME_BITS, Case, Subject


def _make(case: Case, generator: torch.Generator) -> Batch:
    def batch(bits: int) -> int:
        sizes = bits // FRAME_BITS, FRAME_BITS, case.bits_per_symbol
        return int(count_random_errors(*sizes, case.demapper, case.snr_db, generator).sum())

    return batch


FUSED = Subject("fused", (side_by_side(_make, __version__),))
