"""Uniform quantizers of real signals: rounding in value, straight-through in gradient."""

import torch
from torch import Tensor

from linksim.gradients import gradient_only


def mid_rise(signal: Tensor, full_scale: Tensor | float, bits: int) -> Tensor:
    """Quantize to 2^bits levels ±½Δ, ±1½Δ, … up to ±(full_scale − ½Δ), as a converter does.

    The step is Δ = 2·full_scale/2^bits. There is no level at zero; zero counts as positive. The gradient is
    one inside the full scale and zero where the signal is clipped.

    Args:
        signal: [...] real.
        full_scale: > 0, broadcasts to `signal`.
        bits: word length, at least 1.

    Returns:
        [...] quantized signal.
    """
    half = 2 ** (bits - 1)
    step = full_scale / half
    level = ((signal / step).floor().clamp(-half, half - 1) + 0.5) * step
    return level.detach() + gradient_only(_clip(signal, full_scale))


def mid_tread(signal: Tensor, step: float, bits: int) -> Tensor:
    """Quantize to the 2^bits − 1 levels 0, ±Δ, … ±(2^(bits − 1) − 1)·Δ, as a saturating LLR quantizer does.

    The gradient is one up to the largest level and zero where the signal saturates.

    Args:
        signal: [...] real.
        step: Δ > 0.
        bits: word length, at least 2.

    Returns:
        [...] quantized signal.
    """
    largest = 2 ** (bits - 1) - 1
    level = (signal / step).round().clamp(-largest, largest) * step
    return level.detach() + gradient_only(_clip(signal, largest * step))


def _clip(signal: Tensor, limit: Tensor | float) -> Tensor:
    bound = torch.as_tensor(limit, dtype=signal.dtype, device=signal.device)
    return signal.clamp(-bound, bound)
