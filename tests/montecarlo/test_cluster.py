"""Sweeps on a Dask cluster whose workers are processes: lost, out of date, or not there."""

import os
import signal
import time
from contextlib import contextmanager

import dask
import pytest
from distributed import Client, LocalCluster
from helpers.sweep_processes import claim_other_versions, preload, rows_of

from linksim.cli import main
from linksim_benchmarks import sweep_options
from linksim_benchmarks.montecarlo import cluster as module
from linksim_benchmarks.montecarlo.chunk import versions

SWEEP = ["ber", "--bits-per-symbol", "2", "--channel", "awgn", "--ebno-db", "3", "7", "--max-bits", "2e6"]
SWEEP += ["--target-errors", "3000", "--quiet"]


@pytest.fixture(scope="module")
def cluster():
    preload()
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found,
    ):
        yield found


@pytest.fixture
def refused(capfd, tmp_path):
    """Runs a sweep that must not start: exit code 2, one line, no store; returns the line."""

    def check(address):
        out = tmp_path / "never"
        capfd.readouterr()
        assert main([*SWEEP, "--cluster", address, "--out", str(out)]) == 2
        said = capfd.readouterr().err
        assert said.count("\n") == 1, said
        assert said.startswith("linksim ber: ")
        assert not (out / "ber.sqlite").exists()
        return said

    return check


def test_a_worker_that_is_killed_half_way(cluster, tmp_path, monkeypatch):
    """The scheduler gives its chunks to another one; nothing of it shows in the rows."""
    killed, bits = [], []

    @contextmanager
    def watched(target, title, workers):
        assert workers == 2

        def strike(progress):
            bits.append(progress.bits)
            if not killed and progress.bits >= 500_000:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        yield strike

    monkeypatch.setattr(sweep_options, "shown", watched)
    assert main([*SWEEP, "--cluster", cluster.scheduler_address, "--out", str(tmp_path / "cluster")]) == 0
    monkeypatch.undo()
    assert killed
    assert bits[-1] >= 1_000_000  # half or more came after the kill
    assert main([*SWEEP, "--workers", "1", "--out", str(tmp_path / "alone")]) == 0
    assert rows_of(tmp_path / "cluster") == rows_of(tmp_path / "alone")
    assert os.getpid() not in killed


def test_a_worker_with_other_versions(cluster, refused):
    """A process that says so itself, and only one of them."""
    with Client(cluster, timeout=30) as client:
        client.wait_for_workers(2, timeout=60)
        outdated = next(iter(client.scheduler_info()["workers"]))
        client.run(claim_other_versions, workers=[outdated])
        said = refused(cluster.scheduler_address)
        client.restart()
    assert f"the worker {outdated} has torch 0.4.1 instead of {versions()['torch']}" in said
    assert "install the same on both sides" in said


def test_no_workers(refused):
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        said = refused(empty.scheduler_address)
        assert f"the cluster at {empty.scheduler_address} has no workers" in said
        assert "dask worker" in said


def test_no_scheduler(refused, monkeypatch):
    monkeypatch.setattr(module, "CONNECT_S", 1)
    start = time.monotonic()
    said = refused("tcp://127.0.0.1:9")
    assert "no Dask scheduler answers at tcp://127.0.0.1:9: start one with dask scheduler" in said
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1", "127.0.0.1:8786", "Local", ""])
def test_nonsense(refused, address):
    said = refused(address)
    assert (
        f"--cluster must be local or the address of a scheduler, as tcp://node:8786, got {address!r}" in said
    )


def test_without_dask(refused, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert "--cluster needs Dask: pip install 'linksim[cluster]', or use --workers" in refused("local")
