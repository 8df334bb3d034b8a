"""Whole symbols: pad bits of each frame, and the bit interleaver of coded frames."""

import pytest
import torch
from sionna.phy.fec.ldpc import LDPC5GEncoder

from linksim import FrameLayout
from linksim.seeds import stream
from linksim.stages.code import Code
from linksim.stages.padding import pad_frame, strip_frame

CODED = {"code": "ldpc", "code_rate": 0.5}


def layout_of(bits, width, **options):
    return FrameLayout(tokens=bits, codebook_size=2, bits_per_symbol=width, **options)


def test_interleaver_by_hand():
    """24 coded bits in three rows of eight, read column by column; bits stand for their positions."""
    layout = layout_of(12, 3, **CODED)
    positions = torch.arange(24).unsqueeze(0)
    expected = [0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19, 4, 12, 20, 5, 13, 21, 6, 14, 22, 7, 15, 23]
    assert pad_frame(positions, layout).tolist() == [expected]


def test_padding_by_hand():
    """25 bits and three zeros in seven symbols: rows of seven, the zeros at the front of the first row."""
    layout = layout_of(13, 4, code="ldpc", code_rate=0.52)
    assert (layout.coded_bits, layout.pad_bits, layout.symbols) == (25, 3, 7)
    positions = torch.arange(1, 26).unsqueeze(0)
    padded = [0, 0, 0, *range(1, 26)]
    expected = [padded[row * 7 + column] for column in range(7) for row in range(4)]
    assert pad_frame(positions, layout).tolist() == [expected]
    plain = layout_of(13, 4, code="ldpc", code_rate=0.52, interleaver="none")
    assert pad_frame(positions, plain).tolist() == [[*range(1, 26), 0, 0, 0]]


@pytest.mark.parametrize("options", [{}, {"crc": "CRC6"}, {"interleaver": "none"}])
def test_frames_without_a_code_are_not_interleaved(options):
    layout = layout_of(9, 4, **options)
    bits = torch.rand(3, layout.coded_bits, generator=stream(0))
    zeros = torch.zeros(3, layout.pad_bits)
    assert torch.equal(pad_frame(bits, layout), torch.cat([bits, zeros], 1))


@pytest.mark.parametrize("width", range(1, 11))
@pytest.mark.parametrize("bits", [12, 20, 45])
def test_interleaver_is_that_of_sionna(bits, width):
    """With as many coded bits as fill whole symbols, Sionna's encoder interleaves by itself."""
    coded_bits = -(-2 * bits // width) * width
    layout = layout_of(bits, width, code="ldpc", code_rate=bits / coded_bits)
    assert (layout.coded_bits, layout.pad_bits) == (coded_bits, 0)
    message = torch.randint(2, (4, bits), generator=stream(bits)).float()
    sionna = LDPC5GEncoder(bits, coded_bits, num_bits_per_symbol=width, precision="single", device="cpu")
    assert torch.equal(pad_frame(Code(layout).hard(message), layout), sionna(message))


@pytest.mark.parametrize("interleaver", ["none", "38.212"])
@pytest.mark.parametrize("width", range(1, 11))
@pytest.mark.parametrize(("bits", "rate"), [(12, 0.5), (13, 0.4), (31, 0.9), (50, 0.21)])
def test_frames_are_permuted_and_come_back(bits, rate, width, interleaver):
    layout = layout_of(bits, width, code="ldpc", code_rate=rate, interleaver=interleaver)
    positions = torch.stack([torch.arange(layout.coded_bits) + 1, torch.arange(layout.coded_bits) + 1001])
    sent = pad_frame(positions, layout)
    assert sent.shape == (2, layout.symbols * width)
    for row, own in zip(sent.tolist(), positions.tolist(), strict=True):
        assert sorted(row) == [0] * layout.pad_bits + own
    assert torch.equal(strip_frame(sent, layout), positions)


def test_gradients_follow_the_bits():
    layout = layout_of(13, 4, code="ldpc", code_rate=0.52)
    bits = torch.rand(1, 25, dtype=torch.float64, generator=stream(1), requires_grad=True)
    weights = torch.randn(1, 28, dtype=torch.float64, generator=stream(2))
    (gradient,) = torch.autograd.grad((pad_frame(bits, layout) * weights).sum(), bits)
    assert torch.equal(gradient, strip_frame(weights, layout))
