"""Planted faults: without one the second surrogate is linksim's; it has its defects; every fault tells."""

from dataclasses import fields, replace
from itertools import combinations

import pytest
import torch
from helpers import planted_chain, planted_faults
from helpers.planted_faults import (
    CONTRADICTIONS,
    KNOWN,
    NAMED_STRENGTHS,
    STRENGTHS,
    UNKNOWN,
    surrogate,
)

from linksim import Link, LinkConfig, Trace
from linksim.config import DEFECTS, ChannelName

PADDED = {"tokens": 3, "codebook_size": 48, "embedding_dim": 8, "bits_per_symbol": 4}  # 18 bits in 20
LAYOUTS = [
    PADDED,
    {"tokens": 5, "codebook_size": 32, "embedding_dim": 8, "bits_per_symbol": 6},  # 25 bits in 30
    {"tokens": 4, "codebook_size": 16, "embedding_dim": 6, "bits_per_symbol": 2},  # 16 bits, no padding
    {"tokens": 7, "codebook_size": 11, "embedding_dim": 4, "bits_per_symbol": 6},  # 28 bits in 30, 3 tokens
    {"tokens": 3, "codebook_size": 2, "embedding_dim": 1, "bits_per_symbol": 6},  # one bit per token
]
CHANNELS = ("awgn", "rayleigh", "rayleigh-fast", "rician")
TEMPERATURES = [(0.5, 0.5), (0.9, 1.0), (0.3, 0.15)]
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
FRAMES = 7
SNR_DB = 6.0


def link(sizes=PADDED, channel: ChannelName = "awgn", temperatures=TEMPERATURES[0], dtype=torch.float64):
    made = Link(LinkConfig(**sizes, channel=channel)).to(dtype)
    made.vq_temp, made.symbol_temp = temperatures
    return made


def transmission(a_link, snr_db: float | torch.Tensor = SNR_DB):
    """Latents of scale 1 and a draw."""
    generator = torch.Generator().manual_seed(5)
    shape = (FRAMES, a_link.config.tokens, a_link.config.embedding_dim)
    latents = torch.randn(shape, generator=generator, dtype=a_link.codebook.dtype)
    return latents, a_link.draw(FRAMES, snr_db, generator)


def with_defects(a_link, *names):
    """The link with these defects, and the same codebook and temperatures."""
    defective = Link(replace(a_link.config, defects=names)).to(a_link.codebook.dtype)
    defective.load_state_dict(a_link.state_dict())
    defective.vq_temp, defective.symbol_temp = a_link.vq_temp, a_link.symbol_temp
    return defective


def largest_errors(trace, expected):
    """Largest error of each field over the largest entry of the expected one."""
    errors = {}
    for name in (field.name for field in fields(Trace)):
        value, wanted = getattr(trace, name), getattr(expected, name)
        assert (value is None) == (wanted is None), name
        if wanted is not None:
            assert (value.shape, value.dtype) == (wanted.shape, wanted.dtype), name
            error, scale = (value - wanted).detach().abs().max(), wanted.detach().abs().max()
            errors[name] = float(error / scale) if error > 0 else 0.0
    return errors


def assert_same(trace, expected):
    tolerance = TOLERANCE[expected.embedding.dtype]
    errors = largest_errors(trace, expected)
    assert max(errors.values()) <= tolerance, errors
    assert errors["index"] == errors["decoded_index"] == 0


def distance(trace, other):
    """Energy of the difference of two embeddings over that of the second."""
    difference, scale = trace.embedding - other.embedding, other.embedding
    return float((difference.square().sum() / scale.square().sum()).detach())


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("temperatures", TEMPERATURES, ids=str)
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("sizes", LAYOUTS, ids=lambda sizes: "-".join(map(str, sizes.values())))
def test_without_faults_it_is_the_soft_path(sizes, channel, temperatures, dtype):
    own = link(sizes, channel, temperatures, dtype)
    sent = transmission(own)
    assert_same(surrogate(own)(*sent), own.soft(*sent))


