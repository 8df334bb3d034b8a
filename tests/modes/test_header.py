"""The header of a frame: its code, and how often it is read wrong, against closed forms."""

import itertools

import numpy as np
import pytest
import torch
from helpers.generators import generator
from scipy.integrate import quad
from scipy.special import comb
from scipy.stats import binomtest, norm

from linksim import LinkConfig
from linksim.modes.header import Header
from linksim.modes.routed_link import RoutedLink

FRAMES = 20_000
LEVEL = 1e-4


def wrong_headers(modes, symbols, snr_db, sent, seed=0, **config):
    """How many of `FRAMES` headers that say `sent` are read as another mode."""
    routed = RoutedLink(LinkConfig(tokens=1, **config), [(2, 2)] * modes, header_symbols=symbols)
    draw = routed.draw(FRAMES, snr_db, generator(seed))
    return int((routed.parts_of(draw, sent)[1] != sent).sum())


def agree(wrong, probability):
    return binomtest(wrong, FRAMES, probability).pvalue > LEVEL


@pytest.mark.parametrize("sent", [0, 1])
@pytest.mark.parametrize(("symbols", "snr_db"), [(1, -6.0), (1, 0.0), (2, -2.0), (5, -6.0), (6, -8.0)])
def test_two_modes_over_awgn(symbols, snr_db, sent):
    """Every bit differs, so opposite symbols S times: distance² 4·S·Es, and Q(√(2·S·Es/N0))."""
    probability = norm.sf(np.sqrt(2 * symbols * 10 ** (snr_db / 10)))
    assert agree(wrong_headers(2, symbols, snr_db, sent), probability)


@pytest.mark.parametrize("symbols", [1, 3])
def test_two_modes_over_block_fading(symbols):
    """The mean of Q(√(2γ)) over γ exponential with mean S·Es/N0 is (1 − √(γ̄/(1 + γ̄)))/2."""
    mean = symbols * 10**0.3
    probability = (1 - np.sqrt(mean / (1 + mean))) / 2
    assert agree(wrong_headers(2, symbols, 3.0, 1, channel="rayleigh"), probability)


@pytest.mark.parametrize("symbols", [1, 2, 4])
def test_two_modes_over_fast_fading(symbols):
    """A gain for each symbol: maximum ratio combining of S branches (Proakis, Digital Communications)."""
    branch = 10**-0.1
    p = (1 - np.sqrt(branch / (1 + branch))) / 2
    probability = p**symbols * sum(comb(symbols - 1 + k, k) * (1 - p) ** k for k in range(symbols))
    assert agree(wrong_headers(2, symbols, -1.0, 0, channel="rayleigh-fast"), probability)


@pytest.mark.parametrize("sent", [0, 2])
@pytest.mark.parametrize(("modes", "symbols", "snr_db"), [(3, 3, -3.0), (4, 3, -3.0), (4, 6, -6.0)])
def test_code_words_at_equal_distances(modes, symbols, snr_db, sent):
    """Whole periods of a simplex code: as for orthogonal signals, P(right) = E[Φ(z + √(2·d·Es/N0))^(J−1)].

    Each of the d bits that differ counts (2·√(Es/2))² in the squared distance, and orthogonal signals of
    energy E have the distance √(2·E); noise has the variance N0/2 in every dimension.
    """
    differing = 2 * (2 * symbols // 3)
    shift = np.sqrt(2 * differing * 10 ** (snr_db / 10))
    right, _ = quad(lambda z: norm.pdf(z) * norm.cdf(z + shift) ** (modes - 1), -12, 12)
    assert agree(wrong_headers(modes, symbols, snr_db, sent), 1 - right)


@pytest.mark.parametrize("modes", [3, 4])
@pytest.mark.parametrize("symbols", [1, 2, 4, 5, 6])
def test_union_bound(modes, symbols):
    """Any header is at least as often wrong as against its nearest neighbour, at most their sum."""
    snr_db = 1.0 - 10 * np.log10(symbols)
    words = Header(modes, symbols).code_words.numpy()
    for sent in range(modes):
        distances = [np.abs(words[sent] - words[other]).sum() for other in range(modes) if other != sent]
        pairs = norm.sf(np.sqrt(np.array(distances) * 10 ** (snr_db / 10)))
        wrong = wrong_headers(modes, symbols, snr_db, sent, seed=sent)
        assert binomtest(wrong, FRAMES, min(1.0, pairs.sum()), alternative="greater").pvalue > LEVEL
        assert binomtest(wrong, FRAMES, pairs.max(), alternative="less").pvalue > LEVEL


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_whole_periods_of_the_code(bits):
    """2^b − 1 parities, of which any two numbers differ in exactly 2^(b − 1)."""
    period = 2**bits - 1
    words = Header(2**bits, period).code_words  # two periods, since a symbol has two bits
    assert words.shape == (2**bits, 2 * period)
    distances = {int((a - b).abs().sum()) for a, b in itertools.combinations(words, 2)}
    assert distances == {2 * 2 ** (bits - 1)}


@pytest.mark.parametrize("modes", range(2, 18))
def test_the_shortest_header_tells_modes_apart(modes):
    least = -(-(modes - 1).bit_length() // 2)
    words = Header(modes, least).code_words
    assert len(torch.unique(words, dim=0)) == modes
    with pytest.raises(ValueError, match="header_symbols"):
        Header(modes, least - 1)


@pytest.mark.parametrize("channel", ["awgn", "rayleigh", "rician-fast"])
@pytest.mark.parametrize("hardware", [{}, {"adc_bits": 3, "dac_bits": 2, "pa_backoff_db": 3.0}], ids=str)
def test_without_noise_headers_are_right(channel, hardware):
    for modes, symbols in ((2, 1), (3, 1), (5, 2), (13, 6)):
        config = LinkConfig(tokens=1, channel=channel, **hardware)
        routed = RoutedLink(config, [(2, 2)] * modes, header_symbols=symbols)
        draw = routed.draw(50, 120.0, generator(modes))
        for sent in range(modes):
            assert bool((routed.parts_of(draw, sent)[1] == sent).all())


def test_a_frame_is_followed_by_what_its_header_costs():
    """Symbols on the wire, and the bits that a number counts for."""
    layouts = [(16, 2), (64, 6), (64, 4)]
    routed = RoutedLink(LinkConfig(tokens=6), layouts, header_symbols=5)
    assert routed.header.bits == 2
    assert routed.symbols.tolist() == [5 + 12, 5 + 6, 5 + 9]
    assert routed.bits.tolist() == [2 + 24, 2 + 36, 2 + 36]
    assert routed.draw(2, 0.0, generator()).channel["noise"].shape == (2, 5 + 12)


def test_one_mode_needs_no_header():
    for symbols in (0, 6):
        header = Header(1, symbols)
        assert (header.bits, header.symbols) == (0, 0)
    draw = RoutedLink(LinkConfig(tokens=6), [(16, 2)]).draw(2, 0.0, generator())
    assert draw.channel["noise"].shape == (2, 12)


def test_symbols_have_unit_energy():
    for modes in (2, 4, 9):
        energy = Header(modes, 6).encode(torch.arange(modes)).abs().square()
        torch.testing.assert_close(energy, torch.ones_like(energy))
