"""Sweeps on a Dask cluster whose workers are processes: lost, out of date, or not there."""

import json
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest
import torch
from distributed import Client, LocalCluster
from helpers.sweep_processes import (
    claim_other_versions,
    forget_linksim,
    preload,
    rows_of,
    scheduler_process,
)
from helpers.sweeps import MadeUp, Slow, run_alone, sweep_of

from linksim import LinkConfig
from linksim.cli import main
from linksim_benchmarks import sweep_options
from linksim_benchmarks.montecarlo import cluster as module
from linksim_benchmarks.montecarlo.chunk import versions
from linksim_benchmarks.montecarlo.cluster import cluster_workers
from linksim_benchmarks.montecarlo.engine import run
from linksim_benchmarks.montecarlo.live import status
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store
from linksim_training import build_model
from linksim_training.checkpoints import save_checkpoint

SWEEP = ["ber", "--bits-per-symbol", "2", "--channel", "awgn", "--ebno-db", "3", "7", "--max-bits", "2e6"]
SWEEP += ["--backend", "sionna"]  # compiled loops would be done before anything can happen to them
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
        assert not out.exists()
        return said

    return check


def watch(monkeypatch, strike):
    """Call that in place of showing a sweep, with its progress and what tells the number of workers."""

    @contextmanager
    def watched(target, title, workers):
        yield lambda progress: strike(progress, workers)

    monkeypatch.setattr(sweep_options, "shown", watched)


def test_a_worker_that_is_killed_half_way(cluster, tmp_path, monkeypatch):
    """The scheduler gives its chunks to another one; nothing of it shows in the rows."""
    killed, bits = [], []

    def strike(progress, workers):
        if not bits:
            assert workers() == 2
        bits.append(progress.bits)
        if not killed and progress.bits >= 500_000:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    watch(monkeypatch, strike)
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


def test_a_worker_without_linksim(cluster, refused):
    with Client(cluster, timeout=30) as client:
        client.wait_for_workers(2, timeout=60)
        broken = next(iter(client.scheduler_info()["workers"]))
        client.run(forget_linksim, workers=[broken])
        said = refused(cluster.scheduler_address)
        client.restart()
    assert f"the worker {broken} cannot import linksim: install it there (" in said


def test_all_workers_gone_for_a_while(cluster, tmp_path, monkeypatch):
    """Nothing is handed out, somebody is told, and it goes on when others have come."""
    said, numbers = [], []

    def strike(progress, workers):
        numbers.append(workers())
        said.append(status(progress, numbers[-1]))
        if len(numbers) == 1:
            cluster.scale(0)
        elif not numbers[-1]:
            cluster.scale(2)

    monkeypatch.setattr(module, "ASK_S", 0.0)
    watch(monkeypatch, strike)
    address = cluster.scheduler_address
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        assert main([*SWEEP, "--max-bits", "8e6", "--cluster", address, "--out", str(tmp_path)]) == 0
    assert numbers[0] > 0
    assert 0 in numbers
    assert numbers[-1] > 0
    for number, line in zip(numbers, said, strict=True):
        assert line.endswith("no workers: waiting") == (number == 0)


def test_a_time_limit_takes_what_is_under_way(cluster):
    """Or a limit shorter than a chunk would never get anywhere."""
    with Client(cluster, timeout=30) as client:
        client.wait_for_workers(2, timeout=60)
    point = Slow(0.01, seconds=0.8)
    with cluster_workers(cluster.scheduler_address, None) as workers:
        progress = run(sweep_of(point), StopRule(max_bits=10**6, time_limit_s=0.1), workers)
    (state,) = progress.results
    assert progress.out_of_time
    assert state.reason == "time limit"
    assert state.chunks == 2  # one for each worker; the others that were handed out are dropped
    whole = run_alone([MadeUp(0.01)], StopRule(max_bits=2000)).results[0]
    assert state.tally.frames == whole.tally.frames


