"""The mirror law with several modes: on hard inputs and a certain mode the soft path is the hard path."""

import pytest
import torch
from helpers.generators import generator
from helpers.laws import TOLERANCE, assert_close, magnitude
from helpers.routed import randomised, routed_cases, with_config
from helpers.strategies import reproducible
from hypothesis import given

from linksim import Link, LinkConfig
from linksim.modes.routed_link import RoutedLink

MODES = [(16, 2), (64, 4), (11, 6), (64, 2)]
SIZES = {"tokens": 5, "embedding_dim": 4}


def rows_of(trace, number):
    """Of a soft routed trace: the frames that are certain to be in a mode."""
    return torch.nonzero(trace.routing.mode == number).squeeze(1)


def scale_of(routed):
    return max(magnitude(routed.link_of(number).codebook) for number in range(len(routed.modes)))


def check_mirror(routed, index, mode, draw, **temperatures):
    """Embeddings, and in each frame's own mode bits and symbols; returns the hard trace."""
    tolerance = TOLERANCE[routed.codebook.dtype]
    hard = routed.hard(index=index, draw=draw, mode=mode)
    soft = routed.soft(index=index, draw=draw, mode=mode, **temperatures)
    assert_close("embedding", soft.embedding, hard.embedding, tolerance, scale_of(routed))
    assert torch.equal(soft.bits, hard.bits)
    assert torch.equal(soft.symbols, hard.symbols)
    assert torch.equal(soft.routing.mode, hard.routing.mode)
    for number, (mine, deployed) in enumerate(zip(soft.traces, hard.traces, strict=True)):
        rows = rows_of(soft, number)
        assert torch.equal(rows, hard.frames[number])
        if deployed is None:
            assert not len(rows)
            continue
        for name in ("bits", "symbols", "transmitted"):
            assert_close(name, getattr(mine, name)[rows], getattr(deployed, name), tolerance)
    return hard


@reproducible(60)
@given(case=routed_cases)
def test_soft_is_hard_on_indices_and_modes(case):
    """A mode of its own for each frame of the batch, at any temperature, whatever the header is read as."""
    check_mirror(case.link, case.index(), case.mode(), case.draw(), **case.temperatures)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"channel": "rayleigh"},
        {"channel": "rician-fast", "csi_error": 0.05},
        {"decision": "radius"},
        {"code": "ldpc", "crc": "CRC11", "bp_iterations": 3},
    ],
    ids=str,
)
def test_frames_whose_header_is_misread(settings, dtype):
    """A short header at a low SNR, so that many frames are read in another mode on both paths."""
    routed = RoutedLink(LinkConfig(**SIZES, **settings), MODES, header_symbols=1).to(dtype)
    index = torch.randint(11, (40, 5), generator=generator(1))
    mode = torch.arange(40) % 4
    hard = check_mirror(routed, index, mode, routed.draw(40, -5.0, generator(2)))
    assert int((hard.received_mode != mode).sum()) >= 5
    assert int((hard.received_mode == mode).sum()) >= 5


@reproducible(20)
@given(case=routed_cases)
def test_a_mode_is_the_routed_link_in_that_mode(case):
    """Both paths of `mode(i)`, and its differentiable transmission, whose values are those of a path."""
    for number in range(len(case.link.modes)):
        mode = case.link.mode(number)
        draw, latents = case.draw(), case.latents()
        hard, soft = mode.hard(latents, draw), mode.soft(latents, draw, **case.temperatures)
        routed = case.link.hard(latents, draw, mode=number)
        assert torch.equal(routed.embedding, hard.embedding)
        softly = case.link.soft(latents, draw, mode=number, **case.temperatures)
        scale = scale_of(case.link)
        assert_close("soft embedding", softly.embedding, soft.embedding, 1e-6, scale)
        for path, expected in (("hard", hard), ("soft", soft)):
            trace = mode(latents, draw, forward=path, **case.temperatures)
            assert_close(path, trace.embedding, expected.embedding, 1e-6, scale)
            assert_close("surrogate", trace.surrogate.embedding, soft.embedding, 1e-6, scale)


@pytest.mark.parametrize("decision", ["mean", "map", "radius"])
def test_a_path_for_each_frame(decision):
    """Shares of 1 and 0 choose the hard and the soft path frame by frame, of misread frames, too."""
    routed = RoutedLink(LinkConfig(**SIZES, decision=decision), MODES, header_symbols=1).double()
    latents = torch.randn(40, 5, 4, dtype=torch.float64, generator=generator(3))
    draw = routed.draw(40, -3.0, generator(4))
    share = (torch.arange(40) % 2).double()
    for number in range(4):
        mode = routed.mode(number)
        blended = mode(latents, draw, forward=share).embedding
        hard, soft = mode.hard(latents, draw).embedding, mode.soft(latents, draw).embedding
        assert int((routed.parts_of(draw, number)[1] != number)[1::2].sum()) > 2
        assert_close("hard frames", blended[1::2], hard[1::2], 1e-6)
        assert_close("soft frames", blended[::2], soft[::2], 1e-6)


@reproducible(40)
@given(case=routed_cases)
def test_soft_tends_to_hard_as_temperatures_fall(case):
    """In frames without a token between two codewords, with a certain mode."""
    link, latents, mode, draw = case.link, case.latents(), case.mode(), case.draw()
    clear = torch.ones(case.frames, dtype=torch.bool)
    for number, size in enumerate(size for size, _ in link.modes):
        one = link.link_of(number)
        distance = (one.quantize.normalise(latents).unsqueeze(-2) - one.codebook).square().sum(-1)
        nearest = distance.sort(-1).values
        gap = (nearest[..., 1] - nearest[..., 0]) / (one.codebook.shape[1] ** 0.5 * 1e-6)
        clear &= (gap > 20 + size**0.5).all(-1) | (mode != number)
    hard = link.hard(latents, draw, mode=mode)
    soft = link.soft(latents, draw, mode=mode, vq_temp=1e-6, symbol_temp=1e-6)
    if clear.any():
        mine, deployed = soft.embedding[clear], hard.embedding[clear]
        assert_close("embedding", mine, deployed, 1e-6, scale_of(link))


