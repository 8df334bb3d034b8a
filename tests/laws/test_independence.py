"""A frame's result does not depend on the frames beside it, and a draw is a value."""

import pytest
import torch
from helpers.laws import (
    assert_close,
    check_draw_alone,
    check_frame_independence,
    check_soft_frame_independence,
)
from helpers.strategies import cases, double_cases, links, reproducible
from hypothesis import given
from hypothesis import strategies as st

from linksim import Link, LinkConfig


@reproducible(250)
@given(case=double_cases)
def test_hard_result_is_the_same_alone_and_in_a_batch(case):
    check_frame_independence(case.link, case.latents(), case.draw())


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("decision", ["mean", "map"])
def test_hard_result_is_the_same_in_a_large_batch(channel, decision):
    link = Link(LinkConfig(tokens=9, codebook_size=48, channel=channel, decision=decision))
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(100, 9, 16, generator=generator)
    draw = link.draw(100, torch.linspace(-10, 20, 100), generator)
    check_frame_independence(link, latents, draw)


def test_hard_result_does_not_depend_on_what_the_other_frames_hold():
    link = Link(LinkConfig(tokens=3, codebook_size=11, bits_per_symbol=6, channel="rayleigh"))
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(2, 3, 16, generator=generator)
    draw = link.draw(2, 5.0, generator)
    before = link.hard(latents, draw)
    latents[1] *= -1000
    after = link.hard(latents, draw)
    for field in ("index", "bits", "symbols", "received", "llr", "posterior", "embedding"):
        assert torch.equal(getattr(before, field)[0], getattr(after, field)[0]), field


@reproducible(150)
@given(case=cases)
def test_soft_result_is_the_same_alone_and_in_a_batch(case):
    temperatures = case.vq_temp, case.symbol_temp
    check_soft_frame_independence(case.link, case.latents(), case.draw(), *temperatures)


@reproducible(80)
@given(link=links(), frames=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_draw_with_a_generator_per_frame_is_the_one_made_alone(link, frames, seed):
    snr_db = torch.linspace(-10, 30, frames, dtype=link.codebook.dtype)
    check_draw_alone(link, snr_db, [seed + frame for frame in range(frames)])


def test_result_with_a_generator_per_frame_is_the_one_alone():
    link = Link(LinkConfig(tokens=5, codebook_size=20, bits_per_symbol=6, channel="rayleigh"))
    latents = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(2))
    seeds = (10, 11, 12)
    together = link.hard(latents, link.draw(3, 4.0, [torch.Generator().manual_seed(s) for s in seeds]))
    for frame, seed in enumerate(seeds):
        draw = link.draw(1, 4.0, torch.Generator().manual_seed(seed))
        alone = link.hard(latents[frame : frame + 1], draw)
        assert torch.equal(alone.symbols[0], together.symbols[frame])
        assert torch.equal(alone.decoded_index[0], together.decoded_index[frame])
        assert_close("embedding", alone.embedding[0], together.embedding[frame], 1e-5)


@reproducible(80)
@given(case=cases)
def test_same_seed_gives_the_same_draw(case):
    first, second = case.draw(), case.draw()
    other = case.link.draw(case.frames, case.snr_db, torch.Generator().manual_seed(case.seed + 1))
    assert torch.equal(first.uniforms, second.uniforms)
    assert not torch.equal(first.uniforms, other.uniforms)
    for name, value in first.channel.items():
        assert torch.equal(value, second.channel[name])
        if name in ("noise", "gain", "gain_error"):
            assert not torch.equal(value, other.channel[name])


def test_paths_do_not_change_the_draw():
    link = Link(LinkConfig(channel="rayleigh"))
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(4, 16, 16, generator=generator)
    draw = link.draw(4, 5.0, generator)
    copies = {name: value.clone() for name, value in draw.channel.items()}
    uniforms = draw.uniforms.clone()
    first = link.hard(latents, draw)
    link.soft(latents, draw)
    link.mixed(latents, draw, paths={"quantize": "soft"})
    link(latents, draw).embedding.sum().backward()
    assert torch.equal(draw.uniforms, uniforms)
    assert all(torch.equal(value, copies[name]) for name, value in draw.channel.items())
    assert torch.equal(link.hard(latents, draw).embedding, first.embedding)


def test_soft_and_hard_see_the_same_channel():
    link = Link(LinkConfig(channel="rayleigh")).double()
    generator = torch.Generator().manual_seed(4)
    latents = torch.randn(4, 16, 16, dtype=torch.float64, generator=generator)
    draw = link.draw(4, 5.0, generator)
    hard, soft = link.hard(latents, draw), link.soft(latents, draw)
    gain = draw.channel["gain"]
    assert (soft.symbols - hard.symbols).abs().max() > 0.1
    torch.testing.assert_close(soft.received - gain * soft.symbols, hard.received - gain * hard.symbols)
