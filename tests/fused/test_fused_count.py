"""The whole chain counted in one pass against the same chain stage by stage."""

from dataclasses import replace

import pytest
import torch
from helpers.qam import WIDTHS
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim import Modem
from linksim.config import DEMAPPERS, ChannelOptions, CodingOptions, HardwareOptions
from linksim.fused import certificate, count
from linksim.metrics.intervals import clopper_pearson
from linksim.metrics.theory import bit_error_rate
from linksim_benchmarks import ber, fused_chain
from linksim_benchmarks.ber import Point

CLOSE = 1e-4
"""|LLR| below which a decision may hang on rounding."""


def stage_by_stage(bits, noise, weight, variance, width, demapper):
    """[F] errors, and [F] decisions that are close."""
    sent = count.unpacked(bits, noise[0].shape[1] * width)
    modem = Modem(width, demapper)
    llr = modem.demodulate(modem.modulate(sent) + weight * torch.complex(*noise), variance)
    return ((llr > 0) != (sent > 0)).sum(1), (llr.abs() < CLOSE).sum(1)


@settings(max_examples=60, deadline=None)
@given(
    width=st.sampled_from(WIDTHS),
    demapper=st.sampled_from(DEMAPPERS),
    frames=st.integers(1, 20),
    symbols=st.integers(1, 90),
    snr_db=st.floats(-20, 60),
    faded=st.booleans(),
    every_symbol=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_counts(width, demapper, frames, symbols, snr_db, faded, every_symbol, seed):
    generator = torch.Generator().manual_seed(seed)
    bits = count.packed_bits(frames, symbols * width, generator)
    noise = tuple(torch.randn(2, frames, symbols, generator=generator))
    variance = torch.full((frames, symbols if every_symbol else 1), 10 ** (-snr_db / 10))
    weight = (variance / 2).sqrt().to(torch.complex64)
    if faded:
        gain = torch.randn(weight.shape, dtype=torch.complex64, generator=generator)
        weight, variance = weight / gain, variance / gain.abs().square()
    right, close = stage_by_stage(bits, noise, weight, variance, width, demapper)
    found = count.count_errors(bits, noise, weight, variance, width, demapper)
    assert found.dtype == torch.int32
    assert ((found - right).abs() <= close).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_counts_without_loops(width, monkeypatch):
    generator = torch.Generator().manual_seed(1)
    bits = count.packed_bits(30, 20 * width, generator)
    noise = tuple(torch.randn(2, 30, 20, generator=generator))
    variance = torch.full((30, 1), 0.02)
    arguments = (bits, noise, variance.sqrt().to(torch.complex64), variance, width)
    found = count.count_errors(*arguments)
    for module in (certificate, count):
        monkeypatch.setattr(module, "certified", lambda *_: None)
    assert torch.equal(count.count_errors(*arguments), found)


@pytest.mark.parametrize("demapper", DEMAPPERS)
@pytest.mark.parametrize("width", WIDTHS)
def test_closed_form(width, demapper):
    """At the 99.99 % level."""
    frames, snr_db = 3000, 2.5 * width
    generator = torch.Generator().manual_seed(width)
    errors = count.count_random_errors(frames, 240, width, demapper, snr_db, generator)
    low, high = clopper_pearson(int(errors.sum()), frames * 240, 0.9999)
    assert low <= bit_error_rate("qam", width, snr_db, "awgn", demapper) <= high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bits": torch.zeros(3, 4, dtype=torch.uint8)}, "bits must hold 40 bits"),
        ({"weight": torch.ones(3, 2, dtype=torch.complex64)}, "weight and noise_variance"),
        ({"noise_variance": torch.ones(3)}, "weight and noise_variance"),
        ({"bits_per_symbol": 3}, "bits_per_symbol"),
        ({"demapper": "soft"}, "demapper"),
    ],
)
def test_refusals(change, message):
    fine = {
        "bits": torch.zeros(3, 5, dtype=torch.uint8),
        "noise": tuple(torch.zeros(2, 3, 10)),
        "weight": torch.ones(3, 1, dtype=torch.complex64),
        "noise_variance": torch.ones(3, 1),
        "bits_per_symbol": 4,
    }
    assert count.count_errors(**fine).shape == (3,)
    with pytest.raises(ValueError, match=message):
        count.count_errors(**{**fine, **change})


@pytest.mark.parametrize(("frames", "bits"), [(0, 240), (5, 0), (5, 10)])
def test_random_errors_refuse_sizes(frames, bits):
    with pytest.raises(ValueError, match="frame"):
        count.count_random_errors(frames, bits, 4, "app", 3.0, torch.Generator())


POINTS = [
    Point(2, "awgn", 4.0, "maxlog"),
    Point(6, "awgn", 15.0),
    Point(8, "awgn", 30.0, frame_bits=48),
    Point(4, "rayleigh", 12.0),
    Point(4, "rayleigh-fast", 12.0),
    Point(6, "rician", 18.0, channel_options=ChannelOptions(rician_k=3.0)),
    Point(6, "rician-fast", 18.0, "maxlog", channel_options=ChannelOptions(rician_k=3.0)),
]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.bits_per_symbol}-{point.channel}")
def test_a_chunk_has_the_errors_of_the_link(point):
    """Same seed, same random numbers, same errors: stage by stage through Sionna, or in one pass."""
    fused = replace(point, backend="fused")
    assert fused_chain.is_plain(fused)
    assert not fused_chain.is_plain(point)
    assert fused.content() == point.content()
    one, other = (each.count(3, 400, torch.Generator().manual_seed(5)) for each in (fused, point))
    assert (one.pop("backend"), other.pop("backend")) == ("fused", "sionna")
    wrong = abs(one["hard"].pop("squared_bit_errors") - other["hard"].pop("squared_bit_errors"))
    assert one["hard"]["bit_errors"] > 0
    assert abs(one["hard"]["bit_errors"] - other["hard"]["bit_errors"]) <= 1
    assert wrong <= 2 * 48
    assert one["frames"] == other["frames"]


@pytest.mark.parametrize(
    "point",
    [
        Point(3, "awgn", 8.0, backend="fused", modulation="psk"),
        Point(4, "awgn", 8.0, backend="fused", frame_bits=42),
        Point(4, "awgn", 8.0, backend="fused", paths=("hard", "soft")),
        Point(4, "awgn", 8.0, backend="fused", coding=CodingOptions(crc="CRC16")),
        Point(4, "awgn", 8.0, backend="fused", hardware=HardwareOptions(llr_bits=4)),
        Point(4, "rayleigh", 8.0, backend="fused", channel_options=ChannelOptions(csi_error=0.1)),
        Point(1, "bsc", 8.0, backend="fused", modulation="psk"),
    ],
)
def test_other_chains_go_through_the_link(point):
    """And the counts say what computed their LLRs."""
    assert not fused_chain.is_plain(point)
    counts = point.count(0, 20, torch.Generator().manual_seed(1))
    assert counts["backend"] == ("sionna" if point.modulation == "psk" else "fused")
    assert (
        ber.transmit(point, 20, torch.Generator().manual_seed(1))["hard"].bit_errors.sum()
        == (counts["hard"]["bit_errors"])
    )
