"""LLRs of finite word length; one function on both paths."""

import torch
from torch import Tensor

from linksim.config import llr_step
from linksim.stages.uniform import mid_tread


class LlrQuantizer:
    """LLRs as words of n bits: round(llr/Δ), from −(2^(n−1) − 1) to 2^(n−1) − 1, beyond which they saturate.

    The step is Δ = 16/2^n unless given, so that the largest LLR is 8 − Δ: a bit is never taken to be more
    certain than about 3·10⁻⁴.

    Args:
        bits: n, from 2 to 8.
        step: Δ > 0, or None for the rule.
    """

    def __init__(self, bits: int, step: float | None = None) -> None:
        self.bits = bits
        self.step = llr_step(bits, step)

    def __call__(self, llr: Tensor) -> Tensor:
        """[...] LLRs rounded to multiples of the step; straight-through in gradient, zero if saturated."""
        return mid_tread(llr, self.step, self.bits)

    def words(self, llr: Tensor) -> Tensor:
        """[...] the rounded LLRs as int64 multiples of the step."""
        return (self(llr.detach()).double() / self.step).round().to(torch.int64)
