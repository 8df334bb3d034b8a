"""What configurations, layouts and modems refuse, in one line that names argument, value and fix."""

import math

import pytest
import torch

from linksim import FrameLayout, Link, LinkConfig, Modem

BPSK = {"modulation": "psk", "bits_per_symbol": 1}
LDPC = {"code": "ldpc"}

CONFIGURATIONS = [
    # options, argument named, what else the line says
    ({**LDPC, "code_rate": 0.1}, "code_rate", ["0.1", "1/5", "948/1024"]),
    ({**LDPC, "code_rate": 0.1999}, "code_rate", ["0.1999", "1/5"]),
    ({**LDPC, "code_rate": 0.95}, "code_rate", ["0.95", "948/1024"]),
    ({**LDPC, "code_rate": 0.926}, "code_rate", ["0.926", "948/1024"]),
    ({**LDPC, "code_rate": math.nan}, "code_rate", ["finite", "nan"]),
    ({"code_rate": math.inf}, "code_rate", ["finite", "inf"]),
    ({"code_rate": 0.0}, "code_rate", ["greater than 0", "got 0"]),
    ({"code_rate": 1.01}, "code_rate", ["at most 1", "1.01"]),
    ({**LDPC, "tokens": 1, "codebook_size": 2048}, "at least 12", ["11", "more tokens", "CRC"]),
    ({**LDPC, "tokens": 1, "codebook_size": 32, "crc": "CRC6"}, "at least 12", ["11"]),
    ({**LDPC, "tokens": 8449, "codebook_size": 2}, "at most 8448", ["8449", "fewer tokens"]),
    ({**LDPC, "tokens": 8425, "codebook_size": 2, "crc": "CRC24A"}, "at most 8448", ["8449"]),
    (
        {**LDPC, "tokens": 3825, "codebook_size": 2, "code_rate": 0.33},
        "code_rate",
        ["1/3", "3824", "0.33", "3825"],
    ),
    ({"crc": "CRC8"}, "crc", ["CRC8", "none, CRC6, CRC11, CRC16, CRC24A, CRC24B, CRC24C"]),
    ({"code": "polar"}, "code", ["polar", "none, ldpc"]),
    ({"interleaver": "random"}, "interleaver", ["random", "none, 38.212"]),
    ({"code_gradient": "soft"}, "code_gradient", ["soft", "straight-through, product"]),
    ({"bp_iterations": 0}, "bp_iterations", ["from 1 to 1000", "got 0"]),
    ({"bp_iterations": 1001}, "bp_iterations", ["from 1 to 1000", "1001"]),
    ({"bp_early_stop": True}, "bp_early_stop", ["give a code and a crc"]),
    ({"bp_early_stop": True, "code": "ldpc"}, "bp_early_stop", ["give a code and a crc"]),
    ({"llr_bits": 0}, "llr_bits", ["from 2 to 8", "got 0"]),
    ({"llr_bits": 1}, "llr_bits", ["from 2 to 8", "got 1"]),
    ({"llr_bits": 9}, "llr_bits", ["from 2 to 8", "got 9"]),
    ({"llr_step": 0.5}, "llr_step", ["give llr_bits"]),
    ({"llr_bits": 4, "llr_step": 0.0}, "llr_step", ["greater than 0", "got 0"]),
    ({"llr_bits": 4, "llr_step": -1.0}, "llr_step", ["greater than 0", "got -1"]),
    ({"llr_bits": 4, "llr_step": 2e6}, "llr_step", ["at most 1e+06", "2e+06"]),
    ({"dac_bits": 0}, "dac_bits", ["from 1 to 16", "got 0"]),
    ({"dac_bits": 17}, "dac_bits", ["from 1 to 16", "got 17"]),
    ({"adc_bits": 0}, "adc_bits", ["from 1 to 16", "got 0"]),
    ({"adc_bits": 17}, "adc_bits", ["from 1 to 16", "got 17"]),
    ({"dac_backoff_db": -1.0}, "dac_backoff_db", ["at least 0", "got -1"]),
    ({"dac_backoff_db": 61.0}, "dac_backoff_db", ["at most 60", "61"]),
    ({"adc_backoff_db": -0.5}, "adc_backoff_db", ["at least 0", "got -0.5"]),
    ({"pa_backoff_db": -3.0}, "pa_backoff_db", ["at least 0", "got -3"]),
    ({"pa_smoothness": 0.5}, "pa_smoothness", ["at least 1", "0.5"]),
    ({"pa_smoothness": 10.5}, "pa_smoothness", ["at most 10", "10.5"]),
    ({"rician_k": -1.0}, "rician_k", ["at least 0", "got -1"]),
    ({"rician_k": 2e6}, "rician_k", ["at most 1e+06", "2e+06"]),
    ({"channel": "rayleigh", "csi_error": -1.0}, "csi_error", ["at least 0", "got -1"]),
    ({"channel": "rayleigh", "csi_error": 2e6}, "csi_error", ["at most 1e+06", "2e+06"]),
    ({"csi_error": 0.1}, "csi_error", ["0.1", "rayleigh", "'awgn'"]),
    ({"channel": "bsc", "csi_error": 0.1, **BPSK}, "csi_error", ["0.1", "rayleigh", "'bsc'"]),
    ({"channel": "bsc"}, "bsc", ["modulation='psk'", "bits_per_symbol=1", "'qam' and 4"]),
    (
        {"channel": "bsc", "modulation": "psk", "bits_per_symbol": 2},
        "bsc",
        ["bits_per_symbol=1", "'psk' and 2"],
    ),
    ({"channel": "bsc", "dac_bits": 4, **BPSK}, "bsc", ["dac_bits", "leave"]),
    ({"channel": "bsc", "pa_backoff_db": 4, **BPSK}, "bsc", ["pa_backoff_db", "leave"]),
    ({"channel": "bsc", "adc_bits": 4, **BPSK}, "bsc", ["adc_bits", "leave"]),
    ({"arithmetic": "integer"}, "arithmetic", ["llr_bits", "2 to 8"]),
    ({"arithmetic": "fixed"}, "arithmetic", ["fixed", "float, integer"]),
    ({"weight_bits": 1}, "weight_bits", ["from 2 to 16", "got 1"]),
    ({"weight_bits": 17}, "weight_bits", ["from 2 to 16", "got 17"]),
    ({"codebook_bits": 1}, "codebook_bits", ["from 2 to 16", "got 1"]),
    ({"codebook_bits": 17}, "codebook_bits", ["from 2 to 16", "got 17"]),
    ({"radius": -1}, "radius", ["from 0 to 64", "got -1"]),
    ({"radius": 65}, "radius", ["from 0 to 64", "got 65"]),
    ({"modulation": "pam"}, "modulation", ["pam", "qam, psk, custom"]),
    ({"modulation": "psk", "bits_per_symbol": 7}, "bits_per_symbol", ["from 1 to 6", "got 7"]),
    ({"modulation": "psk", "bits_per_symbol": 0}, "bits_per_symbol", ["from 1 to 6", "got 0"]),
    ({"modulation": "custom", "bits_per_symbol": 11}, "bits_per_symbol", ["from 1 to 10", "got 11"]),
    ({"bits_per_symbol": 3}, "bits_per_symbol", ["even", "got 3", "modulation='psk'", "modulation='custom'"]),
    ({"bits_per_symbol": 12}, "bits_per_symbol", ["from 1 to 10", "got 12"]),
]


