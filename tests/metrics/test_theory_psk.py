"""Bit error rate of PSK, against closed forms, the density of the phase, and decisions on exact LLRs."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from linksim.constellations import psk_points
from linksim.metrics.theory import psk_ber, qam_ber

SIZES = (1, 2, 3, 4, 5, 6)
CHANNELS = ("awgn", "rayleigh", "rician")
DEMAPPERS = ("app", "maxlog")


def gaussian_tail(x):
    return stats.norm.sf(x)


def phase_density(phase, snr):
    """Density of the phase of 1 + noise (Proakis, Digital Communications, section on PSK)."""
    along = math.sqrt(2 * snr) * math.cos(phase)
    hit = along * math.sqrt(2 * math.pi) * math.exp(along**2 / 2) * stats.norm.cdf(along)
    return math.exp(-snr) * (1 + hit) / (2 * math.pi)


def from_phase(bits_per_symbol, snr):
    """Mean number of wrong bits per bit from the probabilities of the sectors about each point."""
    count = 2**bits_per_symbol
    position = np.arange(count)
    label = position ^ (position >> 1)
    total = 0.0
    for apart in range(1, count):
        middle = 2 * math.pi * ((apart + count // 2) % count - count // 2) / count
        half = math.pi / count
        sector = integrate.quad(phase_density, middle - half, middle + half, args=(snr,), epsabs=1e-14)[0]
        total += sector * np.bitwise_count(label ^ np.roll(label, -apart)).mean()
    return total / bits_per_symbol


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("snr_db", [-20.0, 0.0, 6.8, 10.0])
def test_two_points(snr_db, demapper):
    snr = 10 ** (snr_db / 10)
    assert psk_ber(1, snr_db, demapper=demapper) == pytest.approx(
        gaussian_tail(math.sqrt(2 * snr)), rel=1e-12
    )
    rayleigh = (1 - math.sqrt(snr / (1 + snr))) / 2
    assert psk_ber(1, snr_db, "rayleigh", demapper=demapper) == pytest.approx(rayleigh, rel=1e-12)


def test_two_points_at_a_value_from_the_tables():
    # BPSK reaches 1e-5 at 9.6 dB
    assert psk_ber(1, 9.5879) == pytest.approx(1e-5, rel=1e-3)


@pytest.mark.parametrize("channel", CHANNELS)
def test_four_points_are_those_of_qam(channel):
    for snr_db in (-12.0, 3.0, 14.0):
        assert psk_ber(2, snr_db, channel, 4.0) == pytest.approx(
            qam_ber(2, snr_db, channel, rician_k=4.0), rel=1e-8
        )


@pytest.mark.parametrize("snr_db", [-10.0, 2.0, 9.0, 14.0, 18.0])
def test_eight_points_by_hand(snr_db):
    # Two of the bits change across one line, which half of the points are sin(π/8) away from and half
    # cos(π/8). The third changes across two orthogonal lines, at these distances from each of the points,
    # and is wrong if just one of them is crossed.
    amplitude = math.sqrt(2 * 10 ** (snr_db / 10))
    near = gaussian_tail(amplitude * math.sin(math.pi / 8))
    far = gaussian_tail(amplitude * math.cos(math.pi / 8))
    expected = 2 * (near + far - near * far) / 3
    assert psk_ber(3, snr_db) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("bits_per_symbol", "snr_db"), [(3, 8.0), (4, -3.0), (4, 16.0), (5, 12.0)])
def test_many_points_from_the_density_of_the_phase(bits_per_symbol, snr_db):
    expected = from_phase(bits_per_symbol, 10 ** (snr_db / 10))
    assert psk_ber(bits_per_symbol, snr_db) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("bits_per_symbol", "snr_db"), [(3, 3.0), (4, 22.0), (6, 12.0)])
def test_rayleigh_is_the_average_of_awgn(bits_per_symbol, snr_db):
    def at_gain(logarithm):
        power = math.exp(logarithm)
        return psk_ber(bits_per_symbol, snr_db + 10 * math.log10(power)) * math.exp(-power) * power

    expected = integrate.quad(at_gain, math.log(1e-10), math.log(40), epsrel=1e-8, limit=100)[0]
    assert psk_ber(bits_per_symbol, snr_db, "rayleigh") == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("bits_per_symbol", SIZES)
def test_the_most_probable_bits_are_those_of_the_nearest_point(bits_per_symbol):
    generator = np.random.default_rng(bits_per_symbol)
    points = psk_points(bits_per_symbol).numpy()
    label = np.arange(2**bits_per_symbol)
    bits = (label[:, None] >> np.arange(bits_per_symbol)[::-1]) & 1
    received = 2 * (generator.normal(size=4000) + 1j * generator.normal(size=4000))
    squared = np.abs(received[:, None] - points) ** 2
    for noise_variance in (0.05, 0.5, 3.0):
        likelihood = np.exp((squared.min(axis=1, keepdims=True) - squared) / noise_variance)
        balance = likelihood @ (2 * bits - 1)
        # Nothing is known of balances that are only rounding errors.
        clear = np.abs(balance) > 1e-12
        assert clear.mean() > 0.5
        assert np.array_equal((balance > 0)[clear], (bits[squared.argmin(axis=1)] == 1)[clear])


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("bits_per_symbol", SIZES)
def test_more_signal_means_fewer_errors(bits_per_symbol, channel):
    rates = [psk_ber(bits_per_symbol, snr_db, channel) for snr_db in np.arange(-40.0, 25.5, 1.0)]
    assert np.all(np.diff(rates) < 0)
    assert rates[0] > 0.45


@pytest.mark.parametrize("channel", CHANNELS)
def test_more_points_mean_more_errors(channel):
    for snr_db in (0.0, 15.0):
        rates = [psk_ber(bits_per_symbol, snr_db, channel) for bits_per_symbol in SIZES]
        assert np.all(np.diff(rates) > 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 5.0), ValueError, "bits_per_symbol must be from 1 to 6, got 0"),
        ((7, 5.0), ValueError, "bits_per_symbol must be from 1 to 6, got 7"),
        ((2.5, 5.0), TypeError, "bits_per_symbol must be a whole number"),
        ((3, math.nan), ValueError, "snr_db=nan must be a number"),
        ((3, 301.0), ValueError, "snr_db=301.0"),
        ((3, 5.0, "nakagami"), ValueError, "channel='nakagami' is unknown"),
        ((3, 5.0, "rician", -1.0), ValueError, "rician_k must be at least 0, got -1"),
        ((3, 5.0, "rician", "3"), TypeError, "rician_k must be a number"),
        ((3, 5.0, "awgn", 3.0, "map"), ValueError, "demapper='map' is unknown"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        psk_ber(*arguments)
