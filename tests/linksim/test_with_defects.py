"""Links that differ from one another in the defects of their surrogates alone."""

from dataclasses import fields, replace

import pytest
import torch
from helpers.generators import generator
from torch import nn

from linksim import Link, LinkConfig
from linksim.config import DEFECTS
from linksim.stages.quantize import Quantize

SIZES = {"tokens": 3, "codebook_size": 11, "embedding_dim": 6, "bits_per_symbol": 8}


def link_of(defects=(), seed=4, **options):
    link = Link(LinkConfig(**SIZES, defects=defects, **options), generator=generator(seed))
    link.vq_temp, link.symbol_temp = 0.31, 0.47
    return link


def signals(link, frames=20, snr_db=4.0):
    source = generator(9)
    latents = torch.randn(frames, 3, 6, generator=source)
    return latents, link.draw(frames, snr_db, source)


def assert_same(trace, other):
    for field in fields(trace):
        mine, theirs = getattr(trace, field.name), getattr(other, field.name)
        assert (mine is None) == (theirs is None), field.name
        if mine is not None:
            assert torch.equal(mine, theirs), field.name


@pytest.mark.parametrize("start", [(), ("llr-scale", "radius-1")], ids=["exact", "faulty"])
@pytest.mark.parametrize("defect", [*DEFECTS, None])
def test_as_if_made_with_those_defects(start, defect):
    """Removed, added or exchanged: both paths are those of a link made that way."""
    wanted = () if defect is None else (defect,)
    link = link_of(start)
    other, made = link.with_defects(wanted), link_of(wanted)
    assert other.config == made.config
    latents, draw = signals(link)
    assert_same(other.soft(latents, draw), made.soft(latents, draw))
    assert_same(other.hard(latents, draw), made.hard(latents, draw))
    assert_same(other.hard(latents, draw), link.hard(latents, draw))
    assert link.config.defects == start
    before = link_of(start).soft(latents, draw)
    assert_same(link.soft(latents, draw), before)
    if start != wanted:
        assert not torch.equal(other.soft(latents, draw).embedding, before.embedding)


def test_without_defects_the_surrogate_obeys_the_mirror_law():
    link = link_of(("distance-softmax", "batch-padding", "llr-scale", "radius-2"))
    index = torch.randint(11, (20, 3), generator=generator(1))
    draw = link.draw(20, 4.0, generator())
    hard = link.hard(index=index, draw=draw).embedding
    mended = link.with_defects(()).soft(index=index, draw=draw).embedding
    torch.testing.assert_close(mended, hard, atol=1e-5, rtol=1e-5)
    assert (link.soft(index=index, draw=draw).embedding - hard).abs().max() > 0.1


@pytest.mark.parametrize(
    ("own", "given"),
    [
        ((), ()),
        ((), []),
        (("llr-scale",), ["llr-scale"]),
        (("llr-scale",), ("llr-scale", "llr-scale")),
        (("llr-scale", "radius-1"), ("radius-1", "llr-scale")),
    ],
)
def test_the_link_itself_if_nothing_changes(own, given):
    link = link_of(own)
    assert link.with_defects(given) is link
    assert link.with_defects(("radius-2",)) is not link


def test_there_and_back():
    link = link_of(("per-bit-grouping",))
    back = link.with_defects(()).with_defects(("per-bit-grouping",))
    latents, draw = signals(link)
    assert back.config == link.config
    assert back.codebook is link.codebook
    assert_same(back.soft(latents, draw), link.soft(latents, draw))


def test_the_strength_of_a_defect_is_kept():
    link = link_of((), llr_scale_error=3.0)
    latents, draw = signals(link)
    faulty = link.with_defects(("llr-scale",))
    torch.testing.assert_close(faulty.soft(latents, draw).llr, 3 * link.soft(latents, draw).llr)


def test_codebook_and_temperatures():
    link = link_of(("llr-scale",))
    other = link.with_defects(())
    assert (other.vq_temp, other.symbol_temp) == (0.31, 0.47)
    assert other.codebook is link.codebook
    assert [parameter is link.codebook for parameter in other.parameters()] == [True]
    assert list(other.state_dict()) == ["codebook"]
    with torch.no_grad():
        link.codebook.mul_(-2)
    latents, draw = signals(link)
    assert_same(other.hard(latents, draw), link.hard(latents, draw))
    other.soft(latents, draw).embedding.square().sum().backward()
    assert link.codebook.grad is not None
    assert link.codebook.grad.abs().max() > 0
    # Temperatures are numbers of each link: what follows does not change the other.
    other.vq_temp = 5.0
    assert link.vq_temp == 0.31