def assert_refused(make, argument, words, error=ValueError):
    with pytest.raises(error) as caught:
        make()
    line = str(caught.value)
    assert "\n" not in line
    assert argument in line
    for word in words:
        assert word in line, f"{word!r} is missing in: {line}"


@pytest.mark.parametrize(("options", "argument", "words"), CONFIGURATIONS, ids=lambda value: str(value)[:60])
def test_configurations(options, argument, words):
    assert_refused(lambda: LinkConfig(**options), argument, words)


@pytest.mark.parametrize(
    "options",
    [
        {**LDPC, "code_rate": 0.2},
        {**LDPC, "code_rate": 948 / 1024},
        {**LDPC, "tokens": 12, "codebook_size": 2},
        {**LDPC, "tokens": 6, "codebook_size": 2, "crc": "CRC6"},
        {**LDPC, "tokens": 8448, "codebook_size": 2},
        {**LDPC, "tokens": 3824, "codebook_size": 2, "code_rate": 0.2},
        {**LDPC, "tokens": 3825, "codebook_size": 2, "code_rate": 1 / 3},
        {"code_rate": 0.01},
        {"code_rate": 1.0},
        {"bp_iterations": 1},
        {"bp_iterations": 1000},
        {"llr_bits": 2},
        {"llr_bits": 8, "llr_step": 1e6},
        {"dac_bits": 1, "dac_backoff_db": 0.0, "adc_bits": 16, "adc_backoff_db": 60.0},
        {"dac_bits": 16, "adc_bits": 1, "adc_backoff_db": 0.0},
        {"pa_backoff_db": 0.0, "pa_smoothness": 1.0},
        {"pa_backoff_db": 60.0, "pa_smoothness": 10.0},
        {"channel": "rician", "rician_k": 0.0, "csi_error": 1e6},
        {"channel": "rician-fast", "rician_k": 1e6, "csi_error": 0.0},
        {"channel": "bsc", **BPSK},
        {"arithmetic": "integer", "llr_bits": 2, "weight_bits": 2, "codebook_bits": 2},
        {"arithmetic": "integer", "llr_bits": 8, "weight_bits": 16, "codebook_bits": 16},
        {"radius": 0},
        {"radius": 64, "decision": "radius"},
        {"modulation": "psk", "bits_per_symbol": 6},
        {"modulation": "custom", "bits_per_symbol": 10},
    ],
    ids=str,
)
def test_configurations_at_the_limits_are_taken(options):
    config = LinkConfig(**options)
    for name, value in options.items():
        assert getattr(config, name) == value


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("code_rate", "0.5"),
        ("bp_iterations", 2.5),
        ("bp_early_stop", 1),
        ("llr_bits", 4.0),
        ("dac_bits", True),
        ("pa_backoff_db", "3"),
        ("rician_k", None),
        ("csi_error", "0"),
        ("radius", 1.0),
        ("weight_bits", "8"),
    ],
)
def test_wrong_types(argument, value):
    assert_refused(lambda: LinkConfig(**{argument: value}), argument, ["must be a", repr(value)], TypeError)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"crc": "crc6"}, "crc"),
        ({"code": "LDPC"}, "code"),
        ({"interleaver": None}, "interleaver"),
        ({**LDPC, "code_rate": math.nan}, "code_rate"),
        ({**LDPC, "code_rate": 0.19}, "code_rate"),
        ({**LDPC, "code_rate": 0.93}, "code_rate"),
    ],
)
def test_layouts(options, argument):
    assert_refused(
        lambda: FrameLayout(tokens=20, codebook_size=2, bits_per_symbol=4, **options), argument, []
    )


