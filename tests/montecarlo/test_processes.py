"""Sweeps in processes: the same rows however many count, whoever is killed, and whenever."""

import multiprocessing
import os
import signal
from contextlib import contextmanager, suppress
from random import Random
from types import SimpleNamespace

import dask
import psutil
import pytest
from helpers.sweep_processes import SweepCommand, alive, committed, family, gone, preload, rows_of
from helpers.sweeps import alone, outcome, sweep_of

from linksim.cli import main
from linksim_benchmarks import sweep_options
from linksim_benchmarks.ber import CHUNK_BITS, Point
from linksim_benchmarks.montecarlo.engine import run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.workers import local_workers

SWEEP = ["ber", "--bits-per-symbol", "2", "--channel", "awgn", "rayleigh", "--quiet"]
SWEEP += ["--backend", "sionna"]  # compiled loops would be done before anything can happen to them
SHORT = [*SWEEP, "--ebno-db", "3", "7", "--target-errors", "1500", "--max-bits", "1.3e6"]
LONG = [*SWEEP, "--ebno-db", "2", "5", "8", "--max-bits", "6e6"]
LONG_CHUNKS = 6 * 25


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
    """A sweep that is killed twice at some moment, then gets Ctrl-C, then may end."""
    root, random = tmp_path_factory.mktemp("story"), Random(14)
    out, told = root / "out", []
    # Soon after something was committed, and when it has gone on, before anything was.
    for number, (workers, more, seconds) in enumerate(((2, 1, 0.2), (1, 0, 0.8))):
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
    before, command = committed(out), SweepCommand([*LONG, "--workers", "1", "--out", out], root / "last")
    command.wait_until(lambda: committed(out) > before)
    command.send(signal.SIGINT)
    ended = command.wait()
    interrupted = SimpleNamespace(code=ended.code, said=ended.err, after=committed(out), before=before)
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
    assert story.kills[-1].after <= story.interrupted.before < story.interrupted.after < LONG_CHUNKS


def test_killed_sweeps_go_on_to_the_same_rows(story, reference):
    assert story.rows == reference["long"]
    assert committed(story.out) == LONG_CHUNKS


def test_no_worker_survives(story):
    assert all(kill.gone for kill in story.kills)


def test_ctrl_c_says_how_to_go_on(story):
    found = story.interrupted
    assert found.code == 130
    assert found.said == going_on(story.out)


def going_on(out):
    return (
        f"What was counted is in {out / 'ber.sqlite'}: the same command goes on.\nlinksim ber: interrupted\n"
    )


def test_ctrl_c_while_workers_are_being_prepared(tmp_path):
    """A terminal sends it to all processes, and the one that imports for the others stays quiet."""
    command = SweepCommand([*SHORT, "--workers", "2", "--out", tmp_path / "out"], tmp_path)
    assert command.wait_until(lambda: any("forkserver" in words for words in command_lines(command)))
    for _ in range(2):
        everything = family(command.process.pid)
        for process in everything:
            process.send_signal(signal.SIGINT)
        command.let_run(0.6)
    command.send(signal.SIGINT)
    ended = command.wait()
    assert gone(everything, 60)
    assert ended.code == 130
    assert (tmp_path / "stderr").read_text() in ("linksim ber: interrupted\n", going_on(tmp_path / "out"))


def command_lines(command):
    found = []
    for process in family(command.process.pid):
        with suppress(psutil.Error):
            found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_of_a_sweep(tmp_path, monkeypatch, capfd, number):
    """Ctrl-C, which workers leave to their parent, and what a queue sends before it kills."""
    struck = []

    @contextmanager
    def watched(target, title, workers):
        def strike(progress):
            if progress.states[0].chunks and not struck:
                struck.extend(psutil.Process(worker.pid) for worker in multiprocessing.active_children())
                for pid in (*(worker.pid for worker in struck), os.getpid()):
                    os.kill(pid, number)

        yield strike

    monkeypatch.setattr(sweep_options, "shown", watched)
    before = signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGINT, signal.default_int_handler)
    preload()
    capfd.readouterr()
    try:
        assert main([*LONG, "--workers", "2", "--out", str(tmp_path)]) == 130
    finally:
        signal.signal(signal.SIGINT, before[1])
    assert len(struck) == 2
    assert gone(struck, 10)
    assert capfd.readouterr().err == going_on(tmp_path)
    assert 0 < committed(tmp_path) < LONG_CHUNKS
    assert signal.getsignal(signal.SIGTERM) == before[0]


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
