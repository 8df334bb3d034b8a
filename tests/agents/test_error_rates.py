"""Block error rates: measured against a closed form, shipped against measured, and what lies between."""

import json
from dataclasses import asdict
from importlib.resources import files

import numpy as np
import pytest
import torch
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st

from linksim import Link
from linksim.metrics.intervals import clopper_pearson
from linksim.metrics.theory import bit_error_rate
from linksim_envs import LinkAdaptationVectorEnv, Mcs
from linksim_envs.policies import error_rates
from linksim_envs.policies.error_rates import BlockErrorRates, Curve, measured

LEVEL = 0.999


def shipped():
    return json.loads(files("linksim_envs.policies").joinpath("error_rates.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("bits_per_symbol", [1, 2])
def test_measured_without_code(bits_per_symbol):
    """Bits of BPSK and QPSK go wrong independently: a block arrives if all bits of message and CRC do."""
    link = Link(Mcs(bits_per_symbol).config(symbols=30, bp_iterations=1))
    curve = measured(link, seed=3, frames=400)
    assert curve.errors[0] > 390
    assert curve.errors[-1] < 5
    bits = link.layout.message_bits
    outside = 0
    for snr_db, errors in zip(curve.snr_db, curve.errors, strict=True):
        modulation = "psk" if bits_per_symbol == 1 else "qam"
        expected = 1 - (1 - bit_error_rate(modulation, bits_per_symbol, snr_db, "awgn", "app")) ** bits
        low, high = clopper_pearson(errors, curve.frames, LEVEL)
        outside += not low <= expected <= high
    assert outside == 0


@pytest.mark.parametrize("coded", [False, True])
def test_shipped_curves_are_those_of_the_default_schemes(coded, monkeypatch):
    """Nothing is measured anew, and blocks sent now are lost as often."""
    links = LinkAdaptationVectorEnv(1, coded=coded).core.links
    known = shipped()

    def refuse(*_):
        raise AssertionError("measured although shipped")

    with monkeypatch.context() as patch:
        patch.setattr(error_rates, "measured", refuse)
        rates = BlockErrorRates.of_links(links)
    assert len(rates.curves) == len(links)
    for link, curve in zip(links, rates.curves, strict=True):
        assert asdict(curve) in [
            {**one, "snr_db": tuple(one["snr_db"]), "errors": tuple(one["errors"])} for one in known.values()
        ]
        middle = int(np.argmin(np.abs(np.array(curve.errors) - curve.frames / 2)))
        with torch.inference_mode():
            errors = error_rates._errors(link, curve.snr_db[middle], 100, seed=99)
        low, high = clopper_pearson(errors, 100, LEVEL)
        known_low, known_high = clopper_pearson(curve.errors[middle], curve.frames, LEVEL)
        assert low <= known_high
        assert high >= known_low


@reproducible(50)
@given(
    errors=st.lists(st.integers(0, 200), min_size=2, max_size=8),
    snr_db=st.lists(st.floats(-120, 120), min_size=1, max_size=20),
)
def test_rates_fall_and_lie_between_the_measured_ones(errors, snr_db):
    grid = np.arange(len(errors)) * 0.5
    curve = Curve(tuple(grid), tuple(sorted(errors, reverse=True)), 200)
    if curve.errors[0] == curve.errors[-1]:
        return
    found = curve.rate(sorted(snr_db))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) <= 1e-12).all()
    at_grid = (np.array(curve.errors) + 0.5) / 201
    np.testing.assert_allclose(curve.rate(grid), at_grid, atol=1e-9)
    rates = BlockErrorRates([curve, curve], [1.0, 2.0])
    np.testing.assert_allclose(rates.goodput(grid)[:, 1], 2 * (1 - at_grid), atol=1e-9)


def test_a_rise_by_chance_is_levelled():
    curve = Curve((0.0, 0.5, 1.0, 1.5), (90, 10, 12, 1), 100)
    assert curve.rate(1.0) == pytest.approx(curve.rate(0.5))