def test_layouts_without_a_code_ignore_its_rate():
    layout = FrameLayout(tokens=3, codebook_size=2, bits_per_symbol=4, code_rate=0.01)
    assert layout.coded_bits == 3


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (torch.ones(3), ["[4]", "[3]"]),
        (torch.ones(8), ["[4]", "[8]"]),
        (torch.ones(2, 2), ["[4]", "[2, 2]"]),
        (torch.zeros(4), ["finite", "not all zero"]),
        (torch.tensor([1, 1j, -1, math.nan]), ["finite"]),
        (torch.tensor([1, 1j, -1, complex(0, math.inf)]), ["finite"]),
    ],
)
def test_constellations(points, words):
    config = LinkConfig(bits_per_symbol=2)
    assert_refused(lambda: Link(config, constellation=points), "constellation", words)
    assert_refused(lambda: Modem(2, constellation=points), "constellation", words)


def test_a_custom_modulation_needs_its_points():
    config = LinkConfig(modulation="custom")
    assert_refused(lambda: Link(config), "constellation", ["'custom'", "constellation=points"])
    assert_refused(lambda: Modem(modulation="custom"), "constellation", ["'custom'", "constellation=points"])


def test_a_binary_symmetric_channel_refuses_points_of_ones_own():
    """It turns a symbol into its negative, the other point of BPSK and in general no point at all."""
    config = LinkConfig(channel="bsc", **BPSK)
    points = torch.tensor([1, 1j])
    assert_refused(lambda: Link(config, constellation=points), "bsc", ["modulation='psk'"])


def test_modems_refuse_unknown_modulations_and_widths():
    assert_refused(lambda: Modem(modulation="pam"), "modulation", ["pam", "qam, psk, custom"])
    assert_refused(lambda: Modem(7, modulation="psk"), "bits_per_symbol", ["from 1 to 6", "got 7"])


def test_bits_of_a_frame_are_checked():
    """A coded link takes information bits, as many as its tokens have."""
    link = Link(LinkConfig(tokens=4, codebook_size=8, code="ldpc"))
    draw = link.draw(1, 0.0, torch.Generator())
    assert_refused(lambda: link.hard(bits=torch.zeros(1, 24), draw=draw), "bits", ["[B, 12]", "[1, 24]"])
