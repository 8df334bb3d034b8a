"""Quantize: latents to codebook indices."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from linksim.numerics import NORM_EPSILON
from linksim.stages.soft_assignment import soft_assignment


class Quantize(nn.Module):
    """Nearest codeword (hard), or a distribution over the codebook (soft).

    Latents are layer-normalised token by token, without parameters, so that distances have one scale. The two
    maps share their distances, computed in float64: the most probable codeword of the soft map is the hard
    index at every temperature, up to ties of rounded probabilities, whatever else is in the batch.
    """

    def normalise(self, latents: Tensor) -> Tensor:
        """Layer-normalise each token, in float64, so that the result is the same on every machine.

        Args:
            latents: [B, N, D].

        Returns:
            [B, N, D] latents of zero mean and unit variance over D (for D = 1, as given).
        """
        if latents.shape[-1] == 1:
            return latents
        return layer_norm(latents.double(), latents.shape[-1:], eps=NORM_EPSILON).to(latents.dtype)

    def hard(self, latents: Tensor, codebook: Tensor) -> Tensor:
        """Index of the nearest codeword.

        Args:
            latents: [B, N, D], normalised.
            codebook: [K, D].

        Returns:
            [B, N] int64 indices.
        """
        return squared_distances(latents.detach(), codebook.detach()).min(-1).indices

    def soft(self, latents: Tensor, codebook: Tensor, temperature: float) -> Tensor:
        """Distribution over the codebook, softmax(−d²/(√D·T)).

        Args:
            latents: [B, N, D], normalised.
            codebook: [K, D].
            temperature: T > 0.

        Returns:
            [B, N, K] probabilities.
        """
        scale = latents.shape[-1] ** 0.5 * temperature
        distances = squared_distances(latents.detach(), codebook.detach())
        return soft_assignment(latents, codebook, distances, scale)

    def sample(self, assignment: Tensor, uniforms: Tensor) -> Tensor:
        """Draw one index per token from a distribution by inverting its cumulative sum.

        Args:
            assignment: [B, N, K] probabilities.
            uniforms: [B, N] numbers in [0, 1).

        Returns:
            [B, N] int64 indices; a one-hot distribution gives its index for every uniform.
        """
        cumulative = assignment.detach().double().cumsum(-1)
        target = uniforms.double().unsqueeze(-1) * cumulative[..., -1:]
        index = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
        return index.clamp_max(assignment.shape[-1] - 1)


def squared_distances(latents: Tensor, codebook: Tensor) -> Tensor:
    """[..., K] float64 squared Euclidean distances of [..., D] latents to [K, D] codewords."""
    codebook = codebook.double()
    tokens = latents.double().reshape(-1, latents.shape[-1])
    of_codebook = torch.addmm(codebook.square().sum(-1), tokens, codebook.T, alpha=-2)
    distances = of_codebook.add_(tokens.square().sum(-1, keepdim=True))
    return distances.view(*latents.shape[:-1], len(codebook))