class Flipped(Quantize):
    """A quantizer of one's own, with a parameter and a mode."""

    def __init__(self):
        super().__init__()
        self.sign = nn.Parameter(torch.tensor(-1.0))

    def normalise(self, latents):
        return self.sign * super().normalise(latents)


class Rotating:
    """A channel of one's own: half a turn, and no noise."""

    def draw(self, frames, symbols, snr_db, generator):
        return {}

    def apply(self, symbols, draw):
        return -symbols, torch.tensor(-1.0), torch.tensor(0.2)


def test_parts_of_ones_own_are_shared():
    points = torch.randn(256, dtype=torch.complex128, generator=generator(3))
    config = LinkConfig(**SIZES, defects=("llr-scale",))
    link = Link(config, quantizer=Flipped(), channel=Rotating(), constellation=points)
    other = link.with_defects(())
    assert other.quantize is link.quantize
    assert other.channel is link.channel
    assert other.config.modulation == "custom"
    # Points are normalised again, which moves them by no more than their rounding.
    points_of = [one.modem.constellation(torch.float64) for one in (link, other)]
    torch.testing.assert_close(*points_of, rtol=1e-15, atol=1e-15)
    made = Link(
        replace(config, defects=()), quantizer=link.quantize, channel=link.channel, constellation=points
    )
    made.vq_temp, made.symbol_temp = link.vq_temp, link.symbol_temp = 0.3, 0.4
    made.codebook = link.codebook
    other = link.with_defects(())
    latents, draw = signals(link)
    for field in ("symbols", "received", "llr", "embedding"):
        for trace, expected in (
            (other.soft(latents, draw), made.soft(latents, draw)),
            (other.hard(latents, draw), link.hard(latents, draw)),
        ):
            torch.testing.assert_close(getattr(trace, field), getattr(expected, field))
    assert not torch.allclose(other.soft(latents, draw).embedding, link.soft(latents, draw).embedding)
    assert set(other.state_dict()) == set(link.state_dict()) == {"codebook", "quantize.sign"}


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_double_precision_is_kept(channel):
    link = link_of(("distance-softmax", "batch-padding"), channel=channel).double()
    other, made = link.with_defects(()), link_of(channel=channel).double()
    assert other.codebook is link.codebook
    assert link.codebook.dtype == torch.float64
    latents, draw = signals(link)
    trace = other.soft(latents.double(), draw)
    assert trace.embedding.dtype == trace.llr.dtype == torch.float64
    assert trace.symbols.dtype == torch.complex128
    assert_same(trace, made.soft(latents.double(), draw))
    faulty = other.with_defects(("distance-softmax", "batch-padding"))
    assert_same(faulty.soft(latents.double(), draw), link.soft(latents.double(), draw))


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_kept(training):
    link = link_of(("radius-1",)).train(training)
    other = link.with_defects(())
    assert {module.training for module in other.modules()} == {training}
    assert {module.training for module in link.modules()} == {training}


def test_no_random_numbers_are_drawn():
    link = link_of(("llr-scale",))
    before = torch.get_rng_state()
    link.with_defects(())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("defects", "error", "message"),
    [
        (("llr-scales",), ValueError, "'llr-scales'"),
        (("llr-scale", "typo"), ValueError, "'typo'"),
        (("radius-1", "radius-2"), ValueError, "leave one of them out"),
        ((1,), (TypeError, ValueError), "defects"),
    ],
)
def test_refusals(defects, error, message):
    link = link_of(("llr-scale",))
    with pytest.raises(error, match=message):
        link.with_defects(defects)
    assert link.config.defects == ("llr-scale",)


def test_defects_that_do_not_go_with_the_link():
    link = Link(LinkConfig(tokens=3, codebook_size=11, modulation="psk", bits_per_symbol=1, channel="bsc"))
    with pytest.raises(ValueError, match="bsc"):
        link.with_defects(("transmit-statistics",))
