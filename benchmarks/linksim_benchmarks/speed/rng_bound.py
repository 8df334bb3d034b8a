"""`rng-bound`: only the random numbers that the fused chain draws, which it cannot be faster than."""

import torch

from linksim.fused.count import packed_bits
from linksim_benchmarks.speed.in_process import Batch, side_by_side
from linksim_benchmarks.speed.subject import FRAME_BITS, Case, Subject


def draw(frames: int, bits_per_symbol: int, generator: torch.Generator) -> None:
    """Draw bits and noise as `linksim.fused.count.count_random_errors` does, and drop them."""
    packed_bits(frames, FRAME_BITS, generator)
    for _ in range(2):  # real and imaginary parts
        torch.randn((frames, FRAME_BITS // bits_per_symbol), generator=generator)


def _make(case: Case, generator: torch.Generator) -> Batch:
    def batch(bits: int) -> int:
        draw(bits // FRAME_BITS, case.bits_per_symbol, generator)
        return 0

    return batch


RNG_BOUND = Subject(
    "rng-bound",
    (side_by_side(_make, torch.__version__),),
    note="nothing but the random numbers of fused",
    decides=False,
)