def test_nearly_every_frame_counts_for_that_limit():
    routed = RoutedLink(LinkConfig(**SIZES), MODES).double()
    latents = torch.randn(50, 5, 4, dtype=torch.float64, generator=generator(5))
    draw, mode = routed.draw(50, 6.0, generator(6)), torch.arange(50) % 4
    hard = routed.hard(latents, draw, mode=mode).embedding
    soft = routed.soft(latents, draw, mode=mode, vq_temp=1e-6, symbol_temp=1e-6).embedding
    assert int(((hard - soft).abs().amax((1, 2)) < 1e-6).sum()) >= 49


@reproducible(30)
@given(case=routed_cases)
def test_the_most_probable_mode_is_the_deployed_one(case):
    latents, draw = case.latents(), case.draw()
    hard, soft = case.link.hard(latents, draw), case.link.soft(latents, draw, **case.temperatures)
    assert torch.equal(soft.routing.probabilities.argmax(-1), hard.routing.mode)
    assert_close("sum", soft.routing.probabilities.sum(-1), torch.ones(case.frames).double(), 1e-12)
    assert torch.equal(hard.bits, case.link.bits[hard.routing.mode])
    assert torch.equal(hard.symbols, case.link.symbols[hard.routing.mode])


def test_every_mode_is_picked_somewhere():
    """Otherwise the law above would say little."""
    routed = randomised(RoutedLink(LinkConfig(**SIZES), MODES))
    latents = torch.randn(200, 5, 4, generator=generator(7))
    draw = routed.draw(200, torch.linspace(-10, 30, 200), generator(8))
    assert set(routed.hard(latents, draw).routing.mode.tolist()) == {0, 1, 2, 3}


@reproducible(40)
@given(case=routed_cases)
def test_a_subset_of_the_frames_has_the_same_result(case):
    """To rounding, which converters and words may magnify: ideal hardware."""
    ideal = {"dac_bits": None, "adc_bits": None, "llr_bits": None, "llr_step": None, "arithmetic": "float"}
    case = with_config(case, **ideal, decision="mean")
    link, latents, draw = case.link, case.latents(), case.draw()
    together = link.hard(latents, draw)
    softly = link.soft(latents, draw, **case.temperatures)
    rows = torch.arange(0, case.frames, 2)
    alone = link.hard(latents[rows], draw[rows])
    alone_softly = link.soft(latents[rows], draw[rows], **case.temperatures)
    assert torch.equal(alone.routing.mode, together.routing.mode[rows])
    assert torch.equal(alone.received_mode, together.received_mode[rows])
    scale = scale_of(link)
    assert_close("hard embedding", alone.embedding, together.embedding[rows], 1e-5, scale)
    assert_close("soft symbols", alone_softly.symbols, softly.symbols[rows], 1e-5, magnitude(softly.symbols))
    if link.config.code == "none":  # iterations on soft symbols may double rounding each time
        assert_close("soft embedding", alone_softly.embedding, softly.embedding[rows], 1e-5, scale)


@pytest.mark.parametrize("channel", ["awgn", "rician-fast"])
def test_the_modes_of_other_frames_do_not_matter(channel):
    routed = RoutedLink(LinkConfig(**SIZES, channel=channel), MODES, header_symbols=1).double()
    latents = torch.randn(12, 5, 4, dtype=torch.float64, generator=generator(9))
    draw = routed.draw(12, 2.0, generator(10))
    first = torch.arange(12) % 4
    other = first.clone()
    other[::2] = (other[::2] + 1) % 4
    before, after = (routed.hard(latents, draw, mode=mode) for mode in (first, other))
    assert_close("embedding", after.embedding[1::2], before.embedding[1::2], 1e-12, 10)
    assert torch.equal(after.received_mode[1::2], before.received_mode[1::2])
    assert (after.embedding[::2] - before.embedding[::2]).abs().amax((1, 2)).min() > 1e-3


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("decision", ["mean", "map", "radius"])
def test_one_mode_is_the_link_itself(channel, decision):
    """Same codebook, draw and results, to the last bit; without a header nothing is added to the frame."""
    config = LinkConfig(**SIZES, codebook_size=48, bits_per_symbol=4, channel=channel, decision=decision)
    link, routed = Link(config), RoutedLink(config, [(48, 4)])
    assert torch.equal(routed.codebook, link.codebook)
    latents = torch.randn(6, 5, 4, generator=generator(11))
    draw, own = routed.draw(6, 5.0, generator(12)), link.draw(6, 5.0, generator(12))
    assert all(torch.equal(draw.channel[name], own.channel[name]) for name in own.channel)
    assert torch.equal(draw.uniforms, own.uniforms)
    for path in ("hard", "soft"):
        mine, expected = getattr(routed, path)(latents, draw), getattr(link, path)(latents, own)
        assert torch.equal(mine.embedding, expected.embedding)
        assert torch.equal(mine.traces[0].symbols, expected.symbols)
        assert mine.symbols.tolist() == [link.layout.symbols] * 6
        assert mine.bits.tolist() == [link.layout.information_bits] * 6
