"""A softmax whose gradient stays exact where the result is nearly one-hot."""

import torch
from torch import Tensor


def softmax_of(logits: Tensor, dtype: torch.dtype) -> Tensor:
    """Softmax of float64 logits along the last axis, in the precision of `dtype`.

    Differences to the largest logit are taken in float64, so that small ones count beside huge logits; what
    is left of them fits any precision.
    """
    return (logits - logits.amax(-1, keepdim=True)).to(dtype).softmax(-1)


def gradient_of_logits(probabilities: Tensor, gradient: Tensor) -> Tensor:
    """p·(g − ⟨p, g⟩), the gradient of the logits of a softmax p for the gradient g of p, both [..., K].

    The mean is taken off twice, since what rounding leaves of it the first time is more than all that is
    left of the gradient where p is nearly one-hot.
    """
    relative = gradient - (gradient * probabilities).sum(-1, keepdim=True)
    return torch.ops.aten._softmax_backward_data(relative, probabilities, -1, probabilities.dtype)
