"""Every named channel is described, made and sent over; nothing else has to know its name."""

from dataclasses import fields

import pytest
import torch
from helpers.generators import generator

from linksim import Link, LinkConfig
from linksim.channel_options import (
    CHANNEL_KINDS,
    CHANNELS,
    WITH_THEORY,
    ChannelOptions,
    idle_options,
)
from linksim.metrics.theory import bit_error_rate
from linksim.stages.channel import make_channel
from linksim_benchmarks.ber import Point
from linksim_benchmarks.ber_command import _table

OPTIONS = {option.name for option in fields(ChannelOptions)}


def bpsk(channel, **more):
    return LinkConfig(channel=channel, modulation="psk", bits_per_symbol=1, **more)


def test_every_name_is_described():
    assert set(CHANNEL_KINDS) == set(CHANNELS)
    titles = [kind.title for kind in CHANNEL_KINDS.values()]
    assert len(set(titles)) == len(titles)
    assert set(WITH_THEORY) <= set(CHANNELS)


@pytest.mark.parametrize("name", CHANNELS)
def test_options_exist(name):
    assert set(CHANNEL_KINDS[name].options) <= OPTIONS
    assert idle_options(name) == OPTIONS - set(CHANNEL_KINDS[name].options)


@pytest.mark.parametrize("name", CHANNELS)
def test_the_module_makes_it(name):
    channel = make_channel(bpsk(name))
    assert type(channel).__module__ == f"linksim.stages.channel.{CHANNEL_KINDS[name].module}"


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_said_of_gain_and_noise_holds(name):
    """y = h·x + √N0·w on the drawn tensors, which compiled loops and the certificate rely on."""
    link = Link(bpsk(name, tokens=5)).double()
    draw = link.draw(4, 5.0, generator(0))
    sent = torch.randn(4, link.layout.symbols, dtype=torch.complex128, generator=generator(1))
    received, gain, variance = link.channel.apply(sent, draw.channel)
    told = {"noise", "noise_variance"} <= set(draw.channel)
    assert told == CHANNEL_KINDS[name].gain_and_noise
    if told:
        h = draw.channel.get("gain", torch.ones(4, 1))
        noise = draw.channel["noise_variance"].sqrt() * draw.channel["noise"]
        torch.testing.assert_close(received, h * sent + noise)
        torch.testing.assert_close(gain.to(h.dtype), h)
        assert torch.equal(variance, draw.channel["noise_variance"])


@pytest.mark.parametrize("name", CHANNELS)
def test_options_without_effect_have_none(name):
    """And those of the channel change what is drawn or heard."""
    changed = {"rician_k": 0.5, "csi_error": 0.2}
    sent = torch.ones(3, 2, dtype=torch.complex64)

    def heard(**options):
        channel = make_channel(bpsk(name, **options))
        return channel.apply(sent, channel.draw(3, 2, torch.full((3,), 4.0), generator(2)))

    plain = heard()
    for option, value in changed.items():
        takes = option in CHANNEL_KINDS[name].options
        if option == "csi_error" and not takes:
            with pytest.raises(ValueError, match=r"csi_error=0\.2 needs a channel with a gain to estimate"):
                heard(csi_error=value)
            continue
        same = all(torch.equal(*pair) for pair in zip(plain, heard(**{option: value}), strict=True))
        assert same != takes


@pytest.mark.parametrize("name", CHANNELS)
def test_theory_is_where_it_is_said_to_be(name):
    if name in WITH_THEORY:
        assert 0 < bit_error_rate("psk", 1, 4.0, name, "app") < 0.5
    else:
        with pytest.raises(ValueError, match="channel"):
            bit_error_rate("psk", 1, 4.0, name, "app")
    assert (Point(1, name, 4.0, modulation="psk").theory() is not None) == (name in WITH_THEORY)


def test_points_are_named_without_options_of_other_channels():
    """Random streams and stores go by this content: what other channels depend on must not change it."""
    for name in ("awgn", "rayleigh", "rician-fast"):
        assert Point(4, name, 8.0).content()["channel_options"] == {"rician_k": 3.0, "csi_error": 0.0}


def test_a_row_without_a_formula_beside_rows_with_one():
    row = {
        "bits_per_symbol": 4,
        "modulation": "qam",
        "channel": "awgn",
        "path": "hard",
        "ebno_db": 2.0,
        "snr_db": 8.0,
        "bits": 100,
        "bit_errors": 5,
        "ber": 0.05,
        "low": 0.02,
        "high": 0.1,
        "fer": 0.5,
        "fer_low": 0.4,
        "fer_high": 0.6,
    }
    table = _table([{**row, "theory": None}, {**row, "theory": 0.06}], LinkConfig())
    closed_form, inside = (list(column.cells) for column in table.columns[-2:])
    assert (closed_form, inside) == (["–", "6.00e-02"], ["", "yes"])
    alone = _table([{**row, "theory": None}], LinkConfig())
    assert list(alone.columns[-2].cells) == ["5.00e-01"]
