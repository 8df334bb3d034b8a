"""What becomes of transport blocks: error rates against closed forms, rewards, and the observed history."""

import numpy as np
import pytest
from helpers.environments import infos_of, make, make_vector, run_vector
from helpers.strategies import reproducible
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from linksim.metrics.theory import bit_error_rate
from linksim_envs import Mcs
from linksim_envs.mcs import table

Z = stats.norm.isf(0.001 / 2)
"""Half the width of an interval of 99.9 %, in standard deviations."""

COUNT = 50


def constant(scheme, count=COUNT):
    return lambda *_: np.full(count, scheme)


def send(scheme, steps, count=COUNT, seed=1, **arguments):
    """Infos of `step` by name, [steps, count], of blocks of one scheme, and rewards under "reward"."""
    envs = make_vector(
        "uncoded", count, autoreset_mode="SameStep", **{"episode_length": 10**6, "coded": False, **arguments}
    )
    seen = run_vector(envs, steps, constant(scheme, count), seed)[1:]
    found = {name: infos_of(seen, name) for name in seen[0][4] if not name.startswith("_")}
    return {**found, "reward": np.array([step[1] for step in seen])}


def all_right(scheme, symbols, snr_db):
    """Probability that all bits of an uncoded block arrive, exactly for BPSK and QPSK.

    With more points, each dimension is a pulse amplitude modulation whose nearest point is decided on; the
    signs of LLRs decide otherwise only where the bit error rate is far higher than here.
    """
    snr = 10 ** (snr_db / 10)
    if scheme.bits_per_symbol == 1:
        return special.ndtr(np.sqrt(2 * snr)) ** symbols
    points = 2**scheme.bits_per_symbol
    wrong = 2 * (1 - points**-0.5) * special.ndtr(-np.sqrt(3 * snr / (points - 1)))
    return (1 - wrong) ** (2 * symbols)


@pytest.mark.parametrize(("scheme", "mean_db"), [(0, 4.5), (1, 7.5), (2, 14.0), (3, 20.0), (4, 26.0)])
def test_block_error_rates(scheme, mean_db):
    """Acknowledgements against the closed form at the true SNRs of the slots, overall and by quarters."""
    found = send(scheme, 60, snr_db=mean_db, correlation=0.5)
    expected = all_right(table(coded=False)[scheme], 48, found["true_snr_db"]).ravel()
    acks, order = found["ack"].ravel(), np.argsort(expected)
    order = order[(expected[order] > 0.02) & (expected[order] < 0.98)]
    assert len(order) > 500
    for part in (slice(None), *np.array_split(np.arange(len(order)), 4)):
        chosen = order[part]
        excess = acks[chosen].sum() - expected[chosen].sum()
        assert abs(excess) < Z * np.sqrt((expected[chosen] * (1 - expected[chosen])).sum())


def test_qpsk_at_one_gain():
    """With ρ = 1 all blocks of an episode meet one SNR: 1 − (1 − p)ⁿ with the bit error rate p of theory."""
    found = send(1, 250, count=6, correlation=1.0, snr_db=9.0, seed=5)
    counts = found["ack"].sum(0)
    for number, snr_db in enumerate(found["true_snr_db"][0]):
        np.testing.assert_allclose(found["true_snr_db"][:, number], snr_db)
        rate = bit_error_rate("qam", 2, snr_db, "awgn", "app")
        arrives = (1 - rate) ** 96
        low, high = stats.binom.interval(0.999, 250, arrives)
        assert low <= counts[number] <= high
        # Wrong information bits, 80 of the 96, are independent of each other in QPSK.
        wrong = found["bit_errors"][:, number].sum()
        low, high = stats.binom.interval(0.999, 250 * 80, rate)
        assert low <= wrong <= high
    assert ((counts > 0.05 * 250) & (counts < 0.95 * 250)).any()


@pytest.mark.parametrize("coded", [False, True])
def test_better_channels_deliver_more(coded):
    """Per scheme more blocks arrive at a higher SNR, with the same noise; none at the lowest, all at the
    highest; and the more robust scheme loses fewer at every SNR between.
    """
    count, schemes = (24, range(0, 10, 3)) if coded else (COUNT, range(5))
    snrs = (-50.0, 2.0, 9.0, 16.0, 23.0, 90.0)
    arrived = np.array(
        [
            [
                send(scheme, 1, count, coded=coded, snr_db=snr_db, correlation=1.0)["ack"].sum()
                for snr_db in snrs
            ]
            for scheme in schemes
        ]
    )
    assert (arrived[:, 0] == 0).all()
    assert (arrived[:, -1] == count).all()
    assert (np.diff(arrived, axis=1) >= 0).all()
    assert (np.diff(arrived, axis=0) <= 0).all()
    assert len(np.unique(arrived[:, 2])) > 2


