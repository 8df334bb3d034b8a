"""LLRs of square Gray-labelled QAM, each dimension on its own.

The bits of a symbol label alternate between the two dimensions (3GPP TS 38.211, section 5.1), and noise is
independent in them, so 2^m points are two sets of 2^(m/2) levels: exact, with far fewer distances. With the
levels in the order of their labels, a bit is an axis of length 2, and the sums over the levels that have a
zero or a one there are sums over the other axes.
"""

import torch
from torch import Tensor


def levels(points: Tensor) -> Tensor:
    """[2^(m/2)] amplitudes of one dimension, in the order of the labels that its bits spell.

    Args:
        points: [2^m] complex points of a square QAM in the order of their MSB-first labels.

    >>> from linksim import Modem
    >>> (levels(Modem(4).constellation()) * 10**0.5).round().tolist()
    [1.0, 3.0, -1.0, -3.0]
    """
    bits = (points.numel() - 1).bit_length()
    # Label bits 0, 2, 4, … choose the in-phase amplitude: points whose other bits are zero have them all.
    spread = torch.arange(2 ** (bits // 2), device=points.device)
    index = torch.zeros_like(spread)
    for position in range(bits // 2):
        index |= ((spread >> position) & 1) << (2 * position + 1)
    return points.real[index]


def demodulate(
    received: Tensor,
    noise_variance: Tensor,
    amplitudes: Tensor,
    demapper: str,
    prior: Tensor | None = None,
) -> Tensor:
    """LLRs ln P(b=1)/P(b=0); the textbook sign is the opposite.

    Args:
        received: [..., S] complex.
        noise_variance: total variance of the complex noise; broadcasts to `received`.
        amplitudes: [2^(m/2)] as `levels` gives them.
        demapper: "app" for exact LLRs, "maxlog" for their maximum approximation.
        prior: [..., S, m] LLRs of the bits before anything was received; None if all are zero.

    Returns:
        [..., S·m] LLRs.
    """
    width = (amplitudes.numel() - 1).bit_length()
    parts = torch.view_as_real(received)
    variance = noise_variance.expand(received.shape)[..., None]
    # Levels first, so that sums over them run along whole rows of symbols.
    column = amplitudes.reshape(-1, *(1,) * parts.dim())
    metric = ((parts - column).square() / -variance).unflatten(0, (2,) * width)
    if prior is not None:
        for bit, own in enumerate(prior.unflatten(-1, (width, 2)).unbind(-2)):
            shape = [2 if axis == bit else 1 for axis in range(width)]
            metric = metric + torch.stack([torch.zeros_like(own), own]).reshape(*shape, *own.shape)
    llr = []
    for bit in range(width):
        others = [axis for axis in range(width) if axis != bit]
        summed = metric
        if others:
            summed = metric.logsumexp(others) if demapper == "app" else metric.amax(others)
        llr.append(summed[1] - summed[0])
    # [..., S, m/2, 2]: in labels the bits of the two dimensions take turns.
    return torch.stack(llr, -2).flatten(-3)
