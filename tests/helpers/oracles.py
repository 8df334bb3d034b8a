"""Checks of a link against independent references; each raises AssertionError if the link is wrong."""

import math

import numpy as np
import torch
from helpers.enumeration import enumerate_frame
from helpers.laws import TOLERANCE
from helpers.qam import label_bits, llr, qam_symbol
from scipy import special

from linksim.metrics.intervals import clustered_proportion

LEVEL = 0.999
"""Confidence level of every statistical check; seeds are fixed."""


def assert_near(name, actual, expected, relative=0.0, absolute=0.0):
    """Nowhere further from the NumPy reference than relative·|reference| + absolute."""
    actual = actual.detach().numpy()
    assert actual.shape == expected.shape, f"{name}: shape {actual.shape} instead of {expected.shape}"
    assert np.isfinite(actual).all(), f"{name} is not finite"
    excess = np.abs(actual - expected) - relative * np.abs(expected) - absolute
    assert excess.max() <= 0, f"{name}: {excess.max():g} beyond the tolerance"


def check_modulation(modem, bits):
    """[n·m] bits become the symbols that the formulas of 38.211 give."""
    groups = bits.int().tolist()
    width = modem.bits_per_symbol
    expected = [qam_symbol(groups[start : start + width]) for start in range(0, len(groups), width)]
    assert_near("symbols", modem.modulate(bits), np.array(expected), absolute=1e-6)


def check_llr(modem, received, noise_variance, points):
    """LLRs equal the definition in float64 to 1e-4 relative plus 1e-4 absolute."""
    expected = llr(received.numpy(), noise_variance, points, modem.demapper)
    actual = modem.demodulate(received, noise_variance).reshape(expected.shape)
    assert_near("LLR", actual, expected, relative=1e-4, absolute=1e-4)


def check_llr_sign(modem, received, noise_variance, points, tiny=1e-2):
    """LLRs are finite and have the sign of the definition where that is not tiny."""
    expected = llr(received.numpy(), noise_variance, points, modem.demapper)
    actual = modem.demodulate(received, noise_variance).reshape(expected.shape).numpy()
    assert np.isfinite(actual).all(), "LLR is not finite"
    clear = np.abs(expected) > tiny
    assert (np.sign(actual[clear]) == np.sign(expected[clear])).all(), "LLR has the wrong sign"


def check_symbol_enumeration(link, assignment):
    """Bit and symbol distributions and mean symbols at T = 1 equal the sum over all index tuples."""
    tolerance = TOLERANCE[assignment.dtype]
    bits, probabilities, mean = link.map.soft(assignment, 1.0)
    for frame, distribution in enumerate(assignment.numpy()):
        expected = enumerate_frame(distribution, link.layout.bits_per_symbol)
        assert_near("bits", bits[frame], expected[0], absolute=tolerance)
        assert_near("symbol probabilities", probabilities[frame], expected[1], absolute=tolerance)
        assert_near("mean symbols", mean[frame], expected[2], absolute=tolerance)


def check_sharpening(link, assignment, temperature):
    """At temperature T the symbol distribution is proportional to the enumerated p^(1/T)."""
    _, probabilities, mean = link.map.soft(assignment, temperature)
    width = link.layout.bits_per_symbol
    points = np.array([qam_symbol(label_bits(label, width)) for label in range(2**width)])
    for frame, distribution in enumerate(assignment.numpy()):
        powers = enumerate_frame(distribution, width)[1] ** (1 / temperature)
        expected = powers / powers.sum(-1, keepdims=True)
        tolerance = TOLERANCE[assignment.dtype]
        assert_near("symbol probabilities", probabilities[frame], expected, absolute=tolerance)
        assert_near("mean symbols", mean[frame], expected @ points, absolute=tolerance)


def check_posterior(link, llrs):
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
    assert_near("posterior", decided.posterior, expected, absolute=tolerance)
    first_two = np.sort(expected, axis=-1)[..., -2:]
    clear = first_two[..., 1] - first_two[..., 0] > 2 * tolerance
    assert (decided.index.numpy() == expected.argmax(-1))[clear].all(), "decoded index"
    if link.config.decision == "mean":
        assert_near("embedding", decided.embedding, expected @ codebook, absolute=tolerance * scale)


def check_quantize_formula(link, latents, temperature):
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
    assert_near("assignment", soft, expected, absolute=tolerance)
    nearest = np.sort(distance, axis=-1)
    clear = nearest[..., 1] - nearest[..., 0] > TOLERANCE[latents.dtype] * (1 + nearest[..., 1])
    index = link.quantize.hard(normalised, link.codebook).numpy()
    assert (index == distance.argmin(-1))[clear].all(), "index of the nearest codeword"


def check_reaches_receiver(link, index, generator):
    """At 60 dB, in frames that do not fade, the receiver finds every index and returns its codeword."""
    draw = link.draw(len(index), 60.0, generator)
    trace = link.hard(index=index, draw=draw)
    strong = draw.channel.get("gain", torch.ones(len(index), 1)).abs().flatten() > 0.2
    assert torch.equal(trace.decoded_index[strong], index[strong]), "index is not recovered at 60 dB"
    expected = link.codebook[index]
    error = (trace.embedding - expected)[strong].detach().abs()
    assert (error < 1e-5).all(), "embedding is not its codeword"
    return int(strong.sum())


def chi_square_interval(degrees, level=LEVEL):
    """Interval in which a chi-square variable of so many degrees of freedom lies, equal tails."""
    tail = (1 - level) / 2
    return float(special.chdtri(degrees, 1 - tail)), float(special.chdtri(degrees, tail))


def check_variance(name, samples, variance):
    """Real zero-mean Gaussian samples have the stated variance (exact chi-square test)."""
    low, high = chi_square_interval(samples.numel())
    statistic = float(samples.double().square().sum()) / variance
    assert low <= statistic <= high, (
        f"{name}: variance is {statistic / samples.numel():.4f} of the stated one"
    )


def check_noise(link, index, draw):
    """What the channel adds has total variance N0, half of it in each dimension, uncorrelated."""
    trace = link.hard(index=index, draw=draw)
    gain = draw.channel.get("gain", torch.ones(1))
    noise_variance = 10 ** (-draw.snr_db / 10)
    noise = (trace.received - gain * trace.symbols) / noise_variance.sqrt().unsqueeze(1)
    check_variance("real part", noise.real, 0.5)
    check_variance("imaginary part", noise.imag, 0.5)
    limit = -float(special.ndtri((1 - LEVEL) / 2)) / math.sqrt(noise.numel())
    correlation = float((noise.real * noise.imag).mean()) / 0.5
    assert abs(correlation) < limit, f"real and imaginary part correlate by {correlation:.4f}"


def measured_ber(link, index, draw):
    """Bit errors of hard decisions on the LLRs, and the interval of their rate clustered by frame."""
    with torch.no_grad():
        trace = link.hard(index=index, draw=draw)
    sent = trace.bits[:, : link.layout.information_bits]
    wrong = (trace.llr > 0) != (sent > 0.5)
    errors = wrong.sum(1).numpy()
    _, low, high = clustered_proportion(errors, np.full(len(errors), wrong.shape[1]), LEVEL)
    return int(errors.sum()), low, high


def check_ber(link, index, draw, expected):
    """The simulated bit error rate is compatible with the closed form; at least 100 errors are counted."""
    errors, low, high = measured_ber(link, index, draw)
    assert errors >= 100, f"only {errors} bit errors: choose more frames"
    assert low <= expected <= high, f"closed form {expected:.3e} outside [{low:.3e}, {high:.3e}]"
