"""Named defects of the surrogate: options, the deployed path beside them, laws, gradients, all together."""

import json
from dataclasses import dataclass, field, fields

import numpy as np
import pytest
import torch
from helpers.laws import check_gradients_finite, check_whole_link_law
from helpers.qam import label_bits, llr, qam_points

from linksim import Link, LinkConfig, Trace
from linksim.arguments import parse
from linksim.config import DEFECTS
from linksim.seeds import stream
from linksim.stages.decide import Decide
from linksim.stages.map import Map

SIZES = {"tokens": 3, "codebook_size": 5, "embedding_dim": 4, "bits_per_symbol": 4}  # 9 bits in 12
LEGACY = ("batch-padding", "per-bit-grouping", "distance-softmax", "radius-2")
EVERY = tuple(name for name in DEFECTS if name != "radius-1")
CHOICES = [*((name,) for name in DEFECTS), LEGACY, EVERY]


def link(*defects, **options):
    return Link(LinkConfig(**{**SIZES, **options}, defects=defects)).double()


def latents(frames=5):
    return torch.randn(frames, 3, 4, dtype=torch.float64, generator=stream(1))


def draw(a_link, frames=5, snr_db=5.0):
    return a_link.draw(frames, snr_db, stream(2))


def assert_same(trace, expected):
    for one in fields(Trace):
        value, wanted = getattr(trace, one.name), getattr(expected, one.name)
        if isinstance(wanted, torch.Tensor):
            assert torch.equal(value, wanted), one.name
        elif one.name != "surrogate":
            assert value is wanted, one.name


@pytest.mark.parametrize("defects", CHOICES, ids="+".join)
@pytest.mark.parametrize(
    "options", [{}, {"decision": "map", "channel": "rayleigh"}, {"llr_bits": 4}], ids=str
)
def test_the_deployed_path_has_no_defects(defects, options):
    own, clean = link(*defects, **options), link(**options)
    drawn = draw(own)
    index = torch.randint(5, (5, 3), generator=stream(3))
    assert_same(own.hard(latents(), drawn), clean.hard(latents(), drawn))
    assert_same(own.hard(index=index, draw=drawn), clean.hard(index=index, draw=drawn))
    bits = torch.randint(2, (5, 9), generator=stream(4))
    assert_same(own.hard(bits=bits, draw=drawn), clean.hard(bits=bits, draw=drawn))
    trace = own(latents(), drawn)
    assert torch.equal(trace.embedding, clean(latents(), drawn).embedding)
    assert_same(trace.surrogate, own.soft(latents(), drawn))


def test_without_defects_the_stages_are_those_deployed():
    own = link()
    assert type(own.map) is Map
    assert type(own.decide) is Decide
    assert own.defects.map(own.map) is own.map
    assert own.defects.front_end(own.front_end, torch.zeros(1)) is own.front_end
    assert own.defects.demap(own.demap) is own.demap
    assert own.defects.decide(own.decide) is own.decide
    drawn = draw(own)
    trace = own.soft(latents(), drawn)
    assignment = own.quantize.soft(own.quantize.normalise(latents()), own.codebook, 0.7)
    symbols = own.map.soft(assignment, 0.7)[2]
    decided = own.decide.soft(own.demap(*own.channel.apply(symbols, drawn.channel)), own.codebook)
    assert torch.equal(trace.symbols, symbols)
    assert torch.equal(trace.embedding, decided.embedding)


@pytest.mark.parametrize("defects", CHOICES, ids="+".join)
def test_shapes_are_those_of_every_trace(defects):
    own = link(*defects)
    soft, expected = own.soft(latents(), draw(own)), link().soft(latents(), draw(own))
    for one in fields(Trace):
        value, wanted = getattr(soft, one.name), getattr(expected, one.name)
        if wanted is not None:
            assert (value.shape, value.dtype) == (wanted.shape, wanted.dtype), one.name
    assert soft.compare(own.hard(latents(), draw(own))).keys() == expected.compare(expected).keys()


KEEPS_THE_LAW = {"per-bit-grouping": {}}
"""Independent bits are right on hard ones."""
KEEPS_IT_WITH = {
    "batch-padding": {"tokens": 4},  # 12 bits in 3 symbols
    "radius-1": {"decision": "radius", "radius": 1},
    "radius-2": {"decision": "radius", "radius": 2},
    "llr-scale": {"llr_scale_error": 1.0},
    "transmit-statistics": {"modulation": "psk", "bits_per_symbol": 3},  # every symbol has unit energy
}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_mirror_law_notices_what_it_can(name):
    def check(**options):
        own = link(name, **options)
        index = torch.randint(5, (6, own.config.tokens), generator=stream(3))
        check_whole_link_law(own, index, draw(own, frames=6), 0.7, 1.3)

    if name in KEEPS_THE_LAW:
        check()
        return
    with pytest.raises(AssertionError):
        check()
    if name in KEEPS_IT_WITH:
        check(**KEEPS_IT_WITH[name])


@pytest.mark.parametrize("defects", CHOICES, ids="+".join)
@pytest.mark.parametrize("vq_temp", [0.05, 0.7])
def test_gradients_are_finite(defects, vq_temp):
    own = link(*defects)
    check_gradients_finite(own, 3 * latents(), draw(own), vq_temp, 0.7)


