import doctest
import importlib
import math
import pkgutil
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from linksim.metrics import theory
from linksim.metrics.theory import qam_ber

SIZES = (2, 4, 6, 8, 10)
CHANNELS = ("awgn", "rayleigh")


def gaussian_tail(x):
    return stats.norm.sf(x)


def gray_pam(bits):
    """[..., n] bits to odd levels, as TS 38.211 section 5.1 writes them, innermost bracket first."""
    level = 1 - 2 * bits[..., -1]
    for position in range(bits.shape[-1] - 2, -1, -1):
        level = (1 - 2 * bits[..., position]) * (2 ** (bits.shape[-1] - 1 - position) - level)
    return level


@lru_cache
def simulate(bits_per_symbol, snr_db, channel, symbols):
    """Errors per symbol of hard decisions on exact and max-log LLRs over the whole constellation."""
    generator = np.random.default_rng([bits_per_symbol, symbols, channel == "awgn"])
    labels = (np.arange(2**bits_per_symbol)[:, None] >> np.arange(bits_per_symbol)[::-1]) & 1
    points = gray_pam(labels[:, 0::2]) + 1j * gray_pam(labels[:, 1::2])
    points = points / np.sqrt(np.mean(np.abs(points) ** 2))

    def complex_normal():
        return (generator.normal(size=symbols) + 1j * generator.normal(size=symbols)) / np.sqrt(2)

    sent = generator.integers(2**bits_per_symbol, size=symbols)
    gain = complex_normal() if channel == "rayleigh" else np.ones(symbols)
    noise_variance = 10 ** (-snr_db / 10)
    received = gain * points[sent] + np.sqrt(noise_variance) * complex_normal()
    metric = -(np.abs(received[:, None] - gain[:, None] * points) ** 2) / noise_variance
    nearest = metric.max(axis=1, keepdims=True)
    likelihood = np.exp(metric - nearest)
    one_exact = likelihood @ labels > likelihood @ (1 - labels)
    one_maxlog = labels[metric.argmax(axis=1)]
    return {
        "app": (one_exact != labels[sent]).mean(axis=1),
        "maxlog": (one_maxlog != labels[sent]).mean(axis=1),
    }


def interval_of_mean(samples):
    """99.9 % interval; the bits of one symbol are not independent, symbols are."""
    half_width = 3.2905 * samples.std(ddof=1) / math.sqrt(len(samples))
    return samples.mean() - half_width, samples.mean() + half_width


def test_examples_in_the_docstrings():
    names = [module.name for module in pkgutil.iter_modules(theory.__path__, f"{theory.__name__}.")]
    results = [doctest.testmod(module) for module in (theory, *map(importlib.import_module, names))]
    assert sum(result.attempted > 0 for result in results) >= 6
    assert sum(result.failed for result in results) == 0


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("bits_per_symbol", "snr_db", "symbols"),
    [
        (2, 4.0, 100_000),
        (4, -3.0, 100_000),
        (4, 11.0, 100_000),
        (6, 3.0, 60_000),
        (8, 6.0, 20_000),
        (10, 6.0, 6_000),
    ],
)
def test_simulation_agrees(bits_per_symbol, snr_db, symbols, channel):
    errors = simulate(bits_per_symbol, snr_db, channel, symbols)
    for demapper in ("app", "maxlog"):
        low, high = interval_of_mean(errors[demapper])
        assert low < qam_ber(bits_per_symbol, snr_db, channel, demapper) < high
        assert high - low < 0.12 * high


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("bits_per_symbol", "snr_db", "symbols"), [(4, -3.0, 100_000), (6, 3.0, 60_000)])
def test_simulation_agrees_on_what_exact_llrs_gain(bits_per_symbol, snr_db, symbols, channel):
    errors = simulate(bits_per_symbol, snr_db, channel, symbols)
    low, high = interval_of_mean(errors["maxlog"] - errors["app"])
    maxlog, app = (qam_ber(bits_per_symbol, snr_db, channel, demapper) for demapper in ("maxlog", "app"))
    assert 0 < low < maxlog - app < high


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("snr_db", [-20.0, -3.0, 0.0, 7.5, 15.0])
def test_four_points_are_two_binary_channels(snr_db, demapper):
    snr = 10 ** (snr_db / 10)
    assert qam_ber(2, snr_db, "awgn", demapper) == pytest.approx(gaussian_tail(math.sqrt(snr)), rel=1e-12)
    assert qam_ber(2, snr_db, "rayleigh", demapper) == pytest.approx(
        (1 - math.sqrt(snr / (2 + snr))) / 2, rel=1e-12
    )


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 8.0, 18.0])
def test_sixteen_points_by_hand(snr_db):
    # outer bit: half the points are one spacing from the boundary, half three; inner bit: one spacing on
    # one side, and one spacing less the stretch beyond three (or five) on the other
    x = math.sqrt(10 ** (snr_db / 10) / 5)
    expected = (3 * gaussian_tail(x) + 2 * gaussian_tail(3 * x) - gaussian_tail(5 * x)) / 4
    assert qam_ber(4, snr_db, "awgn", "maxlog") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("snr_db", [-12.0, -2.0, 5.0, 14.0])
