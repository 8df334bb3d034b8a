"""What a link refuses, and that it says which argument is wrong."""

import math

import pytest
import torch
from helpers.generators import generator

from linksim import Link, LinkConfig

INDEX = torch.tensor([[0, 1, 2], [4, 3, 2]])


@pytest.fixture
def link():
    return Link(LinkConfig(tokens=3, codebook_size=5, embedding_dim=4))


@pytest.fixture
def draw(link):
    return link.draw(2, 5.0, generator())


@pytest.fixture
def latents():
    return torch.randn(2, 3, 4, generator=generator())


@pytest.mark.parametrize(
    ("snr_db", "error"),
    [
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-math.inf, ValueError),
        (torch.tensor([1.0, math.nan]), ValueError),
        (torch.zeros(3), ValueError),
        (torch.zeros(2, 1), ValueError),
    ],
)
def test_snr_must_be_finite_and_fit(link, snr_db, error):
    with pytest.raises(error, match="snr_db"):
        link.draw(2, snr_db, generator())


@pytest.mark.parametrize(("frames", "error"), [(0, ValueError), (-2, ValueError), (2.0, TypeError)])
def test_frames_must_be_positive(link, frames, error):
    with pytest.raises(error, match="frames"):
        link.draw(frames, 5.0, generator())


def test_generators_must_fit(link):
    with pytest.raises(ValueError, match="generator"):
        link.draw(2, 5.0, [generator()])
    with pytest.raises(TypeError, match="generator"):
        link.draw(2, 5.0, [1, 2])
    with pytest.raises(TypeError):
        link.draw(2, 5.0, None)
    with pytest.raises(TypeError):
        link.draw(2, 5.0)


def test_exactly_one_input(link, draw, latents):
    with pytest.raises(TypeError, match="exactly one"):
        link.hard(draw=draw)
    with pytest.raises(TypeError, match="exactly one"):
        link.hard(latents, draw, index=INDEX)
    with pytest.raises(TypeError, match="exactly one"):
        link.hard(draw=draw, index=INDEX, bits=torch.zeros(2, 9))


@pytest.mark.parametrize("wrong", [None, 5.0, {"noise": torch.zeros(2, 3)}])
def test_draw_must_be_a_draw(link, latents, wrong):
    with pytest.raises(TypeError, match="draw"):
        link.hard(latents, wrong)


@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 3), (2, 3, 5), (2, 2, 4), (2, 1, 3, 4)])
@pytest.mark.parametrize("path", ["hard", "soft"])
def test_latents_must_fit(link, draw, shape, path):
    with pytest.raises(ValueError, match="latents"):
        getattr(link, path)(torch.zeros(shape), draw)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 3, 1)])
def test_index_must_fit(link, draw, shape):
    with pytest.raises(ValueError, match="index"):
        link.hard(index=torch.zeros(shape, dtype=torch.long), draw=draw)


@pytest.mark.parametrize("shape", [(9,), (2, 10), (2, 3, 3)])
def test_bits_must_fit(link, draw, shape):
    """9 information bits: the padding is added by the link."""
    with pytest.raises(ValueError, match="bits"):
        link.hard(bits=torch.zeros(shape), draw=draw)


def test_frames_must_agree_with_the_draw(link, draw):
    with pytest.raises(ValueError, match=r"1 frames.*2"):
        link.hard(index=INDEX[:1], draw=draw)
    with pytest.raises(ValueError, match=r"2 frames.*1"):
        link.soft(index=INDEX, draw=draw[:1])


@pytest.mark.parametrize("value", [-1, 5, 7])
def test_index_must_exist(link, draw, value):
    """K = 5: 5 to 7 can be written with 3 bits but are no codewords."""
    index = INDEX.clone()
    index[1, 2] = value
    for path in (link.hard, link.soft):
        with pytest.raises(ValueError, match="index must hold whole numbers from 0 to 4"):
            path(index=index, draw=draw)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
def test_index_must_be_whole(link, draw, dtype):
    with pytest.raises(TypeError, match="index"):
        link.hard(index=INDEX.to(dtype), draw=draw)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_any_integer_type_is_an_index(link, draw, dtype):
    trace = link.hard(index=INDEX.to(dtype), draw=draw)
    assert torch.equal(trace.index, INDEX)
    assert torch.equal(trace.symbols, link.hard(index=INDEX, draw=draw).symbols)


@pytest.mark.parametrize("value", [-1.0, 0.5, 2.0, math.nan])
def test_bits_must_be_zeros_and_ones(link, draw, value):
    bits = torch.zeros(2, 9)
    bits[0, 4] = value
    with pytest.raises(ValueError, match="bits"):
        link.hard(bits=bits, draw=draw)


def test_bits_may_be_booleans(link, draw):
    bits = torch.tensor([[0, 1, 1, 0, 0, 1, 0, 0, 1]] * 2)
    trace = link.hard(bits=bits.bool(), draw=draw)
    assert torch.equal(trace.symbols, link.hard(bits=bits, draw=draw).symbols)


@pytest.mark.parametrize("name", ["vq_temp", "symbol_temp"])
@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (-0.5, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError)],
)
def test_temperatures_must_be_positive(link, draw, latents, name, value, error):
    with pytest.raises(error, match=name):
        link.soft(latents, draw, **{name: value})
    with pytest.raises(error, match=name):
        link(latents, draw, **{name: value})
    with pytest.raises(error, match=name):
        link.mixed(latents, draw, paths={}, **{name: value})
    setattr(link, name, value)
    with pytest.raises(error, match=name):
        link.soft(latents, draw)


def test_paths_must_be_known(link, draw, latents):
    with pytest.raises(ValueError, match=r"quantize, map, decide.*'channel'"):
        link.mixed(latents, draw, paths={"channel": "soft"})
    with pytest.raises(ValueError, match=r"hard, soft.*'warm'"):
        link.mixed(latents, draw, paths={"map": "warm"})
    with pytest.raises(ValueError, match="forward"):
        link(latents, draw, forward="mean")
    with pytest.raises(ValueError, match="backward"):
        link(latents, draw, backward="reinforce")
    with pytest.raises(ValueError, match="backward"):
        link(latents, draw, backward={"surrogate": -1.0})
    with pytest.raises(TypeError, match="backward"):
        link(latents, draw, backward={"surrogate": "all"})


def test_own_constellation_must_have_one_point_per_label():
    with pytest.raises(ValueError, match=r"\[16\].*\[8\]"):
        Link(LinkConfig(bits_per_symbol=4), constellation=torch.ones(8))
