"""Separate source and channel coding: rate, distortion, what the channel does, and who has a say."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers.generators import generator
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from linksim import Link, LinkConfig
from linksim.verification import global_generators
from linksim_benchmarks.baselines.base import MOST_TRAINING_IMAGES, design_snr_db, training_part
from linksim_benchmarks.baselines.bit_pipe import BitPipe, pipe_config
from linksim_benchmarks.baselines.scalar_quantizer import STEPS, capacity, fit_quantizer
from linksim_benchmarks.baselines.separate import fit_separate

LINK = LinkConfig(tokens=12, codebook_size=64)
"""18 symbols of 16-QAM."""


@pytest.fixture(scope="module")
def small(digits):
    return replace(digits, x_train=digits.x_train[:500], y_train=digits.y_train[:500])


@pytest.fixture(scope="module")
def separate(small):
    return fit_separate(small, LINK, 8.0)


@pytest.mark.parametrize("share", range(1, len(STEPS) + 1))
def test_steps_are_the_best_for_a_gaussian_variable(share):
    """By numerical integration over the cells, against the tables in the literature."""

    def error(step):
        edges = (np.arange(1, 2**share) - 2 ** (share - 1)) * step
        low, high = np.concatenate([[-np.inf], edges]), np.concatenate([edges, [np.inf]])
        level = (np.arange(2**share) - 2 ** (share - 1) + 0.5) * step
        mass, density = norm.cdf(high) - norm.cdf(low), norm.pdf(low) - norm.pdf(high)
        return 1 - 2 * (level @ density) + level**2 @ mass

    best = minimize_scalar(error, bounds=(0.5 * STEPS[share - 1], 2 * STEPS[share - 1]), method="bounded")
    assert STEPS[share - 1] == pytest.approx(best.x, rel=2e-3)


def test_distortion_falls_with_every_bit_and_obeys_the_rate_distortion_bound():
    """A Gaussian source cannot be described with less error, and this quantizer needs little more."""
    deviations = np.array([4.0, 2.0, 1.0, 0.25])
    values = np.random.default_rng(0).normal(size=(20_000, 4)) * deviations
    errors = []
    for bits in range(1, 15):
        quantizer = fit_quantizer(values, bits)
        coded = quantizer.encode(values)
        assert coded.shape == (20_000, bits)
        assert quantizer.bits == bits
        restored = np.zeros_like(values)
        restored[:, quantizer.components] = quantizer.decode(coded)
        errors.append(float(((values - restored) ** 2).sum(1).mean()))
    assert all(following < before for before, following in pairwise(errors))
    for bits, error in enumerate(errors, start=1):
        levels = np.geomspace(1e-6, 16, 20_000)
        rates = np.maximum(0.5 * np.log2(deviations[:, None] ** 2 / levels), 0).sum(0)
        bound = np.minimum(levels[np.argmin(np.abs(rates - bits))], deviations[:, None] ** 2).sum()
        assert 0.97 * bound < error < 3 * bound  # 0.97: sampling


def test_components_without_variance_get_no_bits():
    values = np.random.default_rng(0).normal(size=(300, 5))
    values[:, [1, 3]] = 7.0
    assert capacity(values) == 3 * len(STEPS)
    quantizer = fit_quantizer(values, capacity(values))
    assert quantizer.components.tolist() == [0, 2, 4]
    assert quantizer.shares.tolist() == [len(STEPS)] * 3


@pytest.mark.parametrize("name", ["awgn", "rayleigh", "rician-fast"])
def test_the_pipe_is_the_link_on_bits(name):
    """What it decides is what the LLRs of the link say, hardware included, and no slice changes it."""
    config = replace(LINK, channel=name, llr_bits=4, pa_backoff_db=3.0, defects=("llr-scale",))
    pipe = BitPipe(pipe_config(config, 24, 72, "CRC6"))
    assert pipe.config.bp_iterations == config.bp_iterations
    assert (pipe.config.llr_bits, pipe.config.pa_backoff_db) == (4, 3.0)
    bits = np.random.default_rng(0).integers(2, size=(900, 24)).astype(np.uint8)
    received, passed = pipe.send(bits, 15.0, generator())
    link = Link(pipe.config)
    trace = link.hard(bits=torch.from_numpy(bits), draw=link.draw(900, 15.0, generator()))
    agrees = passed & trace.crc_ok.numpy()
    assert agrees.mean() > 0.5
    assert (received[agrees] == (trace.information_llr > 0).numpy()[agrees]).all()
    assert (passed >= trace.crc_ok.numpy()).all()  # stopping early loses no frame


def test_symbols_are_those_sent_and_those_of_the_link(separate):
    link = Link(separate.pipe.config)
    bits = torch.zeros(1, separate.bits)
    sent = link.hard(bits=bits, draw=link.draw(1, 8.0, generator())).transmitted
    assert sent.shape == (1, separate.symbols)
    assert separate.symbols == separate.link_symbols == LINK.layout.symbols == 18
    assert "18 symbols per image (link: 18)" in separate.label


def test_without_noise_it_is_the_classifier_on_noise_free_reconstructions(separate):
    bits = np.unpackbits(separate.sent, axis=1, count=separate.bits)
    noise_free = separate.classifier.predict(separate.quantizer.decode(bits)) == separate.labels
    assert noise_free.mean() > 0.8
    right = separate.correct(0, 360, 40.0, generator())
    assert right.dtype == bool
    assert np.array_equal(right, noise_free)
    assert np.array_equal(separate.correct(100, 130, 40.0, generator()), noise_free[100:130])
    assert separate.correct(7, 7, 40.0, generator()).shape == (0,)


def test_deep_in_noise_it_guesses(separate):
    right = np.concatenate([separate.correct(0, 360, -40.0, generator(seed)) for seed in range(3)])
    assert 0.05 < right.mean() < 0.17


def test_a_seed_repeats_itself_and_global_generators_are_left_alone(separate, small):
    before = global_generators.states()
    again = fit_separate(small, LINK, 8.0)
    one, two, other = (again.correct(0, 360, 2.0, generator(seed)) for seed in (5, 5, 6))
    assert global_generators.states() == before
    assert again.identity() == separate.identity()
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_pickled_it_is_small_and_the_same(separate):
    content = pickle.dumps(separate)
    assert len(content) < 1_000_000
    copy = pickle.loads(content)
    assert copy.identity() == separate.identity()
    assert np.array_equal(copy.correct(0, 90, 3.0, generator()), separate.correct(0, 90, 3.0, generator()))


def test_the_test_part_has_no_say(separate, small):
    order = torch.randperm(360, generator=generator())
    other = fit_separate(replace(small, x_test=small.x_test[order], y_test=small.y_test[order]), LINK, 8.0)
    mine, theirs = separate.identity(), other.identity()
    assert mine.pop("sent") != theirs.pop("sent")
    assert mine == theirs
    first, second = separate.correct(0, 360, 40.0, generator()), other.correct(0, 360, 40.0, generator())
    assert np.array_equal(first[order.numpy()], second)


def test_more_noise_is_met_with_fewer_bits(separate, small):
    quiet, noisy = fit_separate(small, LINK, 30.0), fit_separate(small, LINK, 3.0)
    assert noisy.bits < separate.bits or noisy.bits < quiet.bits
    assert noisy.correct(0, 360, 3.0, generator()).sum() > quiet.correct(0, 360, 3.0, generator()).sum()


def test_binary_symmetric_channel_and_frames_too_short_for_a_code(small):
    link = LinkConfig(tokens=2, codebook_size=32, channel="bsc", modulation="psk", bits_per_symbol=1)
    found = fit_separate(small, link, 10.0)
    assert (found.rate, found.bits, found.symbols) == (None, 10, 10)
    assert "uncoded" in found.label
    assert found.correct(0, 360, 10.0, generator()).mean() > 0.4


def test_few_components_leave_symbols_unused(small):
    constant = small.x_train.clone()
    constant[:, :, 2:] = 0.5
    data = replace(small, x_train=constant, x_validation=small.x_validation, x_test=small.x_test)
    data = replace(data, x_train=data.x_train[:200], y_train=data.y_train[:200])
    found = fit_separate(data, LinkConfig(tokens=20, codebook_size=256), 30.0)
    assert found.symbols <= found.link_symbols == 40
    assert found.bits <= 16 * len(STEPS)


@pytest.mark.parametrize(("change", "name"), [({"snr_db": float("nan")}, "snr_db"), ({"seed": -1}, "seed")])
def test_wrong_arguments_are_refused(small, change, name):
    with pytest.raises(ValueError, match=name):
        fit_separate(**{"data": small, "config": LINK, "snr_db": 8.0, **change})


def test_points_of_ones_own_are_refused(small):
    with pytest.raises(ValueError, match="custom"):
        fit_separate(small, replace(LINK, modulation="custom"), 8.0)


@pytest.mark.parametrize("images", [(-1, 3), (4, 3), (0, 361)])
def test_images_that_are_not_there_are_refused(separate, images):
    with pytest.raises(ValueError, match=r"first|last"):
        separate.correct(*images, 8.0, generator())


def test_design_snr():
    metadata = {"snr_db": 8.0, "options": {"training": {"snr_db_range": None}}}
    assert design_snr_db(metadata) == 8.0
    metadata["options"]["training"]["snr_db_range"] = [-4.0, 10.0]
    assert design_snr_db(metadata) == 3.0


def test_large_training_parts_are_thinned_evenly_over_the_classes(digits):
    times = MOST_TRAINING_IMAGES // len(digits.y_train) + 2
    many = replace(
        digits, x_train=digits.x_train.repeat(times, 1, 1, 1), y_train=digits.y_train.repeat(times)
    )
    images, labels = training_part(many, seed=0)
    assert len(images) == len(labels) == MOST_TRAINING_IMAGES
    shares = np.bincount(labels) / len(labels)
    assert np.abs(shares - np.bincount(digits.y_train) / len(digits.y_train)).max() < 1e-3
