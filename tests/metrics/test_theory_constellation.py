"""Bit error rate of points of one's own, against special cases, integration over a grid, and simulation."""

import math
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from linksim.constellations import psk_points
from linksim.metrics.theory import constellation_ber, psk_ber, qam_ber

CHANNELS = ("awgn", "rayleigh", "rician")
DEMAPPERS = ("app", "maxlog")
K = 2.0

SCATTERED = (
    1.3 + 0.2j,
    0.1 - 0.4j,
    -0.8 + 0.9j,
    -0.2 - 1.1j,
    0.6 + 0.7j,
    -1.2 - 0.1j,
    0.3 + 0.1j,
    1.0 - 0.9j,
)
LOPSIDED = (0.0, 1.0, 1.0j, 2.0 + 0.2j)


def label_bits(count):
    width = count.bit_length() - 1
    return (np.arange(count)[:, None] >> np.arange(width)[::-1]) & 1


def qam_points(bits_per_symbol):
    """As TS 38.211 section 5.1 writes them, not normalised."""

    def level(bits):
        value = 1 - 2 * bits[:, -1]
        for position in range(bits.shape[1] - 2, -1, -1):
            value = (1 - 2 * bits[:, position]) * (2 ** (bits.shape[1] - 1 - position) - value)
        return value

    bits = label_bits(2**bits_per_symbol)
    return level(bits[:, 0::2]) + 1j * level(bits[:, 1::2])


def unit_energy(points):
    points = np.asarray(points, dtype=complex)
    return points / np.sqrt(np.mean(np.abs(points) ** 2))


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize(
    ("bits_per_symbol", "snrs"), [(2, (-9.0, 4.0, 15.0)), (4, (-9.0, -0.7, 6.0, 20.0)), (6, (2.0, 22.0))]
)
def test_qam_without_fading(bits_per_symbol, snrs, demapper):
    for snr_db in snrs:
        rate = constellation_ber(7 * qam_points(bits_per_symbol), snr_db, demapper=demapper)
        assert rate == pytest.approx(qam_ber(bits_per_symbol, snr_db, demapper=demapper), rel=1e-6)


@pytest.mark.parametrize("channel", CHANNELS[1:])
@pytest.mark.parametrize(("bits_per_symbol", "demapper"), [(4, "app"), (4, "maxlog"), (6, "maxlog")])
def test_qam_over_fading(bits_per_symbol, demapper, channel):
    for snr_db in (-25.0, -3.0, 8.0, 30.0):
        rate = constellation_ber(qam_points(bits_per_symbol), snr_db, channel, K, demapper)
        assert rate == pytest.approx(qam_ber(bits_per_symbol, snr_db, channel, demapper, K), rel=1e-6)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("bits_per_symbol", [1, 2, 3, 4])
def test_psk(bits_per_symbol, channel):
    points = psk_points(bits_per_symbol).numpy()
    for snr_db in (-8.0, 5.0, 13.0):
        expected = psk_ber(bits_per_symbol, snr_db, channel, K)
        assert constellation_ber(points, snr_db, channel, K, "maxlog") == pytest.approx(expected, rel=1e-8)
    # Gray-labelled PSK leaves nothing to be gained by exact LLRs.
    assert constellation_ber(points, 5.0, demapper="app") == pytest.approx(
        psk_ber(bits_per_symbol, 5.0), rel=1e-8
    )


@pytest.mark.parametrize("snr_db", [-6.0, 3.0, 12.0])
def test_four_points_in_natural_order_by_hand(snr_db):
    # -3, -1, 1, 3 with labels 00, 01, 10, 11: the first bit is the side of 0, the second changes at -2, 0, 2
    tail = stats.norm.sf(np.arange(1, 6) * math.sqrt(2 * 10 ** (snr_db / 10) / 5))
    first = (tail[0] + tail[2]) / 2
    outer = tail[0] - tail[2] + tail[4]
    inner = 2 * tail[0] - tail[2]
    second = (outer + inner) / 2
    rate = constellation_ber([-3, -1, 1, 3], snr_db, demapper="maxlog")
    assert rate == pytest.approx((first + second) / 2, rel=1e-8)


