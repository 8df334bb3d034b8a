"""Decide: LLRs to a distribution over the codebook, an index and an embedding."""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from linksim.bits import labels
from linksim.frame import FrameLayout


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
    power of two) has probability zero. With the decision "mean" the two maps are one function, the posterior
    mean; "map" hands on the most probable codeword, and its soft map is the posterior mean, since a maximum
    has no exact differentiable twin.
    """

    index_labels: Tensor

    def __init__(self, layout: FrameLayout, decision: str) -> None:
        super().__init__()
        self.layout = layout
        self.decision = decision
        own_labels = labels(layout.codebook_size, layout.bits_per_token)
        self.register_buffer("index_labels", own_labels.float(), persistent=False)

    def hard(self, llr: Tensor, codebook: Tensor) -> Decision:
        """Decide as deployed.

        Args:
            llr: [B, L] ln P(b=1)/P(b=0).
            codebook: [K, D].
        """
        decided = self.soft(llr, codebook)
        return replace(decided, embedding=codebook[decided.index]) if self.decision == "map" else decided

    def soft(self, llr: Tensor, codebook: Tensor) -> Decision:
        """Decide differentiably: the posterior mean, with the most probable index beside it.

        Args:
            llr: [B, L] ln P(b=1)/P(b=0).
            codebook: [K, D].
        """
        per_token = llr.unflatten(1, (self.layout.tokens, self.layout.bits_per_token))
        # In float64, so that a weak LLR still counts beside a huge one.
        logits = per_token.double() @ self.index_labels.T.double()
        posterior = logits.softmax(-1).to(llr.dtype)
        return Decision(posterior, logits.argmax(-1), posterior @ codebook)
