"""Bundles and their parts, made from links and models without training."""

import torch

from linksim.config import LinkConfig
from linksim.deploy.manifest import IntegerWords
from linksim.deploy.tables import CodeGraph, Tables
from linksim.stages.decide_integer import IntegerArithmetic
from linksim.stages.llr_quantizer import LlrQuantizer
from linksim_training import build_model
from linksim_training.export.bundle import write_bundle
from linksim_training.export.tables import tables_of

DIGITS = (1, 8, 8)
CODED = LinkConfig(
    tokens=6,
    codebook_size=11,
    embedding_dim=5,
    bits_per_symbol=6,
    channel="rayleigh-fast",
    crc="CRC11",
    code="ldpc",
    bp_iterations=6,
    adc_bits=6,
    llr_bits=6,
)
"""Code, padding, interleaver, converters, fading, words, and a codebook whose size is no power of two."""


def integer_of(config):
    """The arithmetic of a link's integer receiver."""
    return IntegerArithmetic(
        LlrQuantizer(config.llr_bits or 6, config.llr_step), config.weight_bits, config.codebook_bits
    )


def words_of(config, codebook):
    """What a manifest says of that arithmetic."""
    integer = integer_of(config)
    return IntegerWords(
        integer.llr.bits,
        integer.llr.step,
        integer.weight_bits,
        integer.codebook_bits,
        float(integer.codebook_step(codebook)),
    )


def tables_from(link):
    """The tables of a float32 link as a bundle would read them."""
    arrays, layout = tables_of(link, integer_of(link.config)), link.layout

    graph = None
    if layout.code != "none":
        graph = CodeGraph(*(arrays[name] for name in ("checks", "variables", "positions", "known_zeros")))
    plain = ("codebook", "labels", "constellation", "integer_codebook", "weights")
    return Tables(
        *(arrays[name] for name in plain),
        arrays.get("generator"),
        arrays.get("crc"),
        graph,
    )


def images_of(shape=DIGITS, count=6, seed=0):
    """[count, c, h, w] random images in [0, 1]."""
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def model_for(config, shape=DIGITS, classes=10):
    """A model as it is before training, on the codebook of a seed, in evaluation mode."""
    return build_model(shape, classes, config, seed=3).eval()


def bundle_of(config, folder, shape=DIGITS, **options):
    """Write the bundle of an untrained model; the model."""
    model = model_for(config, shape)
    write_bundle(model, folder, images_of(shape), **options)
    return model
