"""Where the gradient of the hard forward pass comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from linksim import checks

Gradient = Literal["surrogate", "straight-through", "mixed", "gumbel", "reinmax", "score-function"]
GRADIENTS = ("surrogate", "straight-through", "mixed", "gumbel", "reinmax", "score-function")
SURROGATE_AT = ("symbols", "embedding", "end-to-end")


@dataclass(kw_only=True)
class GradientOptions:
    """Backward pass of phase 2."""

    gradient: Gradient = "mixed"
    """surrogate: that of the soft path. straight-through: the link as the identity. mixed: both, weighted.
    gumbel, reinmax: indices are drawn from the assignment, with straight-through Gumbel-softmax or ReinMax.
    score-function: indices are drawn, unbiased and noisy."""
    surrogate_at: Literal["symbols", "embedding", "end-to-end"] = "embedding"
    """Where the surrogate takes over on the way back: before the channel at the symbols, at the received
    embedding, or behind the head at the logits (with --gradient surrogate only)."""
    surrogate_weight: float = 0.5
    """Share of the surrogate in the mixed gradient; the rest is straight-through."""
    surrogate_weight_end: float | None = None
    """Its share in the last epoch, reached in equal steps over phase 2; constant if left out."""
    surrogate_weight_slope: float = 0.0
    """What 1 dB of a frame's Es/N0 above --surrogate-weight-pivot adds to its share (within 0 and 1)."""
    surrogate_weight_pivot: float = 0.0
    """Es/N0 in dB at which a frame has just that share."""

    def _check_gradient(self) -> None:
        checks.one_of("gradient", self.gradient, GRADIENTS)
        checks.one_of("surrogate_at", self.surrogate_at, SURROGATE_AT)
        if self.surrogate_at == "end-to-end" and self.gradient != "surrogate":
            raise ValueError(
                "surrogate_at 'end-to-end' goes with gradient 'surrogate' alone, which it is all of: give "
                f"--gradient surrogate, got {self.gradient!r}"
            )
        checks.real("surrogate_weight", self.surrogate_weight, least=0, most=1)
        if self.surrogate_weight_end is not None:
            checks.real("surrogate_weight_end", self.surrogate_weight_end, least=0, most=1)
        checks.real("surrogate_weight_slope", self.surrogate_weight_slope)
        checks.real("surrogate_weight_pivot", self.surrogate_weight_pivot)

    def share(self, progress: float, snr_db: Tensor) -> Tensor:
        """[B] share of the surrogate in the mixed gradient of frames at an Es/N0 of [B] dB.

        Args:
            progress: how far phase 2 has come, from 0 in its first epoch to 1 in its last.
            snr_db: [B].
        """
        end = self.surrogate_weight if self.surrogate_weight_end is None else self.surrogate_weight_end
        share = self.surrogate_weight + progress * (end - self.surrogate_weight)
        tilt = self.surrogate_weight_slope * (snr_db - self.surrogate_weight_pivot)
        return (share + tilt).clamp(0, 1)

    def backward(self, progress: float, snr_db: Tensor) -> str | Mapping[str, float | Tensor]:
        """What `Link.forward` takes as `backward`; arguments as for `share`."""
        surrogate = "surrogate-at-symbols" if self.surrogate_at == "symbols" else "surrogate"
        if self.gradient == "surrogate":
            return surrogate
        if self.gradient != "mixed":
            return self.gradient
        share = self.share(progress, snr_db)
        return {surrogate: share, "straight-through": 1 - share}
