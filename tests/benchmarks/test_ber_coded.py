"""Coded and hardware-limited points of a bit error rate sweep."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.frame_errors import frame_errors

from linksim.config import ChannelOptions, CodingOptions, HardwareOptions
from linksim_benchmarks.ber import Point, transmit
from linksim_benchmarks.ber_rows import simulate

LDPC = CodingOptions(code="ldpc", crc="CRC16", bp_iterations=8)


def test_ebno_counts_crc_parity_and_padding():
    """240 + 16 bits at rate 1/2 are 512 coded bits, 86 symbols of 64-QAM with 4 bits of padding."""
    row = simulate(Point(6, "awgn", 30.0, coding=LDPC), 2400, seed=0)
    assert row["ebno_db"] == pytest.approx(30 + 10 * math.log10(86 / 240), abs=1e-8)
    assert (row["bits"], row["frames"], row["bit_errors"], row["undetected"]) == (2400, 10, 0, 0)
    assert (row["theory"], row["code"], row["code_rate"], row["crc"]) == (None, "ldpc", 0.5, "CRC16")


def test_the_check_finds_failed_frames():
    """At an SNR where most frames fail, CRC16 misses one in 2^16."""
    point = Point(4, "awgn", 4.0, coding=LDPC)
    counts = transmit(point, 60, torch.Generator().manual_seed(1))["hard"]
    failed = counts.bit_errors > 0
    assert 20 < failed.sum() <= 60
    assert counts.detected is not None
    assert not (failed & ~counts.detected).any()
    sums = counts.sums()
    assert (sums["frame_errors"], sums["undetected"]) == (failed.sum(), 0)
    row = simulate(point, 60 * 240, seed=1)
    assert row["fer_low"] < row["fer"] < row["fer_high"] or row["fer"] == 1
    assert row["low"] <= row["ber"] <= row["high"]


def test_code_gain():
    """Rate 1/2 at 3 dB below where uncoded QPSK loses one bit in a hundred: no frame fails."""
    uncoded = simulate(Point(2, "awgn", 4.3), 24_000, seed=2)
    coded = simulate(Point(2, "awgn", 4.3, coding=LDPC), 24_000, seed=2)
    assert uncoded["ber"] > 0.04
    assert coded["frame_errors"] == 0


def test_crc_alone_leaves_the_closed_form():
    row = simulate(Point(4, "awgn", 8.0, coding=CodingOptions(crc="CRC24A")), 240_000, seed=3)
    assert row["low"] * 0.9 < row["theory"] < row["high"] * 1.1
    assert row["undetected"] == 0


@pytest.mark.parametrize(
    "hardware",
    [
        HardwareOptions(dac_bits=3, dac_backoff_db=3.0),
        HardwareOptions(pa_backoff_db=0.0),
        HardwareOptions(adc_bits=3),
    ],
    ids=["dac", "amplifier", "adc"],
)
def test_hardware_costs_errors(hardware):
    ideal = simulate(Point(6, "awgn", 16.0), 48_000, seed=4)
    limited = simulate(Point(6, "awgn", 16.0, hardware=hardware), 48_000, seed=4)
    assert limited["bit_errors"] > 1.2 * ideal["bit_errors"]
    assert limited["theory"] is None
    assert (limited["evm_percent"] > 1) == (hardware.adc_bits is None)


def test_evm_of_a_fine_converter():
    """Uniform rounding errors of variance Δ²/6: with 8 bits and 6 dB the magnitude is 0.64 %."""
    hardware = HardwareOptions(dac_bits=10, dac_backoff_db=6.0)
    step = 2 * math.sqrt(0.5) * 10 ** (6 / 20) / 2**10
    row = simulate(Point(8, "awgn", 20.0, hardware=hardware), 48_000, seed=5)
    # The errors of 16 levels per dimension are no uniform sample, so a factor of two is allowed.
    assert 0.5 < row["evm_percent"] / (100 * math.sqrt(step**2 / 6)) < 2


@pytest.mark.parametrize(
    ("point", "seed"),
    [
        (Point(1, "awgn", 4.0, modulation="psk"), 1),
        (Point(3, "awgn", 9.0, modulation="psk"), 2),
        (Point(3, "rician", 9.0, modulation="psk"), 3),
        (Point(4, "rayleigh-fast", 12.0), 4),
        (Point(4, "rician-fast", 12.0, channel_options=ChannelOptions(rician_k=10.0)), 5),
        (Point(1, "bsc", 2.0, modulation="psk"), 6),
    ],
    ids=str,
)
def test_closed_form_of_other_modulations_and_channels(point, seed):
    """Frames are independent: a t interval of 99.9 % over them contains the closed form."""
    errors = frame_errors(point, 240_000, seed) / point.frame_bits
    half_width = 3.34 * errors.std(ddof=1) / math.sqrt(len(errors))
    assert abs(errors.mean() - point.theory()) < half_width


def test_imperfect_knowledge_costs_errors():
    ideal = Point(4, "rayleigh", 15.0)
    noisy = replace(ideal, channel_options=ChannelOptions(csi_error=0.1))
    assert frame_errors(noisy, 48_000, 1).mean() > 1.2 * frame_errors(ideal, 48_000, 1).mean()


def test_own_frame_length():
    errors = frame_errors(Point(2, "awgn", 0.0, frame_bits=7), 70, seed=0)
    assert len(errors) == 10
    assert errors.max() <= 7
    assert np.array_equal(errors, frame_errors(Point(2, "awgn", 0.0, frame_bits=7), 70, 0))
