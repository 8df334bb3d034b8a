"""The laws of a link as plain functions: each takes a link and signals and raises AssertionError if broken.

Tolerances are 1e-6 in float64 and 1e-4 in float32. They apply to bits, probabilities and symbols as they are;
to received symbols and LLRs relative to the largest magnitude in the batch (at least 1); to embeddings
relative to the largest entry of the codebook (at least 1).
"""

import itertools

import torch
from helpers.qam import number_of
from torch.nn.functional import one_hot

from linksim.link import STAGES

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-6}
SCALED = ("received", "llr", "embedding")


def assert_close(name, actual, expected, tolerance, scale=1.0):
    """Same shape and dtype, finite, and nowhere further apart than tolerance·scale."""
    assert actual.shape == expected.shape, f"{name}: shape {actual.shape} instead of {expected.shape}"
    assert actual.dtype == expected.dtype, f"{name}: {actual.dtype} instead of {expected.dtype}"
    assert torch.isfinite(torch.view_as_real(actual) if actual.is_complex() else actual).all(), name
    error = float((actual - expected).detach().abs().max())
    assert error <= tolerance * scale, f"{name}: off by {error:g}, allowed {tolerance * scale:g}"


def magnitude(tensor):
    """Largest magnitude, at least 1."""
    return max(1.0, float(tensor.detach().abs().max()))


def lift(index, codebook_size, dtype):
    """Indices as one-hot distributions."""
    return one_hot(index, codebook_size).to(dtype)


def check_map_law(link, index, temperature):
    """map.soft(lift(index)) == lift(map.hard(index)): bits, symbols, and symbol distributions."""
    dtype = link.codebook.dtype
    width = link.layout.bits_per_symbol
    bits, symbols = link.map.hard(index)
    soft_bits, probabilities, mean = link.map.soft(lift(index, len(link.codebook), dtype), temperature)
    labels = [[number_of(group) for group in row.split(width)] for row in bits]
    assert_close("bits", soft_bits, bits, TOLERANCE[dtype])
    assert_close("symbols", mean, symbols, TOLERANCE[dtype])
    expected = lift(torch.tensor(labels), 2**width, dtype)
    assert_close("symbol probabilities", probabilities, expected, TOLERANCE[dtype])


def check_decide_law(link, llr):
    """The decision is one function ("mean"), or agrees in posterior and index ("map")."""
    tolerance, scale = TOLERANCE[llr.dtype], magnitude(link.codebook)
    hard, soft = link.decide.hard(llr, link.codebook), link.decide.soft(llr, link.codebook)
    assert_close("posterior", soft.posterior, hard.posterior, tolerance)
    assert torch.equal(soft.index, hard.index), "decoded index differs between the paths"
    at_index = hard.posterior.gather(-1, hard.index.unsqueeze(-1)).squeeze(-1)
    assert torch.equal(at_index, hard.posterior.amax(-1)), "decoded index is not the most probable one"
    assert_close("posterior sum", hard.posterior.sum(-1), torch.ones_like(at_index), tolerance)
    if link.config.decision == "mean":
        assert_close("embedding", soft.embedding, hard.embedding, tolerance, scale)
    else:
        assert torch.equal(hard.embedding, link.codebook[hard.index]), "MAP embedding is not a codeword"


def check_quantize_law(link, latents, temperature):
    """The hard index has the largest soft probability, and the distribution sums to one."""
    codebook = link.codebook
    normalised = link.quantize.normalise(latents)
    index = link.quantize.hard(normalised, codebook)
    soft = link.quantize.soft(normalised, codebook, temperature)
    assert index.shape == latents.shape[:-1]
    assert ((index >= 0) & (index < len(codebook))).all()
    assert_close("sum", soft.sum(-1), torch.ones_like(soft[..., 0]), TOLERANCE[soft.dtype])
    at_index = soft.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    assert torch.equal(at_index, soft.amax(-1)), "hard index does not have the largest probability"


def check_quantize_limit(link, latents):
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
            assert_close("assignment", soft[clear], expected[clear], TOLERANCE[dtype])
        counted += int(clear.sum())
    return counted