def on_a_grid(points, snr_db, steps=1401):
    """Bit error rate of bitwise most probable decisions by the trapezoidal rule over the plane."""
    # turned, so that no border of a decision is parallel to the grid
    points = unit_energy(points) * 10 ** (snr_db / 20) * np.exp(0.4j)
    bits = label_bits(len(points))
    axis = np.linspace(-1, 1, steps) * (np.abs(points).max() + 5.5)
    total = 0.0
    for rows in np.array_split(axis, 40):
        received = (rows[:, None] + 1j * axis).ravel()
        density = np.exp(-(np.abs(received[:, None] - points) ** 2)) / (math.pi * len(points))
        total += np.minimum(density @ bits, density @ (1 - bits)).sum()
    return total * (axis[1] - axis[0]) ** 2 / bits.shape[1]


@pytest.mark.parametrize(
    ("points", "snr_db"),
    [(LOPSIDED, -4.0), (LOPSIDED, 8.0), (SCATTERED, 1.0), ((3, -7, 5, 1, -1, 7, -3, -5), 4.0)],
)
def test_most_probable_decisions_against_direct_integration(points, snr_db):
    # The grid errs by some 1e-6, where a decision changes between its places.
    assert constellation_ber(points, snr_db) == pytest.approx(on_a_grid(points, snr_db), rel=1e-5)


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_rayleigh_is_the_average_of_awgn(demapper):
    def at_gain(logarithm):
        power = math.exp(logarithm)
        rate = constellation_ber(LOPSIDED, 9.0 + 10 * math.log10(power), demapper=demapper)
        return rate * math.exp(-power) * power

    expected = integrate.quad(at_gain, math.log(1e-9), math.log(40), epsrel=1e-6, limit=20)[0]
    assert constellation_ber(LOPSIDED, 9.0, "rayleigh", demapper=demapper) == pytest.approx(
        expected, rel=3e-6
    )


@lru_cache
def simulate(points, snr_db, channel, symbols=100_000):
    """Wrong bits per bit of each symbol, decided by exact and max-log LLRs over the whole constellation."""
    generator = np.random.default_rng([len(points), CHANNELS.index(channel)])

    def complex_normal():
        return (generator.normal(size=symbols) + 1j * generator.normal(size=symbols)) / math.sqrt(2)

    scattered = {"awgn": 0.0, "rayleigh": 1.0, "rician": 1 / (1 + K)}[channel]
    gain = math.sqrt(1 - scattered) + math.sqrt(scattered) * complex_normal()
    bits, sent = label_bits(len(points)), generator.integers(len(points), size=symbols)
    candidates = gain[:, None] * unit_energy(points)
    noise_variance = 10 ** (-snr_db / 10)
    received = candidates[np.arange(symbols), sent] + math.sqrt(noise_variance) * complex_normal()
    metric = -(np.abs(received[:, None] - candidates) ** 2) / noise_variance
    likelihood = np.exp(metric - metric.max(axis=1, keepdims=True))
    return {
        "app": ((likelihood @ (2 * bits - 1) > 0) != bits[sent]).mean(axis=1),
        "maxlog": (bits[metric.argmax(axis=1)] != bits[sent]).mean(axis=1),
    }


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("points", "snr_db"), [(SCATTERED, 7.0), (LOPSIDED, 2.0)])
def test_simulation_agrees(points, snr_db, channel):
    errors = simulate(points, snr_db, channel)
    rates = {d: constellation_ber(points, snr_db, channel, K, d) for d in DEMAPPERS}
    differences = errors["maxlog"] - errors["app"]
    for samples, expected in (
        (errors["app"], rates["app"]),
        (errors["maxlog"], rates["maxlog"]),
        (differences, rates["maxlog"] - rates["app"]),
    ):
        # 99.9 % interval; the bits of one symbol are not independent, symbols are.
        half_width = 3.2905 * samples.std(ddof=1) / math.sqrt(len(samples))
        assert abs(samples.mean() - expected) < half_width < samples.mean()


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_what_does_not_matter(demapper):
    points = np.array(SCATTERED)
    expected = constellation_ber(points, 6.0, demapper=demapper)
    label = np.arange(8)
    swapped_bits = (label >> 1) | ((label & 1) << 2)
    same = {
        "turned and scaled": points * 40 * np.exp(0.7j),
        "mirrored": points.conj(),
        "one bit inverted": points[label ^ 2],
        "bits in another order": points[swapped_bits],
    }
    for changed in same.values():
        assert constellation_ber(changed, 6.0, demapper=demapper) == pytest.approx(expected, rel=1e-5)