def test_each_frame_has_its_own_snr():
    own = link()
    sent = transmission(own, snr_db=torch.linspace(-10, 25, FRAMES))
    assert_same(surrogate(own)(*sent), own.soft(*sent))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("sizes", LAYOUTS, ids=lambda sizes: "-".join(map(str, sizes.values())))
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_fault_is_the_defect_of_that_name(name, sizes, channel, dtype):
    own = link(sizes, channel, dtype=dtype)
    sent = transmission(own)
    assert_same(surrogate(own, {name: NAMED_STRENGTHS[name]})(*sent), with_defects(own, name).soft(*sent))


@pytest.mark.parametrize("factor", STRENGTHS["llr-scale"])
def test_llr_scale_is_the_factor(factor):
    own = link()
    sent = transmission(own)
    defective = Link(replace(own.config, defects=("llr-scale",), llr_scale_error=factor)).double()
    defective.vq_temp, defective.symbol_temp = own.vq_temp, own.symbol_temp
    assert_same(surrogate(own, {"llr-scale": factor})(*sent), defective.soft(*sent))


PAIRS = [pair for pair in combinations(STRENGTHS, 2) if frozenset(pair) not in CONTRADICTIONS]


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if set(pair) <= set(KNOWN)], ids="+".join)
def test_two_known_faults_are_both_defects(pair):
    own = link()
    sent = transmission(own)
    planted = surrogate(own, {name: NAMED_STRENGTHS[name] for name in pair})(*sent)
    assert_same(planted, with_defects(own, *pair).soft(*sent))


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize(
    ("name", "strength"), [(name, one) for name in STRENGTHS for one in dict.fromkeys(STRENGTHS[name])]
)
def test_every_fault_tells(name, strength, channel):
    own = link(channel=channel)
    sent = transmission(own)
    assert distance(surrogate(own, {name: strength})(*sent), own.soft(*sent)) > 1e-4


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_faults_are_not_one(pair):
    own = link()
    sent = transmission(own)
    faults = {name: STRENGTHS[name][1] for name in pair}
    both = surrogate(own, faults)(*sent)
    for name in pair:
        assert distance(both, surrogate(own, {name: faults[name]})(*sent)) > 1e-5


def test_what_does_not_go_together_is_refused():
    own = link()
    for pair in CONTRADICTIONS:
        with pytest.raises(ValueError, match="contradict"):
            surrogate(own, {name: STRENGTHS[name][0] for name in pair})
    wrong = {
        "radius-3": None,
        "radius-1": 1.0,
        "llr-scale": None,
        "per-bit-grouping": 1.1,
        "iq-imbalance": -0.1,
    }
    for name, strength in wrong.items():
        with pytest.raises(ValueError, match=name):
            surrogate(own, {name: strength})
    with pytest.raises(ValueError, match="uncoded"):
        surrogate(with_defects(own, "radius-1"))


def test_gradients_are_those_of_the_soft_path():
    own = link()
    latents, draw = transmission(own)
    gradients = []
    for path in (surrogate(own), own.soft):
        leaf = latents.clone().requires_grad_()
        embedding = path(leaf, draw).embedding
        assert embedding is not None
        energy = embedding.square().sum()
        gradients.append(torch.autograd.grad(energy, (leaf, own.codebook)))
    for gradient, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("module", [planted_chain, planted_faults], ids=lambda module: module.__name__)
def test_it_shares_only_the_trace_with_linksim(module):
    values = [*vars(module).values()]
    homes = {id(value): (getattr(value, "__module__", None) or "").split(".")[0] for value in values}
    assert {value for value in values if homes[id(value)] == "linksim"} <= {Trace}
    assert not any(getattr(value, "__name__", "").startswith("linksim") for value in values)


def test_every_fault_has_a_place_and_strengths():
    assert set(STRENGTHS) == {*KNOWN, *UNKNOWN}
    assert {*KNOWN.values(), *UNKNOWN.values()} == {"VQ", "symbol", "receiver"}
    assert set(NAMED_STRENGTHS) == set(KNOWN) == set(DEFECTS)
