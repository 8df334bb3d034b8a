"""A surrogate of the link written a second time, from the formulas alone, with places for faults.

It shares no code with linksim: of a link it takes the configuration, the codebook and the temperatures, of a
draw the tensors in it, and it fills a `linksim.Trace`. All is computed in float64 and handed out in the
precision of the link. What the faults mean is in `helpers.planted_faults`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from linksim import Trace

if TYPE_CHECKING:
    from linksim import Draw, Link

Faults = Mapping[str, float | None]
"""Strengths by name."""

STALE_SEED = 20240607
LAYER_NORM_EPSILON = 1e-5  # torch's, which linksim leaves as it is
LEAST_ENERGY = 1e-12
LEAST_PROBABILITY = torch.finfo(torch.float64).tiny  # its logarithm has a finite derivative


def transmit(link: Link, faults: Faults, latents: Tensor, draw: Draw) -> Trace:
    """The chain from latents to embeddings."""
    dtype = link.codebook.dtype
    codebook = link.codebook.double()
    labels = msb_first(link.config.codebook_size, link.layout.bits_per_token).to(codebook)
    width = link.config.bits_per_symbol

    latents = normalised(latents.to(codebook.device, dtype).double())
    assignment, index, quantized = quantize(latents, codebook, link.vq_temp, faults)

    sent_labels = labels.flip(-1) if "lsb-first" in faults else labels
    information_bits = (assignment @ sent_labels).flatten(1)
    bits = lay_out(information_bits, width, faults)
    probabilities = symbol_probabilities(assignment, sent_labels, bits, width, link.symbol_temp, faults)
    patterns = msb_first(2**width, width).to(codebook)
    points = gray_qam(patterns)
    symbols = (probabilities * points).sum(-1)
    if "iq-imbalance" in faults:
        symbols = symbols + strength_of(faults, "iq-imbalance") * symbols.conj()

    scale = transmit_scale(symbols, information_bits.numel(), width, faults)
    transmitted = scale * symbols
    # AWGN has no gain; a drawn one, [B, 1] or [B, S], is known to the receiver.
    gain = draw.channel.get("gain", torch.ones(1, 1)).to(symbols)
    variance = draw.channel["noise_variance"].to(codebook)
    received = (gain * transmitted + variance.sqrt() * draw.channel["noise"].to(symbols)) / scale

    llr = app_llr(received, gain, variance / scale**2, points, patterns)
    llr = read_back(llr, information_bits.shape, faults) * strength_of(faults, "llr-scale", 1.0)
    if "llr-clipping" in faults:
        most = strength_of(faults, "llr-clipping")
        llr = llr.clamp(-most, most)
    per_token = llr.unflatten(1, (-1, labels.shape[1]))
    if "swapped-bits" in faults:
        per_token = torch.cat([per_token[..., 1:2], per_token[..., 0:1], per_token[..., 2:]], -1)
    posterior = decide(per_token, labels, faults)

    complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    return Trace(
        latents=latents.to(dtype),
        index=index,
        assignment=assignment.to(dtype),
        quantized=quantized.to(dtype),
        information_bits=information_bits.to(dtype),
        bits=bits.to(dtype),
        symbol_probabilities=probabilities.to(dtype),
        symbols=symbols.to(complex_dtype),
        transmitted=transmitted.to(complex_dtype),
        received=received.to(complex_dtype),
        llr=llr.to(dtype),
        information_llr=per_token.flatten(1).to(dtype),  # where bits are swapped: behind the demapper
        posterior=posterior.to(dtype),
        decoded_index=posterior.argmax(-1),
        embedding=(posterior @ codebook).to(dtype),
    )


def strength_of(faults: Faults, name: str, otherwise: float | None = None) -> float:
    strength = faults.get(name, otherwise)
    assert strength is not None
    return strength


def msb_first(count: int, width: int) -> Tensor:
    """[count, width] binary digits of 0, 1, …, most significant first."""
    return torch.tensor(list(product((0, 1), repeat=width))[:count])


def normalised(latents: Tensor) -> Tensor:
    """Layer norm of each token, without parameters; one component alone stays as it is."""
    if latents.shape[-1] == 1:
        return latents
    centred = latents - latents.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + LAYER_NORM_EPSILON).sqrt()


def quantize(
    latents: Tensor, codebook: Tensor, temperature: float, faults: Faults
) -> tuple[Tensor, Tensor, Tensor]:
    """Assignment softmax(−d²/(√D·T)), nearest codeword, and mean codeword."""
    if "stale-codebook" in faults:
        generator = torch.Generator().manual_seed(STALE_SEED)
        noise = torch.randn(codebook.shape, dtype=torch.float64, generator=generator).to(codebook)
        codebook = codebook + strength_of(faults, "stale-codebook") * codebook.norm() / noise.norm() * noise
    squared = (latents.unsqueeze(-2) - codebook).square().sum(-1)
    assignment = (-squared / (math.sqrt(latents.shape[-1]) * temperature)).softmax(-1)
    if "assignment-floor" in faults:
        weight = strength_of(faults, "assignment-floor")
        assignment = (1 - weight) * assignment + weight / codebook.shape[0]
    return assignment, squared.argmin(-1), assignment @ codebook


def lay_out(bits: Tensor, width: int, faults: Faults) -> Tensor:
    """[B, N·b] bits as [B, S·m]: zeros behind each frame, or with "batch-padding" all behind the last one."""
    frames, length = bits.shape
    padded = -(-length // width) * width
    if "batch-padding" in faults:
        return torch.cat([bits.flatten(), bits.new_zeros(frames * (padded - length))]).view(frames, padded)
    return torch.cat([bits, bits.new_zeros(frames, padded - length)], 1)


def read_back(llr: Tensor, shape: torch.Size, faults: Faults) -> Tensor:
    """Undo `lay_out`: [B, S·m] LLRs to [B, N·b]."""
    return llr.flatten()[: shape.numel()].view(shape) if "batch-padding" in faults else llr[:, : shape[1]]


def symbol_probabilities(
    assignment: Tensor, labels: Tensor, bits: Tensor, width: int, temperature: float, faults: Faults
) -> Tensor:
    """[B, S, M] exact distribution of each symbol, or what a fault has in its place, sharpened."""
    patterns = msb_first(2**width, width).to(bits)
    ones = bits.unflatten(1, (-1, 1, width))
    if "distance-softmax" in faults:
        own_temperature = strength_of(faults, "distance-softmax") * temperature
        return (-(ones - patterns).square().sum(-1) / own_temperature).softmax(-1)

    frames = assignment.shape[0]
    streams = assignment.flatten(0, 1).unsqueeze(0) if "batch-padding" in faults else assignment
    exact = exact_distributions(streams, labels, patterns).flatten(0, 1)
    unused = frames * ones.shape[1] - exact.shape[0]  # places at the end of the batch that carry zero bits
    zeros = exact.new_zeros(unused, 2**width)
    zeros[:, 0] = 1
    probabilities = torch.cat([exact, zeros]).unflatten(0, (frames, -1))

    if "per-bit-grouping" in faults:
        share = strength_of(faults, "per-bit-grouping")
        independent = torch.where(patterns == 1, ones, 1 - ones).prod(-1)
        probabilities = (1 - share) * probabilities + share * independent
    possible = probabilities >= LEAST_PROBABILITY
    logits = torch.where(possible, probabilities, 1.0).log() / temperature
    return logits.masked_fill(~possible, -math.inf).softmax(-1)


def exact_distributions(assignment: Tensor, labels: Tensor, patterns: Tensor) -> Tensor:
    """[F, ⌈T·b/m⌉, M] distribution of each symbol of F streams of T tokens, zero bits behind the last token.

    Counted out: P(pattern) is the product over the tokens that the symbol touches of the probability of all
    indices whose bits agree with the pattern in every place that the symbol takes from the token.
    """
    (streams, tokens, size), bits, width = assignment.shape, labels.shape[1], patterns.shape[1]
    symbols = -(-tokens * bits // width)
    # Pad bits are those of more tokens, each of index 0 for certain.
    more = assignment.new_zeros(streams, -(-symbols * width // bits) - tokens, size)
    more[..., 0] = 1
    assignment = torch.cat([assignment, more], 1)

    taken: dict[tuple[tuple[int, int], ...], list[tuple[int, int]]] = defaultdict(list)
    for symbol in range(symbols):
        places: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place in range(width):
            token, bit = divmod(symbol * width + place, bits)
            places[token].append((place, bit))
        for token, from_token in places.items():
            taken[tuple(from_token)].append((symbol, token))

    result = assignment.new_ones(streams, symbols, len(patterns))
    for from_token, where in taken.items():  # a symbol takes the same places from one token only
        place, bit = torch.tensor(from_token).T
        agree = (patterns[:, None, place] == labels[None, :, bit]).all(-1).to(assignment)
        at, of = torch.tensor(where, device=assignment.device).T
        factor = torch.ones_like(result).index_copy(1, at, assignment[:, of] @ agree.T)
        result = result * factor
    return result


def gray_qam(patterns: Tensor) -> Tensor:
    """[M] points of 4, 16 and 64-QAM for [M, m] bits, as 3GPP TS 38.211, section 5.1, writes them."""
    b = 1 - 2 * patterns.T
    if len(b) == 2:
        return torch.complex(b[0], b[1]) / math.sqrt(2)
    if len(b) == 4:
        return torch.complex(b[0] * (2 - b[2]), b[1] * (2 - b[3])) / math.sqrt(10)
    return torch.complex(b[0] * (4 - b[2] * (2 - b[4])), b[1] * (4 - b[3] * (2 - b[5]))) / math.sqrt(42)


def transmit_scale(symbols: Tensor, bits: int, width: int, faults: Faults) -> Tensor | float:
    """(mean energy)^(−α/2) over the batch, without the places that "batch-padding" leaves unused."""
    if "transmit-statistics" not in faults:
        return 1.0
    used = symbols.flatten()[: -(-bits // width)] if "batch-padding" in faults else symbols
    energy = (used.real.square() + used.imag.square()).mean().clamp_min(LEAST_ENERGY)
    return energy ** (-strength_of(faults, "transmit-statistics") / 2)


def app_llr(received: Tensor, gain: Tensor, variance: Tensor, points: Tensor, patterns: Tensor) -> Tensor:
    """[B, S·m] exact ln P(1)/P(0) of each bit, all points equally probable beforehand."""
    difference = received.unsqueeze(-1) - gain.unsqueeze(-1) * points
    exponents = -(difference.real.square() + difference.imag.square()) / variance.unsqueeze(-1)
    llr = [
        exponents[..., one].logsumexp(-1) - exponents[..., ~one].logsumexp(-1) for one in (patterns == 1).T
    ]
    return torch.stack(llr, -1).flatten(1)


def decide(llr: Tensor, labels: Tensor, faults: Faults) -> Tensor:
    """[B, N, K] posterior ∝ exp Σ_j label[k, j]·llr[j] for [B, N, b] LLRs, over a Hamming ball if planted."""
    exponents = llr @ labels.T
    for radius in (1, 2):
        if f"radius-{radius}" in faults:
            distance = ((llr > 0).unsqueeze(-2) != labels.bool()).sum(-1)
            ball = distance <= radius
            most_probable = exponents == exponents.amax(-1, keepdim=True)
            kept = torch.where(ball.any(-1, keepdim=True), ball, most_probable)
            exponents = exponents.masked_fill(~kept, -math.inf)
    return exponents.softmax(-1)
