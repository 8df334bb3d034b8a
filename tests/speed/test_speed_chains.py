"""Chains that are timed, the trial before and the turns that they take."""

import sys
import time

import pytest
import torch

from linksim.fused.count import count_random_errors
from linksim_benchmarks.speed.catalogue import SUBJECTS
from linksim_benchmarks.speed.command import USUAL_SNR_DB
from linksim_benchmarks.speed.in_process import ThreadChain, side_by_side, together
from linksim_benchmarks.speed.measure import Effort, measure
from linksim_benchmarks.speed.processes import ProcessChain, worker_command
from linksim_benchmarks.speed.rng_bound import draw
from linksim_benchmarks.speed.subject import FRAME_BITS, Case, Subject, Unavailable
from linksim_benchmarks.speed.trial import Trial, expected_rate, tried

OWN = ("fused", "sionna", "modem-sionna", "modem-fused")
EFFORT = Effort(threads=2, seconds=1.0, rounds=4, seed=0)


def case_of(width, demapper="app"):
    return Case(width, demapper, USUAL_SNR_DB[width])


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("demapper", ["app", "maxlog"])
@pytest.mark.parametrize("width", [2, 6])
def test_own_chains_agree_with_theory(name, demapper, width):
    case = case_of(width, demapper)
    for way in SUBJECTS[name].ways:
        chain = way(case, 2, 0)
        trial = Trial(checked=48_000 * chain.lanes, errors=chain.count(24_000, 2))
        chain.close()
        assert trial.agrees(expected_rate(case))


@pytest.mark.parametrize("name", OWN)
def test_seeds_and_lanes(name):
    """Equal seeds count equal errors; lanes do not draw the same numbers."""
    for way in SUBJECTS[name].ways:
        chains = [way(case_of(4), 2, seed) for seed in (0, 0, 1)]
        counts = [chain.count(24_000, 1) for chain in chains]
        for chain in chains:
            chain.close()
        assert counts[0] == counts[1] != counts[2]
        if isinstance(chains[0], ThreadChain):
            assert len({batch(24_000) for batch in chains[0].batches}) == chains[0].lanes == 2


def test_threads_of_torch():
    """Two of them, or one for each lane, whichever chain was made or run last."""

    def make(case, generator):
        return lambda bits: torch.get_num_threads()

    before = torch.get_num_threads()
    alone, lanes = (way(make, "1")(case_of(4), 2, 0) for way in (together, side_by_side))
    for _ in range(2):
        assert alone.count(240, 1) == 2
        assert lanes.count(240, 1) == 1 + 1
    lanes.close()
    torch.set_num_threads(before)


@pytest.mark.parametrize("width", [2, 4, 6, 8, 10])
def test_the_bound_draws_what_the_fused_chain_draws(width):
    first, second = (torch.Generator().manual_seed(3) for _ in range(2))
    draw(7, width, first)
    count_random_errors(7, FRAME_BITS, width, "app", 10.0, second)
    assert torch.equal(first.get_state(), second.get_state())


@pytest.mark.parametrize("name", ["liquid-dsp", "itpp", "kaira", "commpy", "hermespy"])
def test_installed_peers_agree_with_theory(name):
    subject, batch = SUBJECTS[name], 2_400 if name == "commpy" else 24_000
    for way in subject.ways:
        for width in subject.widths[:2] if name in ("liquid-dsp", "itpp") else (4,):
            case = subject.case(case_of(width))
            try:
                chain = way(case, 2, 0)
            except Unavailable as reason:
                pytest.skip(str(reason))
            trial = Trial(checked=2 * batch * chain.lanes, errors=chain.count(batch, 2))
            chain.close()
            assert trial.agrees(expected_rate(case))


ANSWERING = """
import sys
print("ready 1.2 beta", flush=True)
for line in sys.stdin:
    bits, batches = map(int, line.split())
    print(bits * batches + {own}, flush=True)
"""


def test_processes():
    chain = ProcessChain([[sys.executable, "-c", ANSWERING.format(own=own)] for own in (1, 10)], (240,))
    assert (chain.version, chain.lanes, chain.sizes) == ("1.2 beta", 2, (240,))
    assert chain.count(240, 3) == 2 * 720 + 11
    assert chain.count(1, 1) == 13
    chain.close()
    chain.close()


FAILING = "import sys; print('out of ink', file=sys.stderr); sys.exit(3)"