def test_codes_help():
    """At the SNR where the code of QPSK has long worked, the same modulation without code delivers little."""
    coded = send(0, 4, coded=True, correlation=1.0, snr_db=3.0)
    uncoded = send(1, 4, correlation=1.0, snr_db=3.0, symbols=96)
    strong = coded["true_snr_db"] > 1.0
    np.testing.assert_allclose(uncoded["true_snr_db"], coded["true_snr_db"])  # the same seed, the same gains
    assert coded["ack"][strong].mean() > 0.99
    assert uncoded["ack"][strong].mean() < 0.4


@pytest.mark.parametrize("name", ["coded", "uncoded", "two schemes"])
def test_rewards_and_history(name):
    """Rewards are delivered bits per symbol; what is observed of past slots is that of the infos."""
    count, steps, length = 4, 30, 9
    envs = make_vector(name, count, episode_length=length, autoreset_mode="SameStep", snr_db=12.0)
    core, single = envs.unwrapped.core, make(name)
    depth = single.observation_space["acks"].shape[0]
    schemes = int(single.action_space.n)
    rng = np.random.default_rng(2)
    begun = envs.reset(seed=3)[0]
    np.testing.assert_array_equal(begun["acks"], np.zeros((count, depth), np.int8))
    np.testing.assert_array_equal(begun["mcs"], np.full((count, depth), schemes))
    acks, sent = [[] for _ in range(count)], [[] for _ in range(count)]
    coming = np.zeros(count)
    kinds = set()
    for step in range(1, steps):
        actions = rng.integers(schemes, size=count)
        observation, rewards, _, over, infos = envs.step(actions)
        info = infos["final_info"] if over.any() else infos
        assert over.all() == over.any() == (step % length == 0)
        np.testing.assert_array_equal(info["sent_mcs"], actions)
        bits = core.information_bits[actions]
        np.testing.assert_array_equal(info["delivered_bits"], np.where(info["ack"], bits, 0))
        np.testing.assert_array_equal(rewards, info["delivered_bits"] / core.symbols)
        assert (info["bit_errors"][info["ack"]] == 0).all()
        assert (info["bit_errors"] <= bits).all()
        if step > 1 and (step - 1) % length:
            np.testing.assert_array_equal(info["true_snr_db"], coming)
        coming = info["next_snr_db"]
        kinds |= set(info["ack"])
        for number in range(count):
            acks[number].insert(0, 1 if info["ack"][number] else -1)
            sent[number].insert(0, actions[number])
        for number in range(count):
            row = {key: array[number] for key, array in observation.items()}
            seen = infos["final_obs"][number] if over.any() else row
            np.testing.assert_array_equal(seen["acks"], (acks[number] + [0] * depth)[:depth])
            np.testing.assert_array_equal(seen["mcs"], (sent[number] + [schemes] * depth)[:depth])
        if over.any():
            acks, sent = [[] for _ in range(count)], [[] for _ in range(count)]
            assert not observation["acks"].any()
    assert kinds == {True, False}


def test_default_schemes():
    """Information bits of the tables; each is faster than the one before."""
    expected = {False: (32, 80, 176, 272, 368), True: (31, 68, 125, 167, 215, 302, 358, 418, 517, 647)}
    for coded, bits in expected.items():
        core = make("coded", coded=coded).core
        assert tuple(core.information_bits) == bits
        assert core.symbols == (96 if coded else 48)


def test_information_bits_of_two_schemes():
    core = make("two schemes").core
    assert list(core.information_bits) == [20 - 16, 2 * 20 - 16]
    assert core.symbols == 20
    mixed = make("uncoded", schemes=[Mcs(2, 0.5), Mcs(4)]).core
    assert mixed.symbols == 96
    assert list(mixed.information_bits) == [96 - 16, 4 * 96 - 16]


@reproducible(max_examples=150)
@given(
    scheme=st.sampled_from(table(coded=True) + table(coded=False)),
    symbols=st.integers(40, 1024),
)
def test_every_scheme_fills_the_slot(scheme, symbols):
    """All coded bits fit exactly into the symbols: none are padded, none are left out."""
    layout = scheme.config(symbols, 10).layout
    assert layout.symbols == symbols
    assert layout.pad_bits == 0
    assert layout.coded_bits == symbols * scheme.bits_per_symbol
    assert layout.message_bits == scheme.message_bits(symbols) == layout.information_bits + 16
    if scheme.code_rate is not None:
        rate = layout.message_bits / layout.coded_bits
        assert scheme.code_rate - 1 / layout.coded_bits < rate <= scheme.code_rate


def test_noise_is_drawn_anew():
    """The same block on the same gain meets other noise in the next slot and in other episodes."""
    found = send(1, 40, correlation=1.0, snr_db=5.0)
    errors = found["bit_errors"]
    assert len({tuple(row) for row in errors}) == 40
    assert len({tuple(column) for column in errors.T}) > 30
