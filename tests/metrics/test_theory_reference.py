"""The binary symmetric channel, and one way to all references."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.config import CHANNELS, DEMAPPERS
from linksim.constellations import psk_points
from linksim.metrics.theory import (
    bit_error_rate,
    bsc_crossover,
    bsc_snr_db,
    constellation_ber,
    psk_ber,
    qam_ber,
)


def test_crossover_is_that_of_decided_bpsk():
    assert bsc_crossover(0.0) == pytest.approx(0.5 * math.erfc(1.0), rel=1e-14)
    for snr_db in (-300.0, -12.0, 3.5, 9.0, 20.0):
        assert bsc_crossover(snr_db) == pytest.approx(psk_ber(1, snr_db), rel=1e-14)
    assert bsc_crossover(300.0) == 0


@given(crossover=st.floats(1e-300, 0.4999))
def test_snr_gives_the_crossover_back(crossover):
    assert bsc_crossover(bsc_snr_db(crossover)) == pytest.approx(crossover, rel=1e-9)


@given(snr_db=st.floats(-100, 28))
def test_crossover_gives_the_snr_back(snr_db):
    assert bsc_snr_db(bsc_crossover(snr_db)) == pytest.approx(snr_db, abs=1e-4)


@pytest.mark.parametrize(
    ("crossover", "error", "message"),
    [
        (0, ValueError, "crossover must be greater than 0, got 0"),
        (-0.1, ValueError, "crossover must be greater than 0, got -0.1"),
        (0.5, ValueError, "crossover must be less than 0.5, got 0.5"),
        (0.7, ValueError, "crossover must be less than 0.5, got 0.7"),
        (math.nan, ValueError, "crossover must be a finite number"),
        ("0.1", TypeError, "crossover must be a number"),
    ],
)
def test_impossible_crossovers_are_named(crossover, error, message):
    with pytest.raises(error, match=message):
        bsc_snr_db(crossover)


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_each_modulation_has_its_reference(demapper):
    points = psk_points(2).numpy() + 0.2
    for channel in ("awgn", "rayleigh", "rician"):
        expected = (
            qam_ber(4, 7.0, channel, demapper, 5.0),
            psk_ber(3, 7.0, channel, 5.0, demapper),
            constellation_ber(points, 7.0, channel, 5.0, demapper),
        )
        for name in {channel, f"{channel}-fast"} & set(CHANNELS):
            found = (
                bit_error_rate("qam", 4, 7.0, name, demapper, 5.0),
                bit_error_rate("psk", 3, 7.0, name, demapper, rician_k=5.0),
                bit_error_rate("custom", 2, 7.0, name, demapper, rician_k=5.0, points=points),
            )
            assert found == expected


@pytest.mark.parametrize("demapper", DEMAPPERS)
def test_binary_symmetric_channel_carries_bpsk(demapper):
    assert bit_error_rate("psk", 1, 6.0, "bsc", demapper) == bsc_crossover(6.0)


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_of_a_link_has_a_reference(channel):
    rates = [bit_error_rate("psk", 1, snr_db, channel, "app") for snr_db in (-5.0, 0.0, 5.0)]
    assert np.all(np.diff(rates) < 0)
    assert 0 < rates[-1] < rates[0] < 0.5


@pytest.mark.parametrize(
    ("arguments", "points", "message"),
    [
        (("pam", 2, 5.0, "awgn", "app"), None, "modulation must be one of qam, psk, custom, got 'pam'"),
        (("qam", 4, 5.0, "nakagami", "app"), None, "channel must be one of awgn, .*, got 'nakagami'"),
        (("qam", 4, 5.0, "awgn", "map"), None, "demapper='map' is unknown"),
        (("psk", 1, 5.0, "bsc", "map"), None, "demapper='map' is unknown"),
        (("qam", 3, 5.0, "awgn", "app"), None, "bits_per_symbol=3 is not a square QAM"),
        (("psk", 7, 5.0, "awgn", "app"), None, "bits_per_symbol must be from 1 to 6, got 7"),
        (("qam", 2, 5.0, "bsc", "app"), None, "channel 'bsc' carries the bits of BPSK.* got 'qam' and 2"),
        (("psk", 2, 5.0, "bsc", "app"), None, "channel 'bsc' carries the bits of BPSK.* got 'psk' and 2"),
        (("custom", 2, 5.0, "awgn", "app"), None, "points must be given for modulation 'custom'"),
        (
            ("qam", 1, 5.0, "awgn", "app"),
            [1, -1],
            "points must be given for modulation 'custom' and no other",
        ),
        (("custom", 2, 5.0, "awgn", "app"), [1, -1], "bits_per_symbol=2 takes 4 points, got 2"),
        (("psk", 1, 400.0, "bsc", "app"), None, "snr_db=400.0 must be a number from -300 to 300"),
    ],
)
def test_what_has_no_reference_is_refused_in_one_line(arguments, points, message):
    with pytest.raises(ValueError, match=message) as refused:
        bit_error_rate(*arguments, points=points)
    assert "\n" not in str(refused.value)
