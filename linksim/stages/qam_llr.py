"""LLRs of square QAM as the modem computes them, with their gradient in closed form."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from linksim.modem import Modem
from linksim.numerics import LEAST_VARIANCE


def qam_llr(received: Tensor, noise_variance: Tensor, modem: Modem) -> Tensor:
    """`modem.demodulate`, differentiable (once) in what was received, at a fraction of the operations.

    With exponents −d²/N0 of the points, the gradient of an LLR is 2/N0 times the difference between the mean
    of the points with a one there, given what was received, and that of the points with a zero. The bits of a
    label take turns between the two dimensions (3GPP TS 38.211, section 5.1), so these are means over the
    levels of one dimension.

    Args:
        received: [B, S] complex.
        noise_variance: broadcasts to [B, S]; its gradient is not asked for.
        modem: of square QAM.

    Returns:
        [B, S·m] ln P(b=1)/P(b=0).
    """
    llr = _QamLlr.apply(received, noise_variance, modem)
    assert isinstance(llr, Tensor)
    return llr


class _QamLlr(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, received: Tensor, noise_variance: Tensor, modem: Modem) -> Tensor:
        ctx.save_for_backward(received, noise_variance)
        ctx.modem = modem
        return modem.demodulate(received, noise_variance)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, None, None]:
        received, noise_variance = ctx.saved_tensors
        modem: Modem = ctx.modem
        width = modem.bits_per_symbol // 2
        parts = torch.view_as_real(received)
        # Each bit of a label of this dimension an axis.
        levels = modem.amplitudes(parts.dtype, parts.device).view(*(2,) * width, *(1,) * parts.dim())
        variance = noise_variance.clamp_min(LEAST_VARIANCE).unsqueeze(-1)
        exponents = (parts - levels).square_().div_(-variance)
        of_bits = gradients[0].unflatten(-1, (-1, width, 2))
        total = torch.zeros_like(parts)
        for bit in range(width):
            by_bit = exponents.movedim(bit, 0).reshape(2, -1, *parts.shape)
            own_levels = levels.movedim(bit, 0).reshape(2, -1, *(1,) * parts.dim())
            zero, one = _mean_level(by_bit, own_levels, modem.demapper)
            total += of_bits[..., bit, :] * (one - zero)
        return torch.view_as_complex(total.mul_(2 / variance)), None, None


def _mean_level(exponents: Tensor, levels: Tensor, demapper: str) -> Tensor:
    """[2, B, S, 2] mean of the levels with a zero and with a one in some place, given what was received.

    Args:
        exponents: [2, levels/2, B, S, 2].
        levels: [2, levels/2, 1, 1, 1].
        demapper: "app", or "maxlog" for the nearest level instead of the mean.
    """
    if demapper == "app":
        return (exponents.softmax(1) * levels).sum(1)
    nearest = exponents.argmax(1, keepdim=True)
    return levels.expand_as(exponents).gather(1, nearest).squeeze(1)
