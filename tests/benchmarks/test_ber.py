"""Bit error rates: counts, closed forms, and independence of points."""

import math

import numpy as np
import pytest
import torch
from helpers.frame_errors import frame_errors
from scipy import special, stats

from linksim_benchmarks.ber import FRAME_BITS, Point
from linksim_benchmarks.ber_command import BerOptions, points
from linksim_benchmarks.ber_rows import simulate

COLUMNS = [
    "bits_per_symbol",
    "channel",
    "ebno_db",
    "snr_db",
    "bits",
    "bit_errors",
    "ber",
    "low",
    "high",
    "frames",
    "frame_errors",
    "theory",
    "modulation",
    "demapper",
    "code",
    "code_rate",
    "crc",
    "fer",
    "fer_low",
    "fer_high",
    "undetected",
    "evm_percent",
    "path",
    "ber_unbiased",
    "stopped_by",
    "backend",
]
SWEEP = [
    Point(m, channel, snr, demapper)
    for channel in ("awgn", "rayleigh")
    for m, snr in ((2, 5.0), (4, 9.0), (6, 14.0))
    for demapper in ("app", "maxlog")
]


@pytest.fixture(scope="module")
def rows():
    return {point: simulate(point, 300_000, seed=3) for point in SWEEP}


@pytest.fixture(scope="module")
def errors():
    return {point: frame_errors(point, 300_000, seed=3) for point in SWEEP}


@pytest.mark.parametrize("point", SWEEP, ids=str)
def test_rows_are_consistent(rows, errors, point):
    row = rows[point]
    assert list(row) == COLUMNS
    assert row["bits"] == 300_000 == row["frames"] * FRAME_BITS
    assert row["ber"] == row["bit_errors"] / row["bits"]
    assert 0 <= row["low"] <= row["ber"] <= row["high"] <= 1
    assert row["bit_errors"] == errors[point].sum()
    assert row["frame_errors"] == (errors[point] > 0).sum() <= row["bit_errors"]
    assert (row["bits_per_symbol"], row["channel"]) == (point.bits_per_symbol, point.channel)
    assert row["snr_db"] == point.snr_db
    # Without padding or code, energy per bit is energy per symbol over m.
    assert row["ebno_db"] == pytest.approx(point.snr_db - 10 * math.log10(point.bits_per_symbol), abs=1e-8)


@pytest.mark.parametrize("point", SWEEP, ids=str)
def test_closed_form_is_inside_the_interval_of_999_in_1000(rows, errors, point):
    """Frames are independent, so a t interval over them holds on both channels."""
    shares = errors[point] / FRAME_BITS
    half_width = stats.t.ppf(0.9995, len(shares) - 1) * shares.std(ddof=1) / math.sqrt(len(shares))
    assert abs(shares.mean() - rows[point]["theory"]) < half_width
    if point.channel == "awgn":
        exact = stats.binomtest(rows[point]["bit_errors"], 300_000).proportion_ci(0.999)
        assert exact.low < rows[point]["theory"] < exact.high


@pytest.mark.parametrize("snr_db", [-3.0, 4.0, 8.0])
def test_qpsk_by_hand(snr_db):
    """Q(√(2 Eb/N0)) on AWGN and (1 − √(γ/(1+γ)))/2 with γ = Eb/N0 over Rayleigh fading."""
    ebno = 10 ** (snr_db / 10) / 2
    expected = {
        "awgn": 0.5 * special.erfc(math.sqrt(ebno)),
        "rayleigh": 0.5 * (1 - math.sqrt(ebno / (1 + ebno))),
    }
    for channel, theory in expected.items():
        row = simulate(Point(2, channel, snr_db), 10_000, seed=0)
        assert row["theory"] == pytest.approx(theory, rel=1e-9)


def test_intervals_over_fading_are_wider(rows):
    """A frame shares a gain, so its bits tell less than as many independent ones."""
    row = rows[Point(2, "rayleigh", 5.0)]
    exact = stats.binomtest(row["bit_errors"], row["bits"]).proportion_ci(0.95)
    assert row["high"] - row["low"] > 2 * (exact.high - exact.low)


def test_app_is_no_worse_than_maxlog(rows):
    for point in SWEEP:
        if point.demapper == "app":
            other = rows[Point(point.bits_per_symbol, point.channel, point.snr_db, "maxlog")]
            assert rows[point]["theory"] <= other["theory"] * (1 + 1e-9)


def test_more_noise_more_errors():
    counts = [frame_errors(Point(4, "awgn", snr), 50_000, seed=1).sum() for snr in (0.0, 5.0, 10.0, 15.0)]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
def test_seeds(channel):
    point = Point(4, channel, 8.0)
    first, again, other = (frame_errors(point, 30_000, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_points_have_streams_of_their_own():
    """Neighbouring points do not share noise: their frames' errors are not correlated."""
    one, other = (frame_errors(Point(2, "awgn", snr), 240_000, seed=0) for snr in (3.0, 3.001))
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / math.sqrt(len(one))


def test_the_beginning_does_not_depend_on_the_length():
    """Chunks have their own streams, so more bits add frames and change none of whole chunks."""
    point = Point(2, "awgn", 5.0)
    short, long = (frame_errors(point, bits, seed=4) for bits in (240_000, 480_000))
    assert len(long) == 2 * len(short)
    assert np.array_equal(long[: len(short)], short)
    assert not np.array_equal(long[len(short) :], short)


@pytest.mark.parametrize("bits", [1, 239, 241, 100_001])
def test_at_least_as_many_bits_as_asked_for(bits):
    counts = frame_errors(Point(2, "awgn", 0.0), bits, seed=0)
    assert bits <= len(counts) * FRAME_BITS < bits + FRAME_BITS
    assert counts.max() <= FRAME_BITS


def test_no_errors_leave_an_upper_bound():
    """Three over n, the rule of three, within what 95 % two-sided makes of it."""
    row = simulate(Point(2, "awgn", 60.0), 24_000, seed=0)
    assert (row["bit_errors"], row["low"]) == (0, 0)
    assert 3 / 24_000 < row["high"] < 4 / 24_000
    fading = simulate(Point(2, "rayleigh", 120.0), 24_000, seed=0)
    assert 3 / 100 < fading["high"] < 4 / 100  # by frames


def test_global_generators_are_left_alone():
    before = torch.get_rng_state()
    frame_errors(Point(2, "rayleigh", 0.0), 5000, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("snr", [5, np.float64(5.0), np.int64(5)])
def test_a_number_is_the_same_point_whatever_its_type(snr):
    expected = frame_errors(Point(2, "awgn", 5.0), 5000, seed=0)
    assert np.array_equal(frame_errors(Point(2, "awgn", snr), 5000, seed=0), expected)


def test_points_of_the_command():
    options = BerOptions(bits_per_symbol=(2, 6), channel=("rayleigh",), ebno_db=("0:4:2",), demapper="maxlog")
    found = points(options)
    assert [(p.bits_per_symbol, p.channel, p.demapper) for p in found] == [
        (m, "rayleigh", "maxlog") for m in (2, 6) for _ in range(3)
    ]
    expected = [ebno + 10 * math.log10(m) for m in (2, 6) for ebno in (0, 2, 4)]
    assert [p.snr_db for p in found] == pytest.approx(expected, abs=1e-8)
    by_snr = points(BerOptions(bits_per_symbol=(4,), channel=("awgn",), snr_db=("-2", "7")))
    assert [p.snr_db for p in by_snr] == [-2, 7]