@pytest.mark.parametrize("defects", CHOICES, ids="+".join)
def test_gradients_are_those_of_finite_differences(defects):
    own = link(*defects)
    given = latents(2).requires_grad_()
    drawn = draw(own, frames=2)
    assert torch.autograd.gradcheck(lambda z: own.soft(z, drawn).embedding, given, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 3, 4, 5])
def test_the_legacy_surrogate_from_assignment_to_embedding(frames):
    """Written out in loops; 9 bits per frame in symbols of 4, so most batches end inside a symbol."""
    own = link(*LEGACY)
    drawn = draw(own, frames)
    soft = own.soft(latents(frames), drawn, symbol_temp=0.6).detach()
    assignment, labels = soft.assignment.numpy(), np.array([label_bits(k, 3) for k in range(5)])
    stream_of_bits = [p for frame in assignment for token in frame for p in token @ labels]
    grid = np.array(stream_of_bits + [0.0] * (12 * frames - len(stream_of_bits))).reshape(-1, 4)
    patterns = np.array([label_bits(label, 4) for label in range(16)])
    noise, variance = drawn.channel["noise"].numpy().flatten(), float(drawn.channel["noise_variance"][0])
    llrs = []
    for place, probabilities in enumerate(grid):
        weight = np.exp(-((probabilities - patterns) ** 2).sum(1) / 0.6)
        received = weight @ qam_points(4) / weight.sum() + np.sqrt(variance) * noise[place]
        llrs += list(llr([received], variance, qam_points(4), "app")[0])
    expected = []
    for token in np.array(llrs[: 9 * frames]).reshape(-1, 3):
        inside = [k for k in range(5) if np.abs(labels[k] - (token > 0)).sum() <= 2]
        weight = np.exp(labels[inside] @ token)
        expected.append(weight @ own.codebook.detach().numpy()[inside] / weight.sum())
    np.testing.assert_allclose(soft.llr.flatten().numpy(), llrs[: 9 * frames], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(soft.embedding.reshape(-1, 4).numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("given", [list, tuple])
def test_names_are_stored_in_one_order_without_duplicates(given):
    config = LinkConfig(defects=given(["radius-2", "batch-padding", "per-bit-grouping", "batch-padding"]))
    assert config.defects == ("per-bit-grouping", "batch-padding", "radius-2")
    assert config == LinkConfig(defects=["per-bit-grouping", "batch-padding", "radius-2"])
    assert hash(config) == hash(LinkConfig(**config.as_dict()))
    assert LinkConfig(defects=[]).defects == LinkConfig().defects == ()


def test_a_configuration_survives_its_dictionary():
    config = LinkConfig(defects=LEGACY, llr_scale_error=3)
    stored = config.as_dict()
    assert stored["defects"] == ["per-bit-grouping", "batch-padding", "distance-softmax", "radius-2"]
    assert type(stored["defects"]) is list
    assert stored["llr_scale_error"] == 3.0
    assert LinkConfig(**json.loads(json.dumps(stored))) == config


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"defects": "llr-scale"}, TypeError, ["defects", "list", "'llr-scale'"]),
        ({"defects": None}, TypeError, ["defects", "list", "None"]),
        (
            {"defects": ["llr_scale"]},
            ValueError,
            ["'llr_scale'", "llr-scale", "radius-1"],
        ),
        ({"defects": [1]}, ValueError, ["defects", "1"]),
        ({"defects": ["radius-1", "radius-2"]}, ValueError, ["radius-1", "radius-2", "leave"]),
        ({"defects": ["batch-padding"], "code": "ldpc"}, ValueError, ["batch-padding", "interleaver='none'"]),
        (
            {"defects": ["transmit-statistics"], "channel": "bsc", "modulation": "psk", "bits_per_symbol": 1},
            ValueError,
            ["transmit-statistics", "bsc", "another channel"],
        ),
        ({"llr_scale_error": 0}, ValueError, ["llr_scale_error", "greater than 0"]),
        ({"llr_scale_error": -2.0}, ValueError, ["llr_scale_error", "-2"]),
        ({"llr_scale_error": float("nan")}, ValueError, ["llr_scale_error", "finite"]),
        ({"llr_scale_error": "2"}, TypeError, ["llr_scale_error", "'2'"]),
    ],
)
def test_refusals_name_argument_value_and_fix(options, error, words):
    with pytest.raises(error) as caught:
        LinkConfig(**options)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@dataclass(kw_only=True)
class Options:
    """As the commands have them."""

    link: LinkConfig = field(default_factory=LinkConfig)


def test_on_the_command_line():
    words = ["--defects", "llr-scale", "per-bit-grouping", "--llr-scale-error", "4", "--tokens", "2"]
    for default in (None, Options()):
        read = parse(Options, words, "train", default=default).link
        assert read == LinkConfig(defects=["per-bit-grouping", "llr-scale"], llr_scale_error=4.0, tokens=2)
        assert parse(Options, [], "train", default=default).link.defects == ()
    with pytest.raises(ValueError, match="radius"):
        parse(Options, ["--defects", "radius-3"], "train")
    with pytest.raises(ValueError, match="leave one of them out"):
        parse(Options, ["--defects", "radius-1", "radius-2"], "train")


def test_help_explains_every_name(capsys):
    with pytest.raises(SystemExit):
        parse(Options, ["--help"], "train")
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    _, _, explained = text.partition("- per-bit-grouping:")
    assert explained
    for name in DEFECTS[1:]:
        assert f"{name}:" in explained or f"{name}," in explained
