"""The baseline without a link."""

import random

import numpy as np
import pytest
import torch

from linksim_training import TrainConfig
from linksim_training.noiseless import LEARNING_RATE_FACTORS, fit_noiseless

CONFIG = TrainConfig(epochs=2, lr=2e-3, device="cpu")


@pytest.fixture(scope="module")
def baseline(digits, small_link):
    from linksim_training import build_model

    spec = build_model(digits.image_shape, digits.classes, small_link).spec

    def run(config=CONFIG, on_batch=None):
        return fit_noiseless(digits, spec, config, 64, torch.device("cpu"), on_batch)

    return run


@pytest.fixture(scope="module")
def result(baseline):
    return baseline()


def test_beats_chance_by_far(result):
    assert result.correct.shape == (360,)
    assert result.correct.double().mean() > 0.7
    assert result.validation_accuracy > 0.7


def test_chosen_among_the_learning_rates_and_epochs(result):
    assert result.lr in [CONFIG.lr * factor for factor in LEARNING_RATE_FACTORS]
    assert result.epoch in (1, 2)


def test_deterministic_whatever_the_global_generators_hold(baseline, result):
    steps = []
    random.seed(77)
    np.random.seed(77)  # noqa: NPY002
    torch.manual_seed(77)
    before = torch.get_rng_state(), random.getstate()
    again = baseline(on_batch=lambda: steps.append(None))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert torch.equal(again.correct, result.correct)
    assert (again.lr, again.epoch, again.validation_accuracy) == (
        result.lr,
        result.epoch,
        result.validation_accuracy,
    )
    assert len(steps) == len(LEARNING_RATE_FACTORS) * 2 * 20


def test_the_link_is_not_in_it(digits, small_link, result):
    """Modulation, channel and receiver make no difference."""
    from dataclasses import replace

    from linksim_training import build_model

    other = replace(small_link, channel="rayleigh", bits_per_symbol=2, demapper="maxlog", decision="map")
    spec = build_model(digits.image_shape, digits.classes, other).spec
    again = fit_noiseless(digits, spec, CONFIG, 64, torch.device("cpu"))
    assert torch.equal(again.correct, result.correct)
