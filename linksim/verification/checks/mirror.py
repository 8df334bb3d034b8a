"""The mirror law of every stage, and the exact distributions between hard inputs."""

from linksim.config import LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.verification.broken import TOLERANCE, during, require
from linksim.verification.laws import (
    check_decide_law,
    check_gradients_finite,
    check_map_law,
    check_quantize_law,
    check_quantize_limit,
    check_whole_link_law,
)
from linksim.verification.links import CONFIGURATIONS, links
from linksim.verification.oracles import (
    check_posterior,
    check_quantize_formula,
    check_sharpening,
    check_symbol_enumeration,
)
from linksim.verification.random_inputs import (
    random_distributions,
    random_index,
    random_latents,
    random_llr,
)

FRAMES = 3
SNR_DB = 8.0
TEMPERATURES = ((0.7, 0.7), (0.05, 2.0))
"""Pairs of vq_temp and symbol_temp."""


def quantize_law(seed: int) -> str:
    """The hard index is the most probable one of the soft assignment, which tends to it as T → 0."""
    tokens = 0
    for name, link in links():
        generator = stream(seed, "verify", "quantize-law", name)
        with during(name):
            latents = random_latents(link, 20, generator)
            for vq_temp, _ in TEMPERATURES:
                check_quantize_law(link, latents, vq_temp)
                check_quantize_formula(link, latents, vq_temp)
            tokens += check_quantize_limit(link, latents)
    require(tokens > 0, "no token is away from ties")
    return f"{2 * len(CONFIGURATIONS)} links, {tokens} limits"


def map_law(seed: int) -> str:
    """Soft bits, symbol distributions and mean symbols of an index are the hard ones at any temperature."""
    errors = []
    for name, link in links():
        index = random_index(link, 20, stream(seed, "verify", "map-law", name))
        for _, symbol_temp in TEMPERATURES:
            with during(f"{name}, T = {symbol_temp:g}"):
                errors.append(check_map_law(link, index, symbol_temp))
    return _largest(errors)


def decide_law(seed: int) -> str:
    """Both paths decide alike, for the most probable index, by Bayes' rule over the codewords."""
    errors = []
    for name, link in links():
        llr = random_llr(link, 20, stream(seed, "verify", "decide-law", name))
        for scale in (0.3, 5.0, 1e4):
            with during(f"{name}, LLRs of {scale:g}"):
                errors.append(check_decide_law(link, scale * llr))
                if link.decide.integer is None and link.config.decision != "radius":
                    check_posterior(link, scale * llr)
    return _largest(errors)


def link_law(seed: int) -> str:
    """Soft, hard and every mixture transmit an index alike, from the bits to the embedding."""
    errors = []
    for name, link in links():
        generator = stream(seed, "verify", "link-law", name)
        index = random_index(link, FRAMES, generator)
        with during(name):
            draw = link.draw(FRAMES, SNR_DB, generator)
            errors.append(check_whole_link_law(link, index, draw, *TEMPERATURES[1]))
    return _largest(errors)


def gradients(seed: int) -> str:
    """Gradients of the soft path reach latents and codebook and are finite."""
    for name, link in links():
        generator = stream(seed, "verify", "gradients", name)
        latents = random_latents(link, FRAMES, generator)
        draw = link.draw(FRAMES, SNR_DB, generator)
        for temperatures in TEMPERATURES:
            with during(f"{name}, T = {temperatures}"):
                check_gradients_finite(link, latents, draw, *temperatures)
    return f"{2 * len(CONFIGURATIONS)} links"


def symbol_distribution(seed: int) -> str:
    """Symbol distributions and mean symbols against the sum over all tuples of indices."""
    sizes = [(3, 4, 2), (3, 11, 6), (2, 20, 4), (4, 5, 10), (1, 300, 4), (5, 2, 8)]
    tuples, share = 0, 0.0
    for tokens, codebook_size, width in sizes:
        config = LinkConfig(
            tokens=tokens, codebook_size=codebook_size, bits_per_symbol=width, embedding_dim=2
        )
        generator = stream(seed, "verify", "symbol-distribution", tokens, codebook_size)
        with during(f"{tokens} tokens of {codebook_size}, {2**width}-QAM"):
            link = Link(config).double()
            assignment = random_distributions(1, tokens, codebook_size, 2.0, generator)
            share = max(share, check_symbol_enumeration(link, assignment))
            share = max(share, check_sharpening(link, assignment, 0.5))
        tuples += codebook_size**tokens
    return f"{tuples} tuples, off by at most {share * 1e-6:.1g}, allowed 1e-06"


def _largest(errors: list[float]) -> str:
    allowed = ", ".join(f"{tolerance:.0e}" for tolerance in TOLERANCE.values())
    return f"{len(errors)} cases, off by at most {max(errors):.1g}; allowed {allowed} in float32, float64"
