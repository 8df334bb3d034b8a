"""`linksim verify` finds planted defects, and names the check that is about them."""

import pytest
from helpers.defects import channel, receiver, transmitter

from linksim.verification.catalogue import run

NAMES = {
    transmitter.padding_per_batch: {"padding", "frame-independence"},
    transmitter.lsb_first_in_the_hard_path: {"bit-order"},
    transmitter.lsb_first_in_both_paths: {"bit-order"},
    transmitter.per_bit_grouping: {"symbol-distribution"},
    transmitter.distance_softmax: {"map-law", "link-law"},
    transmitter.clamp_at_a_trillionth: {"map-law"},
    transmitter.no_clamp: {"gradients"},
    transmitter.temperature_upside_down: {"symbol-distribution"},
    transmitter.conjugated_symbols: {"qam-constellation", "psk-constellation"},
    transmitter.one_point_moved: {"qam-constellation", "psk-constellation"},
    transmitter.one_listed_point_moved: {"qam-constellation", "psk-constellation"},
    transmitter.one_psk_point_moved: {"psk-constellation"},
    transmitter.assignment_by_inner_product: {"quantize-law"},
    transmitter.temperature_has_a_floor: {"quantize-law"},
    transmitter.distance_without_square: {"quantize-law"},
    transmitter.converter_with_a_level_at_zero: {"converters"},
    transmitter.amplifier_of_half_the_order: {"amplifier"},
    channel.noise_variance_doubled: {"noise-variance", "ber-awgn"},
    channel.noise_in_one_dimension: {"noise-variance"},
    channel.told_half_the_noise: {"noise-variance", "llr-values"},
    channel.power_normalised_over_the_batch: {"frame-independence"},
    channel.first_generator_for_all: {"frame-independence"},
    channel.global_generator_for_noise: {"generator-isolation", "determinism"},
    channel.global_generator_put_back: {"generator-isolation"},
    channel.global_generator_of_numpy: {"generator-isolation", "determinism"},
    channel.global_generator_of_sionna: {"generator-isolation", "determinism"},
    channel.gain_of_unit_variance_per_dimension: {"fading-gain", "ber-rayleigh"},
    channel.k_factor_in_decibels: {"fading-gain", "ber-rician"},
    channel.estimate_error_not_counted: {"noise-variance"},
    channel.flips_of_orthogonal_signals: {"bit-flips"},
    channel.ebno_without_padding: {"ebno"},
    channel.ebno_without_code_rate: {"ebno"},
    receiver.llr_sign_flipped: {"llr-sign", "llr-values"},
    receiver.maximum_for_exact: {"llr-values"},
    receiver.noise_variance_doubled_in_the_demapper: {"noise-variance", "llr-values"},
    receiver.equaliser_without_conjugate: {"llr-values"},
    receiver.pad_bits_stripped_from_the_front: {"padding"},
    receiver.never_deinterleaved: {"padding"},
    receiver.crc_always_passes: {"crc"},
    receiver.decoder_skipped: {"ldpc"},
    receiver.saturates_one_word_higher: {"llr-quantizer"},
    receiver.weights_cut_off: {"integer-decision"},
    receiver.invalid_indices_have_probability: {"decide-law"},
    receiver.invalid_indices_wrap_around: {"decide-law"},
    receiver.hard_receiver_rounds: {"decide-law", "link-law"},
    receiver.embedding_follows_temperature: {"hard-path-temperature"},
}


def planted(module):
    """Every defect of a module."""
    return {f for name, f in vars(module).items() if callable(f) and f.__module__ == module.__name__}


def name(function):
    return function.__name__


@pytest.mark.parametrize(
    ("defect", "check"),
    [(defect, check) for defect, checks in NAMES.items() for check in sorted(checks)],
    ids=lambda value: value if isinstance(value, str) else name(value),
)
def test_the_check_about_a_defect_fails(monkeypatch, defect, check):
    defect(monkeypatch)
    outcome = run(check, 0)
    assert not outcome.passed
    assert outcome.figure


def test_every_defect_is_looked_for():
    helpers = {transmitter.write_lsb_first}
    assert set().union(*map(planted, (transmitter, channel, receiver))) - helpers == set(NAMES)


@pytest.mark.parametrize(
    ("defect", "innocent"),
    [
        (
            receiver.llr_sign_flipped,
            {"bit-order", "padding", "noise-variance", "link-law"},
        ),
        (
            transmitter.lsb_first_in_both_paths,
            {"qam-constellation", "llr-sign", "link-law"},
        ),
        (channel.noise_variance_doubled, {"qam-constellation", "bit-order", "llr-values", "link-law"}),
        (transmitter.padding_per_batch, {"qam-constellation", "llr-values", "noise-variance", "decide-law"}),
        (transmitter.one_point_moved, {"bit-flips", "decide-law", "quantize-law", "ldpc"}),
        (channel.ebno_without_padding, {"padding", "noise-variance", "link-law", "crc"}),
        (channel.global_generator_for_noise, {"qam-constellation", "bit-order", "llr-values", "link-law"}),
    ],
    ids=lambda value: name(value) if callable(value) else "",
)
def test_checks_about_other_things_pass(monkeypatch, defect, innocent):
    """So that the names of the failed checks say something."""
    defect(monkeypatch)
    assert [check for check in sorted(innocent) if not run(check, 0).passed] == []