def test_models_that_are_replaced_between_sweeps(cluster, tmp_path, monkeypatch):
    """Workers live on; what they hold of the first is not taken for the second. Paths may be relative."""
    monkeypatch.chdir(tmp_path)
    found = []
    for seed in (1, 2):
        untrained(Path("model.pt"), seed)
        rows = []
        for name, more in (
            ("cluster", ["--cluster", cluster.scheduler_address]),
            ("one", ["--workers", "1"]),
        ):
            out = f"{name}-{seed}"
            words = ["model.pt", "--snr-db", "5", "--draws", "2", "--quiet", "--out", out, *more]
            assert main(["accuracy", *words]) == 0
            rows.append(json.loads(Path(out, "accuracy.json").read_text())["rows"])
        assert rows[0] == rows[1]
        found.append(rows[0])
        with Store.read(Path(out, "accuracy.sqlite")) as store:
            assert "model.pt" not in json.dumps(store.configuration())  # known by content
    assert found[0] != found[1]


def untrained(path, seed):
    torch.manual_seed(seed)
    model = build_model((1, 8, 8), 10, LinkConfig(tokens=4, codebook_size=16, embedding_dim=8))
    for weights in model.parameters():  # or else it would take all images for the same
        torch.nn.init.normal_(weights)
    save_checkpoint(path, model, {"data": "digits", "options": {"training": {}}, "epoch": 1, "snr_db": 5.0})


def test_the_scheduler_is_killed_half_way(tmp_path, monkeypatch, capfd):
    struck = []
    with scheduler_process() as (process, address):

        def strike(progress, workers):
            if not struck:
                process.kill()
                struck.append(time.monotonic())

        watch(monkeypatch, strike)
        capfd.readouterr()
        code = main([*SWEEP, "--max-bits", "1e9", "--cluster", address, "--out", str(tmp_path)])
        took = time.monotonic() - struck[0]
    assert code == 2
    said = capfd.readouterr().err
    expected = f"the scheduler at {address} is gone: start it anew; the same command goes on"
    assert said == f"linksim ber: {expected}\n"
    assert took < module.CONNECT_S


def test_no_workers(refused):
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        said = refused(empty.scheduler_address)
        assert f"the cluster at {empty.scheduler_address} has no workers" in said
        assert "dask worker" in said


def test_no_scheduler(refused, monkeypatch):
    monkeypatch.setattr(module, "CONNECT_S", 1)
    start = time.monotonic()
    said = refused("tcp://127.0.0.1:9")
    assert "--cluster: no Dask scheduler answers at tcp://127.0.0.1:9: start one with dask scheduler" in said
    assert time.monotonic() - start < 20
    assert "answers at tcp://nonsense.invalid:8786: " in refused("tcp://nonsense.invalid:8786")


def test_the_store_is_looked_at_before_the_scheduler(tmp_path, monkeypatch, capfd):
    """A file that cannot be used is reported at once; one to be overwritten stays until there are workers."""
    monkeypatch.setattr(module, "CONNECT_S", 0.2)
    path = tmp_path / "ber.sqlite"
    words = [*SWEEP, "--cluster", "tcp://127.0.0.1:9", "--out", str(tmp_path)]
    path.write_bytes(b"not a store")
    assert main(words) == 2
    assert "is not the store of a sweep" in capfd.readouterr().err
    path.unlink()
    Store.create(path, {"kind": "another"}).close()
    before = path.read_bytes()
    assert main([*words, "--overwrite"]) == 2
    assert "no Dask scheduler answers" in capfd.readouterr().err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "address",
    [
        *("nonsense", "http://127.0.0.1", "127.0.0.1:8786", "Local", ""),
        *("tcp://nonsense", "tcp://:8786", "tcp://node:port", "tcp://node:99999", "tcp://[::1", "tcp://"),
    ],
)
def test_nonsense(refused, address):
    said = refused(address)
    assert (
        f"--cluster must be local or the address of a scheduler, as tcp://node:8786, got {address!r}" in said
    )


def test_without_dask(refused, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert "--cluster needs Dask: pip install 'linksim[cluster]', or use --workers" in refused("local")
