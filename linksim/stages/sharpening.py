"""Sharpening of distributions, with its gradient in closed form."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def sharpen(probabilities: Tensor, temperature: float) -> Tensor:
    """softmax(log p / T) along the last axis; probabilities below the dtype's tiny count as zero.

    Differentiable once; the gradient of what counts as zero is zero.
    """
    sharpened = _Sharpen.apply(probabilities, temperature)
    assert isinstance(sharpened, Tensor)
    return sharpened


class _Sharpen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, probabilities: Tensor, temperature: float) -> Tensor:
        tiny = torch.finfo(probabilities.dtype).tiny
        possible = probabilities.masked_fill(probabilities < tiny, 0)
        sharpened = possible.log_().mul_(1 / temperature).softmax(-1)
        ctx.save_for_backward(probabilities, sharpened)
        ctx.temperature = temperature
        return sharpened

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, None]:
        probabilities, sharpened = ctx.saved_tensors
        weighted = gradients[0] * sharpened
        mean = weighted.sum(-1, keepdim=True)
        logits = weighted.addcmul_(sharpened, mean, value=-1)
        tiny = torch.finfo(probabilities.dtype).tiny
        return logits.div_(probabilities.clamp_min(tiny)).mul_(1 / ctx.temperature), None
