"""Entropies of distributions, in nats."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def entropy(probabilities: Tensor) -> Tensor:
    """−Σ p ln p along the last axis, differentiable once.

    Args:
        probabilities: [..., K].

    Returns:
        [...] entropies in nats; zero probabilities count nothing, and have a finite gradient.
    """
    entropies = _Entropy.apply(probabilities)
    assert isinstance(entropies, Tensor)
    return entropies


class _Entropy(torch.autograd.Function):
    """With its gradient −(ln p + 1) in closed form; where p counts as zero, −ln of the least number."""

    @staticmethod
    def forward(ctx: Any, probabilities: Tensor) -> Tensor:
        logarithms = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log_()
        ctx.save_for_backward(probabilities, logarithms)
        return (probabilities * logarithms).sum(-1).neg_()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> Tensor:
        probabilities, logarithms = ctx.saved_tensors
        counts = probabilities >= torch.finfo(probabilities.dtype).tiny
        return torch.add(logarithms, counts).mul_(-gradients[0].unsqueeze(-1))


def usage(index: Tensor, codebook_size: int) -> Tensor:
    """[K] share of each codeword among indices of any shape, in float64."""
    counts = torch.bincount(index.flatten(), minlength=codebook_size).double()
    return counts / counts.sum()


def perplexity(probabilities: Tensor) -> Tensor:
    """exp of the entropy: the number of codewords in equal use that would have the same entropy."""
    return entropy(probabilities).exp()
