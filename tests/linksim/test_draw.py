"""A draw is a value: it has a length, can be cut into frames and joined."""

import numpy as np
import pytest
import torch

from linksim import Draw, Link, LinkConfig

FRAMES = 6


def parts(draw):
    return {"snr_db": draw.snr_db, "uniforms": draw.uniforms, **draw.channel}


def assert_same(draw, other):
    assert parts(draw).keys() == parts(other).keys()
    for name, value in parts(draw).items():
        assert torch.equal(value, parts(other)[name]), name


@pytest.fixture(params=["awgn", "rayleigh"])
def draw(request):
    link = Link(LinkConfig(tokens=3, codebook_size=5, channel=request.param))
    return link.draw(FRAMES, torch.arange(6.0), torch.Generator().manual_seed(0))


def test_every_part_counts_frames(draw):
    assert len(draw) == FRAMES
    assert all(len(value) == FRAMES for value in parts(draw).values())
    assert draw.uniforms.shape == (FRAMES, 3)
    assert ((draw.uniforms >= 0) & (draw.uniforms < 1)).all()
    assert draw.channel["noise"].shape == (FRAMES, 3)
    assert draw.channel["noise"].dtype == torch.complex64


@pytest.mark.parametrize(
    ("selection", "frames"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None), [0, 1, 2, 3, 4, 5]),
        (slice(None, None, 2), [0, 2, 4]),
        (slice(4, 4), []),
        (2, [2]),
        (-1, [5]),
        ([4, 0], [4, 0]),
        (torch.tensor([3, 3, 1]), [3, 3, 1]),
        (torch.tensor([True, False, False, True, False, False]), [0, 3]),
    ],
)
def test_selecting_frames(draw, selection, frames):
    selected = draw[selection]
    assert isinstance(selected, Draw)
    assert len(selected) == len(frames)
    for name, value in parts(draw).items():
        assert torch.equal(parts(selected)[name], value[frames]), name


@pytest.mark.parametrize(
    ("selection", "frames"), [(np.int64(2), [2]), (torch.tensor(2), [2]), ((4, 0), [4, 0])]
)
def test_other_ways_to_name_frames(draw, selection, frames):
    selected = draw[selection]
    for name, value in parts(draw).items():
        assert parts(selected)[name].shape == value[frames].shape
        assert torch.equal(parts(selected)[name], value[frames]), name


@pytest.mark.parametrize("frame", [FRAMES, -FRAMES - 1])
def test_frames_that_do_not_exist(draw, frame):
    with pytest.raises(IndexError, match=f"frame {frame} is not among the {FRAMES} frames"):
        draw[frame]
    with pytest.raises(IndexError):
        draw[[frame]]


def test_iterating_gives_single_frames(draw):
    frames = list(draw)
    assert [len(frame) for frame in frames] == [1] * FRAMES
    assert_same(Draw.cat(frames), draw)


def test_joining_reverses_cutting(draw):
    assert_same(Draw.cat([draw[:2], draw[2:]]), draw)


def test_one_snr_for_all_frames():
    link = Link(LinkConfig())
    number = link.draw(3, 5, torch.Generator().manual_seed(1))
    tensor = link.draw(3, torch.full((3,), 5.0), torch.Generator().manual_seed(1))
    assert_same(number, tensor)
    assert number.snr_db.tolist() == [5.0, 5.0, 5.0]


def test_the_same_channel_at_another_snr():
    """Noise of unit variance is drawn, so the same seed gives the same noise at every SNR."""
    link = Link(LinkConfig(channel="rayleigh"))
    low = link.draw(3, -5.0, torch.Generator().manual_seed(2))
    high = link.draw(3, 25.0, torch.Generator().manual_seed(2))
    assert torch.equal(low.channel["noise"], high.channel["noise"])
    assert torch.equal(low.channel["gain"], high.channel["gain"])
    torch.testing.assert_close(low.channel["noise_variance"], 1000 * high.channel["noise_variance"])


def test_moving_keeps_values(draw):
    assert_same(draw.to("cpu"), draw)


def test_generators_advance():
    link = Link(LinkConfig())
    generator = torch.Generator().manual_seed(3)
    first, second = link.draw(2, 5.0, generator), link.draw(2, 5.0, generator)
    assert not torch.equal(first.channel["noise"], second.channel["noise"])
    assert not torch.equal(first.uniforms, second.uniforms)
