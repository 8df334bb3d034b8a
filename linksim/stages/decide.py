"""Decide: LLRs to a distribution over the codebook, an index and an embedding."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from linksim.bits import labels
from linksim.frame import FrameLayout
from linksim.stages.bit_posterior import bit_posterior, posterior_of_all
from linksim.stages.decide_integer import IntegerArithmetic


@dataclass(frozen=True)
class Decision:
    """What the receiver makes of a frame: posterior [B, N, K], index [B, N], embedding [B, N, D]."""

    posterior: Tensor
    index: Tensor
    embedding: Tensor


class Decide(nn.Module):
    """Posterior over the codewords, and what is handed on.

    posterior(k) ∝ exp Σ_j label[k, j]·llr[j], which is Bayes' rule for equally probable codewords and
    independent bits. Only the K codewords have a place in it, so an index that does not exist (K not a
    power of two) has probability zero.

    - "mean" hands on the posterior mean over the codebook;
    - "radius" the posterior mean over the codewords whose labels lie within a Hamming distance of the hard
      bits, or the most probable codeword where there is none;
    - "map" the most probable codeword; its soft map is the posterior mean, since a maximum has no exact
      differentiable twin. The others are one function on both paths.

    Args:
        layout: of the frame.
        decision: "mean", "radius" or "map".
        radius: of the Hamming ball, at least 0.
        integer: receiver's arithmetic on quantized LLRs; None for floating point.
    """

    index_labels: Tensor
    places: Tensor

    def __init__(
        self,
        layout: FrameLayout,
        decision: str = "mean",
        radius: int = 1,
        integer: IntegerArithmetic | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.decision = decision
        self.radius = radius
        self.integer = integer
        own_labels = labels(layout.codebook_size, layout.bits_per_token)
        self.register_buffer("index_labels", own_labels.float(), persistent=False)
        # What each bit adds to the index: that of the label with a one there alone.
        alone = own_labels.sum(1) == 1
        places = own_labels[alone].T @ alone.nonzero().flatten()
        self.register_buffer("places", places, persistent=False)

    def codewords(self, codebook: Tensor) -> Tensor:
        """[K, D] codebook as the receiver stores it."""
        return codebook if self.integer is None else self.integer.codewords(codebook)

    def hard(self, llr: Tensor, codebook: Tensor) -> Decision:
        """Decide as deployed.

        Args:
            llr: [B, N·b] ln P(b=1)/P(b=0) of the information bits.
            codebook: [K, D].
        """
        decided = self.soft(llr, codebook)
        if self.decision != "map":
            return decided
        return replace(decided, embedding=self.codewords(codebook)[decided.index])

    def soft(self, llr: Tensor, codebook: Tensor) -> Decision:
        """Decide differentiably: the posterior mean, with the most probable index beside it.

        Args:
            llr: [B, N·b] ln P(b=1)/P(b=0) of the information bits.
            codebook: [K, D].
        """
        per_token = llr.unflatten(1, (self.layout.tokens, self.layout.bits_per_token))
        if self.decision != "radius" and self.integer is None and self._all_indices_exist:
            posterior = posterior_of_all(per_token, self.index_labels)
            # The hard decisions on the bits are the most probable index.
            index = ((per_token > 0) * self.places).sum(-1)
            return Decision(posterior, index, posterior @ codebook)
        # In float64, so that a weak LLR still counts beside a huge one.
        own_labels = self.index_labels.double()
        logits = per_token.double() @ own_labels.T
        if self.integer is not None:
            words = self.integer.words(per_token).double()
            scores = words @ own_labels.T
            excluded = self._excluded(words, scores)
            index = scores.masked_fill(excluded, -torch.inf).argmax(-1)
            posterior, embedding = self.integer.mean(scores, logits, excluded, codebook)
            return Decision(posterior, index, embedding)
        logits = logits.detach()
        if self.decision == "radius":  # others leave none out; a copy and a mask are large
            logits = logits.masked_fill(self._excluded(per_token, logits), -torch.inf)
        posterior = bit_posterior(per_token, logits, self.index_labels)
        return Decision(posterior, logits.argmax(-1), posterior @ codebook)

    @property
    def _all_indices_exist(self) -> bool:
        return self.layout.codebook_size == 2**self.layout.bits_per_token

    def _excluded(self, per_token: Tensor, scores: Tensor) -> Tensor:
        """[B, N, K] codewords that the decision leaves out."""
        if self.decision != "radius":
            return torch.zeros_like(scores, dtype=torch.bool)
        bits = (per_token.detach() > 0).to(self.index_labels).unsqueeze(-2)
        distance = (bits - self.index_labels).abs().sum(-1)
        ball = distance <= self.radius
        most_probable = one_hot(scores.argmax(-1), scores.shape[-1]).bool()
        return ~torch.where(ball.any(-1, keepdim=True), ball, most_probable)
