"""Entropies of distributions, in nats."""

import torch
from torch import Tensor


def entropy(probabilities: Tensor) -> Tensor:
    """−Σ p ln p along the last axis.

    Args:
        probabilities: [..., K].

    Returns:
        [...] entropies in nats; zero probabilities count nothing, and have a finite gradient.
    """
    tiny = torch.finfo(probabilities.dtype).tiny
    return -(probabilities * probabilities.clamp_min(tiny).log()).sum(-1)


def usage(index: Tensor, codebook_size: int) -> Tensor:
    """[K] share of each codeword among indices of any shape, in float64."""
    counts = torch.bincount(index.flatten(), minlength=codebook_size).double()
    return counts / counts.sum()


def perplexity(probabilities: Tensor) -> Tensor:
    """exp of the entropy: the number of codewords in equal use that would have the same entropy."""
    return entropy(probabilities).exp()
