"""Laws of what `linksim/LinkAdaptation-v0` draws: mean SNR, gains and reports."""

import numpy as np
import pytest
from helpers.environments import LOW_SCHEMES, assert_same, infos_of, make_vector, run_vector
from scipy import stats

from linksim_envs.fading import CorrelatedFading

LEVEL = 1e-3
"""Of each test of a distribution, at a fixed seed."""

MANY = 2500


def slots(steps, count=MANY, seed=1, policy=None, **arguments):
    """True SNR of the coming slot and report, [steps + 1, count], and mean SNR [count], of one episode."""
    settings = {"schemes": LOW_SCHEMES, "symbols": 17, "snr_db": 10.0, "episode_length": steps + 5}
    envs = make_vector("uncoded", count, **{**settings, **arguments})
    seen = run_vector(envs, steps, policy or (lambda *_: np.zeros(count, dtype=np.int64)), seed)
    reports = np.array([step[0]["snr_db"][:, 0] for step in seen])
    return infos_of(seen, "next_snr_db"), reports, seen[0][1]["mean_snr_db"]


def powers(snr_db, mean_db):
    """|h|² of slots."""
    return 10 ** ((snr_db - mean_db) / 10)


def assert_distributed(sample, distribution, *parameters):
    assert stats.kstest(np.ravel(sample), distribution, parameters).pvalue > LEVEL


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_gains(correlation):
    """|h|² is exponential with mean one in every slot, and ρ²ⁿ correlated with that n slots later."""
    steps = 20  # beyond the end of the first block of draws
    snr, _, mean = slots(steps, correlation=correlation)
    power = powers(snr, mean)
    for slot in (0, 1, 7, steps):
        assert_distributed(power[slot], "expon")
        # The mean of exponential variables: standard deviation of one each.
        assert abs(power[slot].mean() - 1) < stats.norm.isf(LEVEL / 2) / MANY**0.5
    for lag in (1, 2, 3, 10):
        pairs = [np.corrcoef(power[slot], power[slot + lag])[0, 1] for slot in range(0, steps - lag, lag)]
        assert np.mean(pairs) == pytest.approx(correlation ** (2 * lag), abs=0.05)


def test_gains_of_one_episode_after_the_other():
    """An episode that follows another begins in the stationary distribution, independent of it."""
    settings = {"schemes": LOW_SCHEMES, "symbols": 17, "episode_length": 2, "snr_db": 0.0}
    envs = make_vector("uncoded", MANY, autoreset_mode="SameStep", **settings)
    seen = run_vector(envs, 2, lambda *_: np.zeros(MANY, dtype=np.int64), 3)
    before, after = (powers(one, 0.0) for one in (seen[0][1]["next_snr_db"], seen[2][4]["next_snr_db"]))
    assert_distributed(after, "expon")
    assert abs(np.corrcoef(before, after)[0, 1]) < 4 / MANY**0.5


def test_one_gain_for_the_whole_episode():
    snr, _, _ = slots(20, count=5, correlation=1.0)
    np.testing.assert_allclose(snr, np.tile(snr[0], (21, 1)))
    assert len(set(snr[0])) == 5


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.99, 1.0])
def test_the_process_of_gains(correlation):
    """Complex correlation ρⁿ at n slots, real and imaginary part alike, and unit mean power throughout."""
    rng = np.random.default_rng(5)
    count, steps = 20000, 6
    normal = rng.standard_normal((steps + 1, count, 2)) @ np.array([1, 1j]) * 0.5**0.5
    fading, gains = CorrelatedFading(correlation), [normal[0]]
    for innovation in normal[1:]:
        gains.append(fading.next(gains[-1], innovation))
    for slot, gain in enumerate(gains):
        product = (gain * gains[0].conj()).mean()
        assert abs(product - correlation**slot) < 4 / count**0.5
        assert abs((np.abs(gain) ** 2).mean() - 1) < 4 / count**0.5
        assert abs((gain**2).mean()) < 5 / count**0.5  # circular


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_exact_reports(delay):
    """Without noise, the report is the true SNR of `report_delay` slots before."""
    snr, reports, mean = slots(
        20, count=40, report_delay=delay, report_noise_db=0.0, report_bias_db=0.0, snr_db=(-5.0, 30.0)
    )
    np.testing.assert_array_equal(reports[delay:], snr[: 21 - delay].astype(np.float32))
    if delay:
        assert not (reports[0] == snr[0]).any()
    assert len(set(mean)) == 40


