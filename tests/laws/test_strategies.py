"""The random links of the laws stand for every stage: each option takes each of its values."""

from dataclasses import fields

import pytest
from helpers.strategies import all_configurations, reproducible
from hypothesis import given

from linksim import LinkConfig, config
from linksim.frame import CRC_BITS, INTERLEAVERS

NAMED = {
    "modulation": {"qam", "psk"},  # points of one's own are an argument of the link
    "channel": set(config.CHANNELS),
    "demapper": set(config.DEMAPPERS),
    "backend": set(config.BACKENDS),
    "decision": set(config.DECISIONS),
    "crc": set(CRC_BITS),
    "code": {"none", "ldpc"},
    "interleaver": set(INTERLEAVERS),
    "code_gradient": set(config.CODE_GRADIENTS),
    "arithmetic": set(config.ARITHMETICS),
}


@pytest.fixture(scope="module")
def drawn():
    found = []

    @reproducible(1000)
    @given(one=all_configurations)
    def collect(one):
        found.append(one)

    collect()
    return found


@pytest.mark.parametrize("name", NAMED)
def test_every_name_is_drawn(drawn, name):
    assert {getattr(one, name) for one in drawn} == NAMED[name]


@pytest.mark.parametrize("name", [f.name for f in fields(LinkConfig) if f.name not in NAMED])
def test_every_number_is_varied(drawn, name):
    """Optional parts are there and left out, and numbers differ from their default."""
    values = {getattr(one, name) for one in drawn}
    assert len(values) > 1
    default = getattr(LinkConfig(), name)
    assert values - {default}
    if default is None:
        assert None in values


def test_codes_are_padded_and_interleaved(drawn):
    layouts = [one.layout for one in drawn if one.code == "ldpc"]
    assert any(layout.interleaved and layout.pad_bits for layout in layouts)
    assert any(not layout.interleaved and layout.pad_bits for layout in layouts)


def test_everything_goes_together(drawn):
    """Some link has a code, an amplifier, converters, LLR words and integer arithmetic at once."""
    assert any(
        one.code == "ldpc"
        and one.pa_backoff_db is not None
        and one.adc_bits is not None
        and one.arithmetic == "integer"
        for one in drawn
    )