@pytest.mark.parametrize("bits_per_symbol", [4, 6, 8, 10])
def test_most_probable_decisions_against_direct_integration(bits_per_symbol, snr_db):
    count = bits_per_symbol // 2
    labels = (np.arange(2**count)[:, None] >> np.arange(count)[::-1]) & 1
    levels = gray_pam(labels)
    points = levels * math.sqrt(10 ** (snr_db / 10) / np.mean(levels**2))  # unit noise in one dimension
    received = np.linspace(-points.max() - 9, points.max() + 9, 200_001)
    density = stats.norm.pdf(received[:, None] - points) / len(points)
    smaller = np.minimum(density @ labels, density @ (1 - labels))
    expected = integrate.trapezoid(smaller.mean(axis=1), received)
    assert qam_ber(bits_per_symbol, snr_db) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize(("bits_per_symbol", "snr_db"), [(4, -4.0), (4, 25.0), (6, 10.0), (10, 12.0)])
def test_rayleigh_is_the_average_of_awgn(bits_per_symbol, snr_db, demapper):
    def at_gain(logarithm):
        power = math.exp(logarithm)
        rate = qam_ber(bits_per_symbol, snr_db + 10 * math.log10(power), "awgn", demapper)
        return rate * math.exp(-power) * power

    expected = integrate.quad(at_gain, math.log(1e-9), math.log(40), epsrel=1e-6, limit=30)[0]
    assert qam_ber(bits_per_symbol, snr_db, "rayleigh", demapper) == pytest.approx(expected, rel=2e-6)


@settings(deadline=None)  # the first Rayleigh value of a size builds its table
@given(bits_per_symbol=st.sampled_from(SIZES), channel=st.sampled_from(CHANNELS), snr_db=st.floats(-300, 300))
def test_exact_llrs_never_do_worse(bits_per_symbol, channel, snr_db):
    app = qam_ber(bits_per_symbol, snr_db, channel, "app")
    maxlog = qam_ber(bits_per_symbol, snr_db, channel, "maxlog")
    assert 0 <= app <= maxlog * (1 + 1e-11)
    assert maxlog <= 0.5 * (1 + 1e-11)


@pytest.mark.parametrize("bits_per_symbol", SIZES[1:])
def test_demappers_differ_at_low_snr_and_agree_at_high_snr(bits_per_symbol):
    assert qam_ber(bits_per_symbol, 0.0) < 0.999 * qam_ber(bits_per_symbol, 0.0, demapper="maxlog")
    high = 18.0 + 3 * bits_per_symbol  # the rate is about 1e-50 there
    assert 0 < qam_ber(bits_per_symbol, high) < 1e-20
    assert qam_ber(bits_per_symbol, high) == pytest.approx(
        qam_ber(bits_per_symbol, high, demapper="maxlog"), rel=1e-9, abs=0
    )


@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("bits_per_symbol", SIZES)
def test_more_signal_means_fewer_errors(bits_per_symbol, channel, demapper):
    rates = [qam_ber(bits_per_symbol, snr_db, channel, demapper) for snr_db in np.arange(-30.0, 30.5, 0.5)]
    assert np.all(np.diff(rates) < 0)
    assert rates[0] > 0.45


def test_fading_costs_and_falls_tenfold_per_ten_db():
    for bits_per_symbol in SIZES:
        assert qam_ber(bits_per_symbol, 30.0, "rayleigh") > qam_ber(bits_per_symbol, 30.0)
        for demapper in ("app", "maxlog"):
            fall = qam_ber(bits_per_symbol, 70.0, "rayleigh", demapper) / qam_ber(
                bits_per_symbol, 60.0, "rayleigh", demapper
            )
            assert fall == pytest.approx(0.1, rel=2e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 5.0), "bits_per_symbol=3 .* use 2, 4, 6, 8 or 10"),
        ((12, 5.0), "bits_per_symbol=12"),
        ((0, 5.0), "bits_per_symbol=0"),
        ((4, math.nan), "snr_db=nan must be a number"),
        ((4, math.inf), "snr_db=inf"),
        ((4, 5.0, "nakagami"), "channel='nakagami' is unknown"),
        ((4, 5.0, "awgn", "map"), "demapper='map' is unknown"),
        ((4, 5.0, "rician", "app", -0.1), "rician_k must be at least 0, got -0.1"),
        ((4, 5.0, "rician", "app", math.inf), "rician_k must be a finite number"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        qam_ber(*arguments)
