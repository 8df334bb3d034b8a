"""How far two signals of one stage are apart, frame by frame.

Each measure takes two tensors whose first dimension counts frames and returns, per frame, an error and the
scale it is to be divided by. Summed over frames, their ratio is the figure; kept per frame, they give its
interval.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Measure = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def energy(signal: Tensor) -> Tensor:
    """[B] energy of each frame, Σ|x|², in float64."""
    signal = signal.flatten(1)
    return signal.abs().double().square().sum(1)


def normalised_error(signal: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Energy of the difference, and energy of the reference."""
    return energy(signal - reference), energy(reference)


def disagreement(signal: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Number of entries that differ, and number of entries."""
    differ = (signal != reference).flatten(1)
    return differ.double().sum(1), torch.full_like(differ[:, 0], differ.shape[1], dtype=torch.float64)


def bit_disagreement(signal: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Bits whose more probable value differs, from probabilities of 1."""
    return disagreement(signal > 0.5, reference > 0.5)


def sign_disagreement(signal: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """LLRs whose hard decision differs."""
    return disagreement(signal > 0, reference > 0)


STAGES: dict[str, tuple[str, Measure]] = {
    "vq_nmse": ("quantized", normalised_error),
    "bit_disagreement": ("bits", bit_disagreement),
    "symbol_nmse": ("symbols", normalised_error),
    "received_nmse": ("received", normalised_error),
    "llr_nmse": ("llr", normalised_error),
    "llr_sign_disagreement": ("llr", sign_disagreement),
    "index_disagreement": ("decoded_index", disagreement),
    "embedding_nmse": ("embedding", normalised_error),
}
"""Figure → (field of the trace, measure), in the order of the chain."""


def stage_errors(trace: Any, reference: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """Error and scale of every frame at every stage, by the name of the figure, without gradient.

    Args:
        trace: a `linksim.Trace`.
        reference: another on the same draw; stages that either lacks are left out.
    """
    found = {}
    for name, (field, measure) in STAGES.items():
        mine, theirs = getattr(trace, field), getattr(reference, field)
        if mine is not None and theirs is not None:
            found[name] = measure(mine.detach(), theirs.detach())
    return found
