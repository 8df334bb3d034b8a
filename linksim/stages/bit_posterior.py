"""The posterior over codewords from the LLRs of their bits, with its gradient in closed form."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

from linksim.stages.softmax import gradient_of_logits, softmax_of


def bit_posterior(llr: Tensor, logits: Tensor, index_labels: Tensor) -> Tensor:
    """softmax of Σ_j label[k, j]·llr[j] over the codewords, differentiable (once) in the LLRs.

    Automatic differentiation would keep several float64 tensors of the size of the result; this keeps the
    result alone.

    Args:
        llr: [..., b] ln P(b=1)/P(b=0).
        logits: [..., K] these sums in float64, whose own gradient is not asked for; −inf for codewords that
            are left out.
        index_labels: [K, b] zeros and ones.

    Returns:
        [..., K] probabilities in the precision of the LLRs.
    """
    posterior = _BitPosterior.apply(llr, logits, index_labels, False)
    assert isinstance(posterior, Tensor)
    return posterior


def posterior_of_all(llr: Tensor, index_labels: Tensor) -> Tensor:
    """The same over all 2^b indices, where it is a product of probabilities of bits: nothing to normalise.

    Args:
        llr: [..., b] ln P(b=1)/P(b=0).
        index_labels: [2^b, b] zeros and ones.

    Returns:
        [..., 2^b] probabilities in the precision of the LLRs.
    """
    detached = llr.detach()
    logarithms = logsigmoid(torch.cat([-detached, detached], -1)).double()
    logits = logarithms @ torch.cat([1 - index_labels, index_labels], 1).double().T
    posterior = _BitPosterior.apply(llr, logits, index_labels, True)
    assert isinstance(posterior, Tensor)
    return posterior


class _BitPosterior(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, llr: Tensor, logits: Tensor, index_labels: Tensor, normalised: bool) -> Tensor:
        posterior = logits.to(llr.dtype, copy=True).exp_() if normalised else softmax_of(logits, llr.dtype)
        ctx.save_for_backward(posterior, index_labels)
        return posterior

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, None, None, None]:
        posterior, index_labels = ctx.saved_tensors
        return gradient_of_logits(posterior, gradients[0]) @ index_labels.to(posterior), None, None, None
