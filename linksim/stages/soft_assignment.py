"""The softmax over squared distances to the codewords, with its gradient in closed form."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from linksim.stages.softmax import gradient_of_logits, softmax_of


def soft_assignment(latents: Tensor, codebook: Tensor, distances: Tensor, scale: float) -> Tensor:
    """softmax(−d²/scale) over the codewords, differentiable (once) in latents and codebook.

    Automatic differentiation would keep several float64 tensors of the size of the result; this keeps the
    result alone.

    Args:
        latents: [..., D].
        codebook: [K, D].
        distances: [..., K] float64 squared distances between them, whose own gradient is not asked for.
        scale: > 0.

    Returns:
        [..., K] probabilities in the precision of the latents; the largest is that of the least distance.
    """
    assignment = _SoftAssignment.apply(latents, codebook, distances, scale)
    assert isinstance(assignment, Tensor)
    return assignment


class _SoftAssignment(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latents: Tensor, codebook: Tensor, distances: Tensor, scale: float) -> Tensor:
        assignment = softmax_of(distances * (-1 / scale), latents.dtype)
        ctx.save_for_backward(latents, codebook, assignment)
        ctx.scale = scale
        return assignment

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        latents, codebook, assignment = ctx.saved_tensors
        logits = gradient_of_logits(assignment, gradients[0]).flatten(0, -2)
        # d² is |latent|² − 2·latent·codeword + |codeword|², and gradients of logits add up to zero over the
        # codewords, so the first term has no part in it.
        of_latents = of_codebook = None
        if ctx.needs_input_grad[0]:
            of_latents = (logits @ codebook).mul_(2 / ctx.scale).view_as(latents)
        if ctx.needs_input_grad[1]:
            pulled = logits.T @ latents.flatten(0, -2)
            of_codebook = (pulled - logits.sum(0).unsqueeze(1) * codebook).mul_(2 / ctx.scale)
        return of_latents, of_codebook, None, None
