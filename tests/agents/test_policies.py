"""Policies against their definitions."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st

from linksim import Link, LinkConfig
from linksim_envs import LinkAdaptationVectorEnv, TransmitVectorEnv
from linksim_envs.policies.error_rates import BlockErrorRates
from linksim_envs.policies.link_adaptation import (
    FixedMcs,
    Genie,
    InnerLoop,
    OuterLoop,
    SnrThresholds,
)
from linksim_envs.policies.transmit import BestBits, Labels, RandomBits


@pytest.fixture(scope="module")
def rates():
    return BlockErrorRates.of_links(LinkAdaptationVectorEnv(1).core.links)


def observed(reports, acks=None):
    reports = np.asarray(reports, dtype=np.float32)[:, None]
    acks = np.zeros(len(reports)) if acks is None else np.asarray(acks)
    return {"snr_db": reports, "acks": acks.astype(np.int8)[:, None]}


def fastest(rates, snr_db, target=0.1):
    """The highest scheme whose rate is at most the target, the lowest if there is none."""
    return [max(np.flatnonzero(row <= target), default=0) for row in rates.rates(snr_db)]


def test_fixed():
    assert FixedMcs(3).act(observed([0, 1, 2]), {}).tolist() == [3, 3, 3]
    with pytest.raises(ValueError, match="mcs must be at least 0"):
        FixedMcs(-1)


def test_inner_loop_takes_the_fastest_scheme_within_the_target(rates):
    reports = np.random.default_rng(0).uniform(-20, 40, 500)
    found = InnerLoop(rates).act(observed(reports), {})
    np.testing.assert_array_equal(found, fastest(rates, reports.astype(np.float32)))
    assert set(found) == set(range(10))
    assert (InnerLoop(rates, 0.5).act(observed(reports), {}) >= found).all()


def test_outer_loop_corrects_the_report(rates):
    """Offsets by hand: 1 dB more after a NACK, 1/9 dB less after an ACK, nothing before the first."""
    policy, generator = OuterLoop(rates), np.random.default_rng(1)
    policy.begin(50)
    offset = np.zeros(50)
    for step in range(60):
        reports = generator.uniform(-10, 30, 50)
        acks = generator.choice([-1, 1, 1, 1], 50) if step else np.zeros(50)
        found = policy.act(observed(reports, acks), {})
        offset = np.clip(offset + np.select([acks < 0, acks > 0], [1.0, -1 / 9]), -20, 20)
        np.testing.assert_allclose(policy.offset_db, offset, atol=1e-4)
        agree = found == fastest(rates, reports.astype(np.float32) - offset)
        assert agree.mean() > 0.97  # single precision moves an SNR at the edge between two schemes
    policy.begin(50)
    assert not policy.offset_db.any()


def test_outer_loop_reaches_its_target(rates):
    """On a channel that stands still, with a report that is 4 dB too good, a tenth of the blocks is lost."""
    env = LinkAdaptationVectorEnv(
        12, snr_db=12.0, correlation=1.0, report_bias_db=4.0, report_noise_db=0.5, autoreset_mode="Disabled"
    )
    lost = {}
    for policy in (OuterLoop(rates), InnerLoop(rates)):
        observations, infos = env.reset(seed=5)
        policy.begin(12)
        acks = []
        for _ in range(60):
            observations, _, _, _, infos = env.step(policy.act(observations, infos))
            acks.append(infos["ack"])
        lost[policy.name] = 1 - np.mean(acks[20:])
    assert lost["outer loop"] < 0.25
    assert lost["inner loop"] > 0.6


def value_of(scheme_of_cell, cells, goodput):
    return sum(goodput[row, scheme_of_cell[cell]] for row, cell in enumerate(cells))


@reproducible(30)
@given(seed=st.integers(0, 10**6), slots=st.integers(1, 30))
def test_tuned_thresholds_are_the_best(seed, slots):
    """Against every non-decreasing assignment of three schemes to the cells."""
    generator = np.random.default_rng(seed)

    class Given:
        def goodput(self, true):
            return goodput

    goodput = generator.random((slots, 3))
    reports = generator.uniform(0, 1.5, slots)
    policy = SnrThresholds.tuned(Given(), reports, reports)
    cells = np.floor(reports / 0.25).astype(int)
    count = cells.max() - cells.min() + 1
    best = max(
        value_of(one, cells - cells.min(), goodput) for one in combinations_with_replacement(range(3), count)
    )
    taken = policy.act(observed(reports), {})
    assert goodput[np.arange(slots), taken].sum() == pytest.approx(best)


def test_thresholds_refuse_what_makes_no_sense(rates):
    with pytest.raises(ValueError, match="must not decrease"):
        SnrThresholds(np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="at least one"):
        SnrThresholds.tuned(rates, np.zeros(0), np.zeros(0))


def test_genie_takes_the_largest_expected_goodput(rates):
    true = np.linspace(-10, 35, 200)
    found = Genie(rates).act(observed(true), {"next_snr_db": true})
    np.testing.assert_array_equal(found, rates.goodput(true).argmax(1))
    assert (np.diff(found) >= 0).all()


def test_labels_and_random_bits():
    env = TransmitVectorEnv(6, Link(LinkConfig(tokens=3, codebook_size=20, embedding_dim=4)))
    observations, infos = env.reset(seed=1)
    labels = Labels(env.link)
    np.testing.assert_array_equal(labels.act(observations, infos), env.label_action(infos["next_index"]))
    random = RandomBits(env.link, seed=2)
    first = [random.act(observations, infos) for _ in range(3)]
    random.begin(6)
    assert all((one == random.act(observations, infos)).all() for one in first)
    assert first[0].shape == (6, 15)
    assert (first[0] != first[1]).any()


def test_best_bits_are_those_with_the_least_distortion():
    """At 0 dB, against the distortion of each of the 16 patterns on frames of its own."""
    env = TransmitVectorEnv(16, snr_db=0.0, episode_length=500, autoreset_mode="Disabled")
    policy, patterns = BestBits(env.link, [0.0, 20.0]), np.arange(16)
    total = np.zeros(3)
    infos = env.reset(seed=3)[1]
    observations = env.core.observe()
    for _ in range(150):
        actions = policy.act(observations, infos)
        total[0] += env.core.steps_left[0]
        observations, rewards, _, _, infos = env.step(actions)
        total[1] += rewards.mean()
    infos = env.reset(seed=3)[1]
    for _ in range(150):
        _, rewards, _, _, infos = env.step(env.label_action(infos["next_index"]))
        total[2] += rewards.mean()
    assert total[1] > 0.95 * total[2]  # both negative: at least 5 % less distortion
    assert (policy._best[1] == patterns).all()
    with pytest.raises(ValueError, match="all patterns can be tried of one token"):
        BestBits(Link(LinkConfig(tokens=2, codebook_size=4)), [0.0])
