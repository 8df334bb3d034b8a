"""Decisions of a receiver with integer arithmetic on quantized LLRs."""

import torch
from torch import Tensor

from linksim.gradients import gradient_only
from linksim.stages.llr_quantizer import LlrQuantizer


class IntegerArithmetic:
    """Scores, posterior weights and codebook as integers; only the last division is exact.

    The score of a codeword is the sum of the LLR words of the ones in its label. Its posterior weight is read
    from a table, round((2^w − 1)·exp(−Δ·d)) for a score that is d below the largest one. The codebook is
    stored as round(c/δ), δ the smallest power of two with which its largest magnitude fits the word. The
    posterior mean is Σ weight·codeword/Σ weight.

    Values are those of the integers, gradients those of the same computation in floating point.

    Args:
        llr: the quantizer of the LLRs.
        weight_bits: w, word length of the weights.
        codebook_bits: word length of the codebook, sign included.
    """

    def __init__(self, llr: LlrQuantizer, weight_bits: int = 8, codebook_bits: int = 8) -> None:
        self.llr = llr
        self.weight_bits = weight_bits
        self.codebook_bits = codebook_bits

    def words(self, llr: Tensor) -> Tensor:
        """[...] LLRs as int64 multiples of the step; saturates."""
        return self.llr.words(llr)

    def weights(self, below: Tensor) -> Tensor:
        """[...] posterior weights, whole numbers in float64, of scores that lie `below` the largest one."""
        return ((2**self.weight_bits - 1) * (-self.llr.step * below).exp()).round()

    def codebook_step(self, codebook: Tensor) -> Tensor:
        """δ, the value of the last bit of the stored codebook."""
        largest = codebook.detach().double().abs().amax().clamp_min(torch.finfo(torch.float32).tiny)
        most = 2 ** (self.codebook_bits - 1) - 1
        return torch.exp2((largest / most).log2().ceil())

    def stored(self, codebook: Tensor) -> Tensor:
        """[K, D] words of the codebook, whole numbers in float64."""
        return (codebook.detach().double() / self.codebook_step(codebook)).round()

    def codewords(self, codebook: Tensor) -> Tensor:
        """[K, D] stored codebook in the units of the codebook, with its gradient."""
        stored = self.stored(codebook) * self.codebook_step(codebook)
        return stored.to(codebook.dtype) + gradient_only(codebook)

    def mean(
        self, scores: Tensor, logits: Tensor, excluded: Tensor, codebook: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Posterior and posterior mean.

        Args:
            scores: [B, N, K] whole numbers in float64.
            logits: [B, N, K] the same before rounding, for the gradient.
            excluded: [B, N, K] codewords that have no place in the posterior.
            codebook: [K, D].

        Returns:
            posterior [B, N, K] and embedding [B, N, D].
        """
        scores = scores.masked_fill(excluded, -torch.inf)
        weights = self.weights(scores.amax(-1, keepdim=True) - scores)
        total = weights.sum(-1, keepdim=True)
        smooth = logits.masked_fill(excluded, -torch.inf).softmax(-1).to(codebook.dtype)
        posterior = (weights / total).to(codebook.dtype) + gradient_only(smooth)
        value = (weights @ self.codewords(codebook).detach().double() / total).to(codebook.dtype)
        return posterior, value + gradient_only(smooth @ codebook)
