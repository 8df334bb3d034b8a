"""Error vector magnitude."""

import torch
from torch import Tensor

from linksim.metrics.mismatch import energy


def error_vector(signal: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Energy of the error vector of each frame, and of the reference that it is measured against.

    The reference is scaled by the complex gain that fits the frame best in the least-squares sense, as an
    ideal equaliser would (3GPP TS 38.104, annex B), so that a common gain or phase is no error. Summed over
    frames, the square root of their ratio is the error vector magnitude.

    Args:
        signal: [B, S] complex, as transmitted.
        reference: [B, S] complex, ideal symbols.

    Returns:
        two [B] float64 tensors.
    """
    signal, reference = signal.to(torch.complex128), reference.to(torch.complex128)
    match = (reference.conj() * signal).sum(1) / energy(reference).clamp_min(torch.finfo(torch.float64).tiny)
    scaled = match.unsqueeze(1) * reference
    return energy(signal - scaled), energy(scaled)
