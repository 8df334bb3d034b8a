"""The stages against independent references; each function raises `Broken` if a stage is wrong.

Functions that compare with a reference return the largest error over what is allowed.
"""

import math

import numpy as np
import torch
from torch import Tensor

from linksim.link import Link
from linksim.modem import Modem
from linksim.verification.broken import TOLERANCE, near, require, same, signal
from linksim.verification.enumeration import enumerate_frame
from linksim.verification.formulas import Points, label_bits, llr, qam_points, qam_symbol


def check_modulation(modem: Modem, bits: Tensor) -> float:
    """[n·m] bits become the QAM symbols that the formulas of 38.211 give."""
    groups = bits.int().tolist()
    width = modem.bits_per_symbol
    expected = [qam_symbol(groups[start : start + width]) for start in range(0, len(groups), width)]
    return near("symbols", modem.modulate(bits), np.array(expected), absolute=1e-6)


def check_llr(modem: Modem, received: Tensor, noise_variance: float, points: Points) -> float:
    """[n] received symbols get the LLRs of the definition, to 1e-4 relative plus 1e-4 absolute."""
    expected = llr(received.numpy(), noise_variance, points, modem.demapper)
    actual = modem.demodulate(received, noise_variance).reshape(expected.shape)
    return near("LLR", actual, expected, relative=1e-4, absolute=1e-4)


def check_llr_sign(
    modem: Modem, received: Tensor, noise_variance: float, points: Points, tiny: float = 1e-2
) -> None:
    """LLRs are finite and have the sign of the definition where that is not tiny."""
    expected = llr(received.numpy(), noise_variance, points, modem.demapper)
    actual = modem.demodulate(received, noise_variance).reshape(expected.shape).numpy()
    require(np.isfinite(actual).all(), "LLR is not finite")
    clear = np.abs(expected) > tiny
    wrong = int((np.sign(actual[clear]) != np.sign(expected[clear])).sum())
    require(not wrong, f"{wrong} of {int(clear.sum())} LLRs have the wrong sign")


def check_symbol_enumeration(link: Link, assignment: Tensor) -> float:
    """Bit and symbol distributions and mean symbols at T = 1 equal the sum over all index tuples."""
    tolerance, share = TOLERANCE[assignment.dtype], 0.0
    bits, probabilities, mean = link.map.soft(assignment, 1.0)
    for frame, distribution in enumerate(assignment.numpy()):
        expected = enumerate_frame(distribution, link.layout.bits_per_symbol)
        share = max(
            share,
            near("bits", bits[frame], expected[0], absolute=tolerance),
            near("symbol probabilities", probabilities[frame], expected[1], absolute=tolerance),
            near("mean symbols", mean[frame], expected[2], absolute=tolerance),
        )
    return share


def check_sharpening(link: Link, assignment: Tensor, temperature: float) -> float:
    """At temperature T the symbol distribution is proportional to the enumerated p^(1/T)."""
    _, probabilities, mean = link.map.soft(assignment, temperature)
    width = link.layout.bits_per_symbol
    points, tolerance, share = qam_points(width), TOLERANCE[assignment.dtype], 0.0
    for frame, distribution in enumerate(assignment.numpy()):
        powers = enumerate_frame(distribution, width)[1] ** (1 / temperature)
        expected = powers / powers.sum(-1, keepdims=True)
        share = max(
            share,
            near("symbol probabilities", probabilities[frame], expected, absolute=tolerance),
            near("mean symbols", mean[frame], expected @ points, absolute=tolerance),
        )
    return share


def check_posterior(link: Link, llrs: Tensor) -> None:
    """Posterior, most probable index and posterior mean equal Bayes' rule over the K codewords."""
    layout = link.layout
    width = layout.bits_per_token
    labels = np.array([label_bits(index, width) for index in range(layout.codebook_size)])
    per_token = llrs.double().numpy().reshape(len(llrs), layout.tokens, width)
    score = per_token @ labels.T
    weight = np.exp(score - score.max(-1, keepdims=True))
    expected = weight / weight.sum(-1, keepdims=True)
    codebook = link.codebook.detach().double().numpy()
    scale = max(1.0, np.abs(codebook).max())
    # an LLR enters as it is, so its rounding is part of the scale of a float32 posterior
    tolerance = TOLERANCE[llrs.dtype] * max(1.0, np.abs(score).max() / 100)
    decided = link.decide.hard(llrs, link.codebook)
    near("posterior", decided.posterior, expected, absolute=tolerance)
    first_two = np.sort(expected, axis=-1)[..., -2:]
    clear = first_two[..., 1] - first_two[..., 0] > 2 * tolerance
    require((decided.index.numpy() == expected.argmax(-1))[clear].all(), "decoded index is not Bayes' rule")
    if link.config.decision == "mean":
        near("embedding", decided.embedding, expected @ codebook, absolute=tolerance * scale)


def check_quantize_formula(link: Link, latents: Tensor, temperature: float) -> None:
    """Indices and assignment follow from layer-normalised latents and squared distances in float64."""
    z, codebook = latents.detach().double().numpy(), link.codebook.detach().double().numpy()
    if z.shape[-1] > 1:
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)
    distance = ((z[..., None, :] - codebook) ** 2).sum(-1)
    weight = np.exp((distance.min(-1, keepdims=True) - distance) / (math.sqrt(z.shape[-1]) * temperature))
    expected = weight / weight.sum(-1, keepdims=True)
    normalised = link.quantize.normalise(latents)
    soft = link.quantize.soft(normalised, link.codebook, temperature)
    tolerance = TOLERANCE[latents.dtype] * max(1.0, 0.1 / temperature)
    near("assignment", soft, expected, absolute=tolerance)
    nearest = np.sort(distance, axis=-1)
    clear = nearest[..., 1] - nearest[..., 0] > TOLERANCE[latents.dtype] * (1 + nearest[..., 1])
    index = link.quantize.hard(normalised, link.codebook).numpy()
    require((index == distance.argmin(-1))[clear].all(), "an index is not that of the nearest codeword")


def check_reaches_receiver(link: Link, index: Tensor, generator: torch.Generator) -> int:
    """At 60 dB, in frames that do not fade, the receiver finds every index and returns its codeword.

    Returns:
        how many frames did not fade.
    """
    draw = link.draw(len(index), 60.0, generator)
    trace = link.hard(index=index, draw=draw)
    strong = draw.channel.get("gain", torch.ones(len(index), 1)).abs().amin(1) > 0.2
    same("sent and decoded index at 60 dB", signal(trace, "decoded_index")[strong], index[strong])
    expected = link.codebook[index]
    error = (signal(trace, "embedding") - expected)[strong].detach().abs()
    require((error < 1e-5).all(), "embedding is not its codeword at 60 dB")
    return int(strong.sum())