def check_whole_link_law(link, index, draw, vq_temp, symbol_temp):
    """On a given index soft, hard and every mixture agree from the bits to the embedding."""
    hard = link.hard(index=index, draw=draw)
    assert torch.equal(hard.index, index)
    traces = {"soft": link.soft(index=index, draw=draw, vq_temp=vq_temp, symbol_temp=symbol_temp)}
    for choice in itertools.product(("hard", "soft"), repeat=len(STAGES)):
        paths = dict(zip(STAGES, choice, strict=True))
        temperatures = {"vq_temp": vq_temp, "symbol_temp": symbol_temp}
        traces[str(paths)] = link.mixed(index=index, draw=draw, paths=paths, **temperatures)
    for name, trace in traces.items():
        fields = ["bits", "symbols", "received", "llr", "posterior"]
        if link.config.decision == "mean":
            fields.append("embedding")
        for field in fields:
            actual, expected = getattr(trace, field), getattr(hard, field)
            if field == "embedding":
                scale = magnitude(link.codebook)
            else:
                scale = magnitude(expected) if field in SCALED else 1.0
            assert_close(f"{name}: {field}", actual, expected, TOLERANCE[link.codebook.dtype], scale)
        assert torch.equal(trace.decoded_index, hard.decoded_index), f"{name}: decoded index"
    if link.config.decision == "map":
        assert torch.equal(hard.embedding, link.codebook[hard.decoded_index])


def check_gradients_finite(link, latents, draw, vq_temp, symbol_temp):
    """Gradients of the soft embedding and mean symbols reach latents and codebook and are finite."""
    latents = latents.clone().requires_grad_()
    trace = link.soft(latents, draw, vq_temp=vq_temp, symbol_temp=symbol_temp)
    energy = trace.symbols.abs().square().sum()
    probability = trace.symbol_probabilities.square().sum()
    for name, value in (("embedding", trace.embedding.square().sum()), ("symbols", energy + probability)):
        gradients = torch.autograd.grad(value, (latents, link.codebook), retain_graph=True)
        for place, gradient in zip(("latents", "codebook"), gradients, strict=True):
            assert torch.isfinite(gradient).all(), f"gradient of {name} with respect to {place} is not finite"
    return trace


def check_frame_independence(link, latents, draw):
    """Each frame's hard result is the same alone as inside the batch, floats to 1e-5 of their scale."""
    together = link.hard(latents, draw)
    for frame in range(len(draw)):
        alone = link.hard(latents[frame : frame + 1], draw[frame : frame + 1])
        for field in ("index", "bits", "symbols", "decoded_index"):
            same = torch.equal(getattr(alone, field)[0], getattr(together, field)[frame])
            assert same, f"{field} of frame {frame} depends on the batch"
        for field in ("received", "llr", "posterior", "embedding"):
            expected = getattr(together, field)[frame]
            assert_close(field, getattr(alone, field)[0], expected, 1e-5, magnitude(expected))


def check_draw_alone(link, snr_db, seeds):
    """With one generator per frame, the draw of a frame is the one it gets alone."""

    def generator(seed):
        return torch.Generator().manual_seed(seed)

    together = link.draw(len(seeds), snr_db, [generator(seed) for seed in seeds])
    for frame, seed in enumerate(seeds):
        alone = link.draw(1, float(snr_db[frame]), generator(seed))
        inside = together[frame]
        assert torch.equal(alone.snr_db, inside.snr_db), "snr_db"
        assert torch.equal(alone.uniforms, inside.uniforms), "uniforms"
        assert alone.channel.keys() == inside.channel.keys()
        for name, value in alone.channel.items():
            assert torch.equal(value, inside.channel[name]), f"{name} of frame {frame} depends on the batch"


def check_hard_ignores_temperature(link, latents, draw):
    """The hard path is the same at every temperature, bit for bit."""
    before = link.hard(latents, draw)
    remembered = link.vq_temp, link.symbol_temp
    try:
        for link.vq_temp, link.symbol_temp in ((0.05, 2.0), (2.0, 0.05)):
            after = link.hard(latents, draw)
            for field in ("index", "bits", "symbols", "received", "llr", "posterior", "embedding"):
                assert torch.equal(getattr(after, field), getattr(before, field)), field
    finally:
        link.vq_temp, link.symbol_temp = remembered
