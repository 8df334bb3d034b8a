"""Gray-labelled PSK, and points of one's own."""

import cmath
import itertools
import math

import numpy as np
import pytest
import torch
from helpers.oracles import check_llr, check_llr_sign
from helpers.qam import label_bits

from linksim import Link, LinkConfig, Modem
from linksim.constellations import psk_points
from linksim.seeds import stream

EIGHT_PSK = {0b000: 0, 0b001: 1, 0b011: 2, 0b010: 3, 0b110: 4, 0b111: 5, 0b101: 6, 0b100: 7}
"""Position on the circle, in eighths of a turn, of each label."""


def test_bpsk_and_qpsk_by_hand():
    assert psk_points(1).tolist() == [1, -1]
    assert psk_points(2).tolist() == [1, 1j, -1j, -1]  # labels 00, 01, 10, 11


def test_8_psk_by_hand():
    points = psk_points(3)
    for label, position in EIGHT_PSK.items():
        assert points[label].item() == pytest.approx(cmath.exp(2j * math.pi * position / 8), abs=1e-14)


@pytest.mark.parametrize("width", range(1, 7))
def test_neighbours_on_the_circle_differ_in_one_bit(width):
    points = psk_points(width)
    assert points.shape == (2**width,)
    assert points.dtype == torch.complex128
    torch.testing.assert_close(points.abs(), torch.ones(2**width).double(), rtol=0, atol=2e-15)
    turn = (points.angle() / (2 * math.pi) * 2**width).round().long() % 2**width
    label_at = turn.argsort().tolist()
    assert sorted(label_at) == list(range(2**width))
    for position in range(2**width):
        neighbours = label_at[position] ^ label_at[(position + 1) % 2**width]
        assert neighbours.bit_count() == 1
        expected = cmath.exp(2j * math.pi * position / 2**width)
        assert points[label_at[position]].item() == pytest.approx(expected, abs=1e-14)
        assert label_at[position] == position ^ (position >> 1)


@pytest.mark.parametrize("width", range(1, 7))
def test_points_on_the_axes_lie_there_exactly(width):
    """BPSK has nothing in the imaginary part, and its LLR nothing of the noise there."""
    points = psk_points(width)
    smallest = min(abs(part) for part in (*points.real.tolist(), *points.imag.tolist()) if part)
    assert smallest > 0.04


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("width", range(1, 7))
def test_modem_for_psk(width, demapper):
    modem = Modem(width, demapper, modulation="psk")
    points = psk_points(width)
    torch.testing.assert_close(modem.constellation(torch.float64), points, rtol=0, atol=1e-15)
    labels = torch.tensor([label_bits(label, width) for label in range(2**width)]).flatten()
    torch.testing.assert_close(modem.modulate(labels.double()), points, rtol=0, atol=1e-15)
    received = torch.randn(200, dtype=torch.complex128, generator=stream(width))
    for variance in (0.05, 1.0):
        check_llr(modem, received, variance, points.numpy())
        check_llr_sign(modem, received.to(torch.complex64), variance, points.numpy())


def test_llr_of_bpsk_by_hand():
    """ln P(one)/P(zero) = −4·Re(y)/N0."""
    received = torch.tensor([0.3 + 9j, -2.0 - 1j], dtype=torch.complex128)
    llr = Modem(1, modulation="psk").demodulate(received, 0.5)
    assert llr.tolist() == pytest.approx([-2.4, 16.0])


def test_bits_choose_points_msb_first():
    modem = Modem(3, modulation="psk")
    bits = list(itertools.product((0, 1), repeat=3))
    symbols = modem.modulate(torch.tensor(bits).flatten())
    for word, symbol in zip(bits, symbols.tolist(), strict=True):
        position = EIGHT_PSK[4 * word[0] + 2 * word[1] + word[2]]
        assert symbol == pytest.approx(cmath.exp(2j * math.pi * position / 8), abs=1e-6)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 10])
def test_points_of_ones_own_get_unit_mean_energy(width):
    points = 7 * torch.randn(2**width, dtype=torch.complex128, generator=stream(width))
    modem = Modem(width, constellation=points)
    own = modem.constellation(torch.float64)
    assert own.abs().square().mean().item() == pytest.approx(1, rel=1e-12)
    ratio = own / points
    torch.testing.assert_close(ratio, ratio[:1].expand(2**width))
    assert ratio[0].imag.item() == pytest.approx(0, abs=1e-15)
    assert ratio[0].real.item() > 0
    labels = torch.tensor([label_bits(label, width) for label in range(2**width)]).flatten()
    torch.testing.assert_close(modem.modulate(labels.double()), own)


def test_points_may_be_real_single_or_a_list():
    expected = torch.tensor([3, 1, -1, -3], dtype=torch.complex128) / math.sqrt(5)
    for points in (
        torch.tensor([3.0, 1.0, -1.0, -3.0]),
        torch.tensor([3, 1, -1, -3]),
        [3.0, 1.0, -1.0, -3.0],
    ):
        torch.testing.assert_close(Modem(2, constellation=points).constellation(torch.float64), expected)


def test_points_are_not_centred():
    points = torch.tensor([1 + 1j, 2 + 1j], dtype=torch.complex128)
    own = Modem(1, constellation=points).constellation(torch.float64)
    torch.testing.assert_close(own, points / math.sqrt(3.5))


def test_a_constellation_implies_custom_modulation():
    points = torch.tensor([1, 1j], dtype=torch.complex64)
    link = Link(
        LinkConfig(tokens=2, codebook_size=4, bits_per_symbol=1, modulation="psk"), constellation=points
    )
    assert link.config.modulation == "custom"
    torch.testing.assert_close(link.modem.constellation(), points)
    same = Link(LinkConfig(tokens=2, bits_per_symbol=1, modulation="custom"), constellation=points)
    torch.testing.assert_close(same.modem.constellation(), points)


def test_coinciding_points_cannot_be_told_apart():
    """They are taken: the bit in which their labels differ has an LLR of zero."""
    modem = Modem(2, constellation=torch.tensor([1.0, 1.0, -1.0, -1.0]))
    received = torch.randn(50, dtype=torch.complex128, generator=stream(0))
    llr = modem.demodulate(received, 0.3).unflatten(0, (50, 2))
    np.testing.assert_allclose(llr[:, 1], 0, atol=1e-12)
    torch.testing.assert_close(llr[:, 0], -4 * received.real / 0.3)


@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_a_link_with_psk_recovers_its_indices(width):
    config = LinkConfig(tokens=7, codebook_size=23, bits_per_symbol=width, modulation="psk", embedding_dim=3)
    link = Link(config)
    index = torch.randint(23, (20, 7), generator=stream(1))
    trace = link.hard(index=index, draw=link.draw(20, 40.0, stream(2)))
    assert torch.equal(trace.decoded_index, index)
    torch.testing.assert_close(trace.symbols.abs(), torch.ones_like(trace.symbols.real))