@pytest.mark.parametrize("first", ["", "print('ready', flush=True); input(); "])
def test_a_process_that_ends(first):
    with pytest.raises(Unavailable, match="exit code 3: out of ink"):
        _asked([sys.executable, "-c", first + FAILING])


def test_a_worker_for_a_peer_that_is_not_there():
    with pytest.raises(Unavailable, match="No module named"):
        _asked(worker_command("no_such_peer", case_of(4), 1, 0))


def _asked(command):
    chain = ProcessChain([command], (240,))
    try:
        chain.count(240, 1)
    finally:
        chain.close()


class Clock:
    """Time that passes only where a chain lets it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


class Timed:
    """A chain that takes so many seconds for a call and so many for a bit, and errs like theory."""

    version = "1"

    def __init__(self, clock, per_call, per_bit, sizes=(1_000,), lanes=1, limit=10**9):
        self.clock, self.per_call, self.per_bit = clock, per_call, per_bit
        self.sizes, self.lanes, self.limit, self.closed = sizes, lanes, limit, 0

    def count(self, bits, batches):
        slow = 10 if bits > self.limit else 1
        self.clock.now += batches * (self.per_call + slow * bits * self.per_bit)
        return round(expected_rate(case_of(4)) * bits * batches * self.lanes)

    def close(self):
        self.closed += 1


def test_the_fastest_batch_is_found(clock):
    """Calls cost time, and long batches do not fit into the caches."""
    trial = tried(Timed(clock, 0.01, 1e-6, (1_000, 10_000, 100_000), limit=50_000), 0.1)
    assert trial.bits == 10_000
    assert trial.seconds == pytest.approx(0.02)
    assert trial.batches(1.0) == 50
    assert trial.checked >= 200_000
    assert trial.agrees(expected_rate(case_of(4)))
    assert not trial.agrees(1.1 * expected_rate(case_of(4)) + 0.002)


def test_long_batches_of_a_slow_chain_are_passed_over(clock):
    trial = tried(Timed(clock, 0.01, 5e-5, (1_000, 10_000, 100_000)), 0.1)
    assert trial.bits == 10_000
    assert clock.now < 10


def test_a_chain_that_ends_between_rounds(clock):
    chain = Timed(clock, 0, 1e-6)
    counted, calls = chain.count, []

    def count(bits, batches):
        calls.append(batches)
        if batches > 1:
            raise Unavailable("out of ink")
        return counted(bits, batches)

    chain.count = count
    with pytest.raises(Unavailable, match="printer: out of ink"):
        measure(case_of(4), [Subject("printer", (lambda *_: chain,))], EFFORT)
    assert chain.closed


def test_rates_and_ratios(clock):
    chains = {
        "sionna": Timed(clock, 0, 1e-6),
        "fused": Timed(clock, 0, 1e-6 / 30, lanes=2),
        "rng-bound": Timed(clock, 0, 1e-6 / 80, lanes=2),
    }
    subjects = [Subject(name, (lambda *_, own=own: own,)) for name, own in chains.items()]
    rows, missing = measure(case_of(4), subjects, EFFORT)
    assert not missing
    assert [row["subject"] for row in rows] == list(chains)
    assert [row["mbit_per_s"] for row in rows] == pytest.approx([1, 60, 160])
    assert [row["ratio"] for row in rows] == pytest.approx([1, 60, 160])
    assert [row["fraction_of_rng_bound"] for row in rows] == pytest.approx([1 / 160, 60 / 160, 1])
    assert all(row["agrees"] for row in rows)


def test_the_fastest_way_is_taken(clock):
    slow, fast, middle = (Timed(clock, 0, cost) for cost in (3e-6, 1e-6, 2e-6))
    ways = tuple(lambda *_, own=own: own for own in (slow, fast, middle))
    ((row,), _) = measure(case_of(4), [Subject("fused", ways)], EFFORT)
    assert row["mbit_per_s"] == pytest.approx(1)
    assert row["ratio"] is None
    assert all(chain.closed for chain in (slow, fast, middle))


def test_other_llrs_are_remarked():
    subject = Subject("x", (), demappers=("maxlog",), note="small")
    assert subject.case(case_of(4, "app")) == case_of(4, "maxlog")
    assert subject.remark(case_of(4, "app")) == "small; max-log LLRs, it has no others"
    assert subject.remark(case_of(4, "maxlog")) == "small"
