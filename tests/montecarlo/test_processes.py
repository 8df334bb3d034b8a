"""Sweeps in processes: the same rows however many count, whoever is killed, and whenever."""

import os
import signal
from random import Random
from types import SimpleNamespace

import dask
import psutil
import pytest
from helpers.processes import start_alone
from helpers.sweep_processes import SweepCommand, alive, committed, family, gone, preload, rows_of
from helpers.sweeps import alone, outcome, sweep_of

from linksim.cli import main
from linksim_benchmarks.ber import CHUNK_BITS, Point
from linksim_benchmarks.montecarlo.engine import run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.workers import local_workers

SWEEP = ["ber", "--bits-per-symbol", "2", "--channel", "awgn", "rayleigh", "--quiet"]
SHORT = [*SWEEP, "--ebno-db", "3", "7", "--target-errors", "1500", "--max-bits", "1.3e6"]
LONG = [*SWEEP, "--ebno-db", "2", "5", "8", "--max-bits", "2.8e6"]
LONG_CHUNKS = 6 * 12


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Runs without interruption, in this process."""
    folders = {}
    for name, words in (("short", SHORT), ("long", LONG)):
        folders[name] = tmp_path_factory.mktemp(name)
        assert main([*words, "--workers", "1", "--out", str(folders[name])]) == 0
    assert committed(folders["long"]) == LONG_CHUNKS
    return {name: rows_of(folder) for name, folder in folders.items()}


@pytest.mark.parametrize("more", [("--workers", "2"), ("--cluster", "local", "--workers", "2")], ids=str)
def test_the_rows_do_not_depend_on_the_workers(tmp_path, reference, more):
    preload()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):  # starts faster
        assert main([*SHORT, *more, "--out", str(tmp_path)]) == 0
    assert rows_of(tmp_path) == reference["short"]
    assert '"stopped_by": "target errors"' in reference["short"]
    assert '"stopped_by": "max bits"' in reference["short"]


@pytest.fixture(scope="module")
def story(tmp_path_factory, reference):
    """A sweep that is killed three times at some moment, then gets Ctrl-C, then may end."""
    root, random = tmp_path_factory.mktemp("story"), Random(14)
    out, told = root / "out", []
    # Soon after something was committed, before anything was, and after a second of counting or more.
    for number, (workers, more, seconds) in enumerate(((2, 1, 0.2), (1, 0, 0.8), (1, 1, 0.2))):
        before = committed(out)
        command = SweepCommand([*LONG, "--workers", workers, "--out", out], root / f"{number}")
        arrived = command.wait_until(lambda wanted=before + more: committed(out) >= wanted)
        command.let_run(random.uniform(0, seconds))
        processes = family(command.process.pid)
        still = command.process.is_alive()
        command.send(signal.SIGKILL)
        command.process.join()
        told.append(
            SimpleNamespace(
                halfway=arrived and still,
                workers=workers,
                processes=len(processes),
                gone=gone(processes, 10),
                before=before,
                after=committed(out),
            )
        )
    before, printed = committed(out), root / "printed"
    last = start_alone([*LONG, "--workers", "2", "--out", out], printed, start_new_session=True)
    while last.poll() is None and committed(out) == before:
        psutil.Process(last.pid).cpu_percent(0.01)
    processes = family(last.pid)
    os.killpg(last.pid, signal.SIGINT)  # as a terminal does
    code = last.wait(60)
    interrupted = SimpleNamespace(
        code=code, printed=printed.read_text(), after=committed(out), before=before, gone=gone(processes, 10)
    )
    assert main([*LONG, "--workers", "1", "--out", str(out)]) == 0
    return SimpleNamespace(kills=told, interrupted=interrupted, rows=rows_of(out), out=out)


def test_the_kills_came_half_way(story):
    """Or else nothing was tested."""
    for kill in story.kills:
        assert kill.halfway
        assert kill.before <= kill.after < LONG_CHUNKS
        if kill.workers > 1:
            assert kill.processes >= 3  # a fork server and two workers, at least
    assert story.kills[0].after > 0
    assert story.kills[-1].after > story.kills[-1].before
    assert story.kills[-1].after <= story.interrupted.before < story.interrupted.after < LONG_CHUNKS


def test_killed_sweeps_go_on_to_the_same_rows(story, reference):
    assert story.rows == reference["long"]
    assert committed(story.out) == LONG_CHUNKS


def test_no_worker_survives(story):
    assert all(kill.gone for kill in story.kills)
    assert story.interrupted.gone


def test_ctrl_c_says_how_to_go_on(story):
    found = story.interrupted
    assert found.code == 130
    assert f"What was counted is in {story.out / 'ber.sqlite'}: the same command goes on." in found.printed
    assert "linksim ber: interrupted" in found.printed
    assert "Traceback" not in found.printed
    assert len(found.printed.splitlines()) == 2


@pytest.mark.parametrize("victims", [1, 2])
def test_a_worker_of_the_pool_that_is_killed(victims):
    """Out of memory looks like this. The chunks under way are counted again."""
    sweep = sweep_of(Point(2, "awgn", 6.0), Point(2, "rayleigh", 9.0), seed=2)
    rule, killed, seen = StopRule(max_bits=5 * CHUNK_BITS + 10, target_errors=3000), [], []

    def strike(progress):
        seen.append(progress.bits)
        if len(seen) == 2:
            for pid in list(workers.executor._processes)[:victims]:
                killed.append(psutil.Process(pid))
                os.kill(pid, signal.SIGKILL)

    preload()
    with local_workers(2) as workers:
        progress = run(sweep, rule, workers, on_change=strike)
    assert len(killed) == victims
    assert not alive(killed)
    assert workers.renewals == 1
    assert progress.lost >= 1
    assert len(seen) > 4
    assert outcome(progress) == outcome(run(sweep, rule, alone()))
