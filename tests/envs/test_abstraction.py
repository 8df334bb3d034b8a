"""The physical-layer abstraction against the exact link: the same slots, and blocks lost as often."""

import numpy as np
import pytest
from helpers.environments import assert_same, make_vector

from linksim_envs import LinkAdaptationEnv, LinkAdaptationVectorEnv, Mcs
from linksim_envs.policies.error_rates import BlockErrorRates

SIGMAS = 4.0
"""Of each test of a mean, at a fixed seed."""


def both(count, **arguments):
    return [LinkAdaptationVectorEnv(count, abstraction=chosen, **arguments) for chosen in (False, True)]


def near_the_edge(env, snr_db, rng):
    """Schemes that arrive or do not: the best one in expectation, that before, or that after it."""
    best = BlockErrorRates.of_links(env.core.links).goodput(snr_db).argmax(1)
    return np.clip(best + rng.integers(-1, 2, len(best)), 0, len(env.core.links) - 1)


def test_a_seed_means_the_same_slots():
    """Mean SNR, true SNR and reports do not depend on whether blocks are sent, nor on what is chosen."""
    exact, abstract = both(6, coded=False, report_bias_db=2.0, episode_length=70)
    rng = np.random.default_rng(0)
    one, other = exact.reset(seed=4), abstract.reset(seed=4)
    assert_same(one, other)
    for _ in range(69):
        one, other = (env.step(rng.integers(0, 5, 6)) for env in (exact, abstract))
        np.testing.assert_array_equal(one[0]["snr_db"], other[0]["snr_db"])
        for name in ("true_snr_db", "mean_snr_db", "next_snr_db"):
            np.testing.assert_array_equal(one[4][name], other[4][name])
    assert set(one[4]) - set(other[4]) == {"bit_errors", "_bit_errors"}
    assert abstract.core.generators[3].random() == exact.core.generators[3].random()


@pytest.mark.parametrize(("coded", "count", "steps"), [(False, 400, 60), (True, 100, 14)])
def test_blocks_arrive_as_often_as_over_the_exact_link(coded, count, steps):
    """In the same slots, with schemes at the edge of what the slot carries; scheme by scheme, and in all."""
    exact, abstract = both(count, coded=coded, snr_db=(0.0, 28.0))
    rng = np.random.default_rng(1)
    infos = exact.reset(seed=7)[1]
    abstract.reset(seed=7)
    chosen, differences = [], []
    for _ in range(steps):
        actions = near_the_edge(exact, infos["next_snr_db"], rng)
        _, sent, _, _, infos = exact.step(actions)
        _, told, _, _, abstracted = abstract.step(actions)
        np.testing.assert_allclose(told, abstracted["delivered_bits"] / abstract.core.symbols)
        chosen.append(actions)
        differences.append((sent > 0).astype(float) - (told > 0))
    chosen, differences = np.ravel(chosen), np.ravel(differences)
    for mcs in [*range(len(exact.core.links)), None]:
        own = differences if mcs is None else differences[chosen == mcs]
        assert len(own) > 60
        # Curves are measured with 1,000 blocks every half dB, and straight between: a per cent off at most.
        assert abs(own.mean()) < SIGMAS * own.std() / len(own) ** 0.5 + 0.01
    assert abs(differences).max() == 1  # lost by chances of their own


def test_blocks_arrive_with_the_measured_probability():
    """Independently from slot to slot, whatever the scheme."""
    count = 3000
    env = LinkAdaptationVectorEnv(count, abstraction=True, correlation=0.9)
    rng = np.random.default_rng(2)
    infos = env.reset(seed=9)[1]
    surprises, variance = [], []
    for _ in range(20):
        actions = near_the_edge(env, infos["next_snr_db"], rng)
        share = 1 - env.core.abstraction.rates(infos["next_snr_db"])[np.arange(count), actions]
        infos = env.step(actions)[4]
        surprises.append(infos["ack"] - share)
        variance.append(share * (1 - share))
    surprises, size = np.array(surprises), 20 * count
    expected = float(np.mean(variance))
    assert abs(surprises.mean()) < SIGMAS * (expected / size) ** 0.5
    assert abs((surprises[1:] * surprises[:-1]).mean()) < SIGMAS * expected / size**0.5
    assert np.square(surprises).mean() == pytest.approx(expected, rel=0.05)


def test_a_better_scheme_never_arrives_where_a_worse_one_is_lost():
    """The chance of a slot is one number: two policies can be compared in pairs."""
    envs = [LinkAdaptationVectorEnv(500, abstraction=True, snr_db=8.0) for _ in range(10)]
    for env in envs:
        env.reset(seed=3)
    acks = np.array([env.step(np.full(500, mcs))[4]["ack"] for mcs, env in enumerate(envs)])
    assert 0 < acks.mean() < 1
    assert (acks[:-1] >= acks[1:]).mean() > 0.999


def test_own_schemes_are_measured_and_switches_refused():
    env = LinkAdaptationEnv(schemes=(Mcs(1), Mcs(2)), symbols=18, abstraction=True, snr_db=40.0)
    env.reset(seed=0)
    assert env.step(1)[4]["ack"]
    assert env.core.abstraction.rates(-20.0).min() > 0.99
    assert make_vector("uncoded", 2).core.abstraction is None
    with pytest.raises(TypeError, match="abstraction must be a bool"):
        LinkAdaptationEnv(abstraction=1)
    with pytest.raises(TypeError, match="no_such_setting"):
        LinkAdaptationEnv(no_such_setting=1)
