"""The mirror law: on hard inputs the soft path is the hard path, stage by stage and as a whole.

Each function takes a link and signals, raises `Broken` if its law does not hold, and otherwise returns the
largest error. Tolerances are 1e-6 in float64 and 1e-4 in float32. They apply to bits, probabilities and
symbols as they are; to received symbols and LLRs relative to the largest magnitude in the batch (at least 1);
to embeddings relative to the largest entry of the codebook (at least 1).
"""

import itertools

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from linksim.chain import STAGES
from linksim.link import Link
from linksim.signals import Draw, Trace
from linksim.verification.broken import TOLERANCE, close, magnitude, require, same, signal
from linksim.verification.formulas import number_of

UNIT_FIELDS = ("information_bits", "bits", "symbols", "transmitted", "posterior")
"""Signals whose errors count as they are."""

SCALED_FIELDS = ("received", "llr", "information_llr")
"""Signals whose errors count relative to their largest magnitude."""


def lift(index: Tensor, codebook_size: int, dtype: torch.dtype) -> Tensor:
    """Indices as one-hot distributions."""
    return one_hot(index, codebook_size).to(dtype)


def check_map_law(link: Link, index: Tensor, temperature: float) -> float:
    """map.soft(lift(index)) == lift(map.hard(index)): bits, symbols, and symbol distributions."""
    dtype = link.codebook.dtype
    width = link.layout.bits_per_symbol
    bits, symbols = link.map.hard(index)
    soft_bits, probabilities, mean = link.map.soft(lift(index, len(link.codebook), dtype), temperature)
    labels = [[number_of(group.tolist()) for group in row.split(width)] for row in bits]
    expected = lift(torch.tensor(labels), 2**width, dtype)
    return max(
        close("bits", soft_bits, bits, TOLERANCE[dtype]),
        close("symbols", mean, symbols, TOLERANCE[dtype]),
        close("symbol probabilities", probabilities, expected, TOLERANCE[dtype]),
    )


def check_decide_law(link: Link, llr: Tensor) -> float:
    """The decision is one function; of "map", which hands on a codeword, posterior and index are."""
    tolerance, scale = TOLERANCE[llr.dtype], magnitude(link.codebook)
    hard, soft = link.decide.hard(llr, link.codebook), link.decide.soft(llr, link.codebook)
    error = close("posterior", soft.posterior, hard.posterior, tolerance)
    same("decoded index of the two paths", soft.index, hard.index)
    at_index = hard.posterior.gather(-1, hard.index.unsqueeze(-1)).squeeze(-1)
    same("probability of the decoded index and the largest one", at_index, hard.posterior.amax(-1))
    close("sum of the posterior", hard.posterior.sum(-1), torch.ones_like(at_index), tolerance)
    check_handed_on(link, hard.index, hard.embedding)
    if link.config.decision != "map":
        error = max(error, close("embedding", soft.embedding, hard.embedding, tolerance, scale))
    return error


def check_handed_on(link: Link, index: Tensor, embedding: Tensor) -> None:
    """A "map" receiver hands on the codeword, as it stores it, of the index that it decided for."""
    if link.config.decision == "map":
        codewords = link.decide.codewords(link.codebook)
        same("embedding and codeword of the decoded index", embedding, codewords[index])


def check_quantize_law(link: Link, latents: Tensor, temperature: float) -> float:
    """The hard index has the largest soft probability, and the distribution sums to one."""
    codebook = link.codebook
    normalised = link.quantize.normalise(latents)
    index = link.quantize.hard(normalised, codebook)
    soft = link.quantize.soft(normalised, codebook, temperature)
    require(index.shape == latents.shape[:-1], f"index has shape {list(index.shape)}")
    require(((index >= 0) & (index < len(codebook))).all(), "an index has no codeword")
    error = close("sum of the assignment", soft.sum(-1), torch.ones_like(soft[..., 0]), TOLERANCE[soft.dtype])
    at_index = soft.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    same("probability of the hard index and the largest one", at_index, soft.amax(-1))
    return error


def check_quantize_limit(link: Link, latents: Tensor) -> int:
    """Away from ties the soft assignment tends to the one-hot of the hard index as T → 0.

    A token counts as away from ties at temperature T if the second nearest codeword is so much further that
    all others together have a probability below the tolerance. Returns how many tokens counted.
    """
    codebook, dtype = link.codebook, link.codebook.dtype
    normalised = link.quantize.normalise(latents)
    difference = normalised.unsqueeze(-2).double() - codebook.double()
    distance = difference.square().sum(-1).sort(-1).values
    gap = distance[..., 1] - distance[..., 0]
    expected = lift(link.quantize.hard(normalised, codebook), len(codebook), dtype)
    counted = 0
    for temperature in (0.05, 1e-2, 1e-4, 1e-6):
        clear = gap / (codebook.shape[1] ** 0.5 * temperature) > 20 + len(codebook) ** 0.5
        soft = link.quantize.soft(normalised, codebook, temperature)
        if clear.any():
            close("assignment", soft[clear], expected[clear], TOLERANCE[dtype])
        counted += int(clear.sum())
    return counted


def check_whole_link_law(link: Link, index: Tensor, draw: Draw, vq_temp: float, symbol_temp: float) -> float:
    """On a given index soft, hard and every mixture agree from the bits to the embedding."""
    hard = link.hard(index=index, draw=draw)
    same("index", signal(hard, "index"), index)
    check_handed_on(link, signal(hard, "decoded_index"), signal(hard, "embedding"))
    error = 0.0
    for choice in itertools.product(("hard", "soft"), repeat=len(STAGES)):
        paths: dict[str, str] = dict(zip(STAGES, choice, strict=True))
        mixed = link.mixed(index=index, draw=draw, paths=paths, vq_temp=vq_temp, symbol_temp=symbol_temp)
        error = max(error, _check_same_trace(link, str(paths), mixed, hard))
    return error


def _check_same_trace(link: Link, name: str, trace: Trace, hard: Trace) -> float:
    tolerance, error = TOLERANCE[link.codebook.dtype], 0.0
    scales = dict.fromkeys(UNIT_FIELDS, 1.0)
    scales |= {field: magnitude(signal(hard, field)) for field in SCALED_FIELDS}
    if link.config.decision != "map":
        scales["embedding"] = magnitude(link.codebook)
    for field, scale in scales.items():
        actual, expected = signal(trace, field), signal(hard, field)
        error = max(error, close(f"{name}: {field}", actual, expected, tolerance, scale))
    same(f"{name}: decoded index", signal(trace, "decoded_index"), signal(hard, "decoded_index"))
    if hard.crc_ok is not None:
        same(f"{name}: CRC", signal(trace, "crc_ok"), hard.crc_ok)
    return error


def check_gradients_finite(
    link: Link, latents: Tensor, draw: Draw, vq_temp: float, symbol_temp: float
) -> Trace:
    """Gradients of the soft embedding and mean symbols reach latents and codebook and are finite."""
    latents = latents.clone().requires_grad_()
    trace = link.soft(latents, draw, vq_temp=vq_temp, symbol_temp=symbol_temp)
    energy = signal(trace, "symbols").abs().square().sum()
    probability = signal(trace, "symbol_probabilities").square().sum()
    embedding = signal(trace, "embedding").square().sum()
    for name, value in (("embedding", embedding), ("symbols", energy + probability)):
        gradients = torch.autograd.grad(value, (latents, link.codebook), retain_graph=True)
        for place, gradient in zip(("latents", "codebook"), gradients, strict=True):
            message = f"gradient of {name} with respect to {place} is not finite"
            require(torch.isfinite(gradient).all(), message)
    return trace
