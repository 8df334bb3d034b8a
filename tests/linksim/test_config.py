"""A configuration is checked when it is made."""

import dataclasses

import numpy as np
import pytest

from linksim import LinkConfig


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("tokens", 0, ValueError),
        ("tokens", 1.5, TypeError),
        ("codebook_size", 1, ValueError),
        ("codebook_size", 0, ValueError),
        ("codebook_size", "64", TypeError),
        ("embedding_dim", 0, ValueError),
        ("embedding_dim", True, TypeError),
        ("bits_per_symbol", 0, ValueError),
        ("bits_per_symbol", 1, ValueError),
        ("bits_per_symbol", 3, ValueError),
        ("bits_per_symbol", 12, ValueError),
        ("bits_per_symbol", 4.0, TypeError),
        ("modulation", "pam", ValueError),
        ("channel", "AWGN", ValueError),
        ("channel", None, ValueError),
        ("demapper", "exact", ValueError),
        ("decision", "best", ValueError),
        ("backend", "numpy", ValueError),
    ],
)
def test_bad_values_are_named(argument, value, error):
    with pytest.raises(error, match=argument) as caught:
        LinkConfig(**{argument: value})
    assert str(value) in str(caught.value)


def test_defaults():
    assert LinkConfig().as_dict() == {
        "tokens": 16,
        "codebook_size": 64,
        "embedding_dim": 16,
        "bits_per_symbol": 4,
        "modulation": "qam",
        "channel": "awgn",
        "rician_k": 3.0,
        "csi_error": 0.0,
        "crc": "none",
        "code": "none",
        "code_rate": 0.5,
        "interleaver": "38.212",
        "bp_iterations": 20,
        "bp_early_stop": False,
        "code_gradient": "straight-through",
        "dac_bits": None,
        "dac_backoff_db": 6.0,
        "pa_backoff_db": None,
        "pa_smoothness": 2.0,
        "adc_bits": None,
        "adc_backoff_db": 9.0,
        "demapper": "app",
        "llr_bits": None,
        "llr_step": None,
        "decision": "mean",
        "radius": 1,
        "arithmetic": "float",
        "weight_bits": 8,
        "codebook_bits": 8,
        "backend": "sionna",
        "defects": [],
        "llr_scale_error": 2.0,
    }


def test_a_configuration_is_a_value():
    assert LinkConfig(tokens=3) == LinkConfig(tokens=3)
    assert LinkConfig(tokens=3) != LinkConfig(tokens=4)
    assert LinkConfig(**LinkConfig(tokens=3, channel="rayleigh").as_dict()).channel == "rayleigh"
    with pytest.raises(dataclasses.FrozenInstanceError):
        LinkConfig().tokens = 3
    with pytest.raises(TypeError):
        LinkConfig(16)


def test_numpy_integers_are_whole_numbers():
    assert LinkConfig(tokens=np.int64(5)).layout.information_bits == 30


def test_layout_follows_the_configuration():
    layout = LinkConfig(tokens=9, codebook_size=48, bits_per_symbol=8).layout
    assert (layout.tokens, layout.codebook_size, layout.bits_per_symbol) == (9, 48, 8)
