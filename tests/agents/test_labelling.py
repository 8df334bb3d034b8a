"""The expected distortion of maps from codewords to bits, and the best of all labellings."""

import numpy as np
import pytest
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from linksim import Link, LinkConfig
from linksim_benchmarks.agents.expected_distortion import best_labelling, distortion_matrix, snr_grid
from linksim_benchmarks.agents.labelling import CONFIG, SNR_DB, Labelling
from linksim_envs.policies.transmit import PatternMap


@reproducible(30)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 7))
def test_enumeration_agrees_with_the_hungarian_method(seed, size):
    distortion = np.random.default_rng(seed).random((size, size))
    rows, columns = linear_sum_assignment(distortion)
    found = best_labelling(distortion)
    assert sorted(found) == list(range(size))
    assert distortion[np.arange(size), found].sum() == pytest.approx(distortion[rows, columns].sum())


def test_enumeration_of_a_link():
    """All 40,320 labellings of a codebook; on a matrix that favours another than the link's own, too."""
    mean = Labelling(2).distortion.mean(0)
    shuffled = mean[np.random.default_rng(0).permutation(8)]
    for distortion in (mean, shuffled):
        np.testing.assert_array_equal(best_labelling(distortion), linear_sum_assignment(distortion)[1])
    with pytest.raises(ValueError, match="square of size up to 8"):
        best_labelling(np.zeros((9, 9)))


def test_expected_distortion_is_that_of_the_environment():
    """Labels and best map: the mean reward of frames of their own agrees with the expectation."""
    scenario = Labelling(1)
    env = scenario.exact_env(400)
    shown = {}
    for policy in scenario.baselines(scenario.policies, 0):
        observations, infos = env.reset(seed=5)
        policy.begin(400)
        lost = []
        for _ in range(60):
            observations, rewards, _, _, infos = env.step(policy.act(observations, infos))
            lost.append(-rewards)
        lost = np.ravel(lost)
        expected = scenario.further(policy, 0)["expected_distortion"]
        assert abs(lost.mean() - expected) < 4 * lost.std() / lost.size**0.5 + 0.002
        shown[policy.name] = expected
    assert list(shown) == ["labels", "best labelling", "best map"]
    assert shown["best map"] < shown["best labelling"] <= shown["labels"]


def test_a_policy_is_judged_by_what_it_sends():
    scenario = Labelling(3)
    mean = scenario.distortion.mean(0)
    patterns = np.array([3, 1, 4, 1, 5, 0, 2, 6])
    found = scenario.further(PatternMap("mine", patterns, 3), 0)
    assert found["expected_distortion"] == pytest.approx(mean[np.arange(8), patterns].mean())
    best = mean[np.arange(8), best_labelling(mean)].mean()
    assert found["over_best_labelling"] == pytest.approx(found["expected_distortion"] / best)


def test_without_noise_only_the_right_pattern_arrives():
    link = Link(CONFIG)
    distortion = distortion_matrix(link, (60.0, 60.0), snrs=1, frames=20)[0]
    codebook = link.codebook.detach().numpy()
    between = np.square(codebook[:, None] - codebook).mean(-1)
    np.testing.assert_allclose(distortion, between, atol=1e-5)
    with pytest.raises(ValueError, match="one token"):
        distortion_matrix(Link(LinkConfig(tokens=2, codebook_size=4)), SNR_DB)


def test_the_grid_stands_for_the_uniform_distribution():
    grid = snr_grid(SNR_DB, 24)
    assert grid.mean() == pytest.approx(3)
    assert np.diff(grid) == pytest.approx(0.25)
    assert grid[0] == pytest.approx(0.125)