def test_the_closest_pairs_decide_at_high_snr():
    points, bits = unit_energy(SCATTERED), label_bits(8)
    apart = np.abs(points[:, None] - points)
    wrong = (bits[:, None] != bits).mean(axis=2)
    snr_db = 22.0
    one_by_one = wrong * stats.norm.sf(apart * math.sqrt(10 ** (snr_db / 10) / 2))
    bound = one_by_one.sum() / 8
    for demapper in DEMAPPERS:
        rate = constellation_ber(SCATTERED, snr_db, demapper=demapper)
        assert 1e-12 < rate < bound
        assert rate == pytest.approx(bound, rel=1e-3)


coordinates = st.integers(-20, 20)


@settings(max_examples=40, deadline=None)
@given(
    points=st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=4, unique=True),
    snr_db=st.floats(-60, 40),
)
def test_exact_llrs_never_do_worse(points, snr_db):
    points = [complex(*point) for point in points]
    app, maxlog = (constellation_ber(points, snr_db, demapper=demapper) for demapper in DEMAPPERS)
    assert 0 <= app <= maxlog * (1 + 1e-11)
    assert app <= 0.5 * (1 + 1e-11)


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_more_signal_means_fewer_errors(channel, demapper):
    snrs = np.arange(-30.0, 22.0, 3.0)
    rates = [constellation_ber(SCATTERED, snr_db, channel, K, demapper) for snr_db in snrs]
    assert np.all(np.diff(rates) < 0)
    assert 0.4 < rates[0] < 0.5


def test_extreme_signal_to_noise_ratios():
    for channel in CHANNELS:
        for demapper in DEMAPPERS:
            assert constellation_ber(LOPSIDED, -300.0, channel, K, demapper) == pytest.approx(0.5, rel=1e-5)
            assert 0 <= constellation_ber(LOPSIDED, 300.0, channel, K, demapper) < 1e-28


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([1.0], r"points must have shape \[2\^m\] with m from 1 to 10.* got \[1\]"),
        ([1, 2, 3], r"points must have shape .* got \[3\]"),
        ([], r"points must have shape .* got \[0\]"),
        ([[1, -1]], r"points must have shape .* got \[1, 2\]"),
        (np.arange(2048), r"points must have shape .* got \[2048\]"),
        ([1, math.nan], r"points must be finite, got \(nan\+0j\) as point 1"),
        ([1, math.inf], r"points must be finite, got \(inf\+0j\) as point 1"),
        ([0, 0], "points must not all be zero"),
        ([1, 1j, -1, 1j], "points 1 and 3 coincide"),
        ([1, 1j, -1, 1j + 1e-9], "points 1 and 3 coincide"),
        (["a", "b"], "points must be a sequence of complex numbers"),
    ],
)
def test_wrong_points_are_refused_in_one_line(points, message):
    with pytest.raises(ValueError, match=message) as refused:
        constellation_ber(points, 5.0)
    assert "\n" not in str(refused.value)


def test_other_wrong_arguments_are_named():
    for arguments, message in (
        ((math.nan,), "snr_db=nan must be a number"),
        ((5.0, "nakagami"), "channel='nakagami' is unknown"),
        ((5.0, "rician", -1.0), "rician_k must be at least 0, got -1"),
        ((5.0, "awgn", 3.0, "map"), "demapper='map' is unknown"),
    ):
        with pytest.raises(ValueError, match=message):
            constellation_ber([1, -1], *arguments)