def test_reports_of_slots_before_the_first():
    """They are of the same fading process: stationary, and correlated with the first slot."""
    delay, correlation = 3, 0.8
    snr, reports, mean = slots(0, report_delay=delay, report_noise_db=0.0, correlation=correlation)
    reported, first = powers(reports[0].astype(float), mean), powers(snr[0], mean)
    assert_distributed(reported, "expon")
    assert np.corrcoef(reported, first)[0, 1] == pytest.approx(correlation ** (2 * delay), abs=0.08)


@pytest.mark.parametrize(("bias", "deviation"), [(0.0, 1.0), (2.5, 0.4)])
def test_report_errors(bias, deviation):
    """Gaussian with that mean and deviation, anew in every slot, independent of the gains."""
    delay, steps = 2, 20
    snr, reports, _ = slots(
        steps, count=400, report_delay=delay, report_noise_db=deviation, report_bias_db=bias, seed=4
    )
    errors = (reports[delay:].astype(float) - snr[: steps + 1 - delay] - bias) / deviation
    assert_distributed(errors, "norm")
    size = errors.size**0.5
    assert abs((errors[1:] * errors[:-1]).mean()) < 4 / size
    assert abs(np.corrcoef(errors.ravel(), snr[: steps + 1 - delay].ravel())[0, 1]) < 4 / size
    assert abs(np.corrcoef(errors[:-1].ravel(), np.diff(snr[: steps + 1 - delay], axis=0).ravel())[0, 1]) < (
        4 / size
    )


def test_mean_snr():
    """Uniform in the range of the environment, or for one episode in that of the options."""
    envs = make_vector("uncoded", MANY, schemes=LOW_SCHEMES, symbols=17, snr_db=(-3.0, 12.0))
    for options, low, high in ((None, -3, 12), ({"snr_db": (20.0, 21.0)}, 20, 21), (None, -3, 12)):
        means = envs.reset(seed=6, options=options)[1]["mean_snr_db"]
        assert_distributed(means, "uniform", low, high - low)
    assert set(envs.reset(options={"snr_db": 4})[1]["mean_snr_db"]) == {4.0}
    # The same seed in another range: the same quantile, and the same gains.
    snr, _, mean = slots(3, count=50, snr_db=(0.0, 10.0))
    other, _, other_mean = slots(3, count=50, snr_db=(50.0, 70.0))
    np.testing.assert_allclose(other_mean, 50 + 2 * mean)
    np.testing.assert_allclose(other - other_mean, snr - mean)


@pytest.mark.parametrize("coded", [False, True])
def test_policies_meet_the_same_channel(coded):
    """Under one seed, whatever is sent: the same SNRs and reports, through several episodes."""
    last = 9 if coded else 4
    count, steps = (3, 12) if coded else (8, 60)
    rng = np.random.default_rng(1)
    seen = []
    for policy in (
        lambda *_: np.zeros(count, dtype=np.int64),
        lambda *_: np.full(count, last),
        lambda *_: rng.integers(0, last + 1, count),
        lambda observations, _: np.where(observations["acks"][:, 0] > 0, last, 0),
    ):
        envs = make_vector("coded", count, coded=coded, episode_length=17, autoreset_mode="SameStep")
        steps_of = run_vector(envs, steps, policy, 2)
        seen.append(
            (
                infos_of(steps_of, "next_snr_db"),
                infos_of(steps_of, "mean_snr_db"),
                np.array([step[0]["snr_db"] for step in steps_of]),
            )
        )
    for other in seen[1:]:
        assert_same(seen[0], other)
