"""`linksim ber` in processes of its own that may start others."""

import asyncio
import json
import multiprocessing
import sqlite3
import sys
import time
from contextlib import contextmanager

import psutil
from helpers.processes import FORKS, Command, _serve

from linksim_benchmarks.montecarlo import chunk

PRELOADED = ["linksim.cli", "linksim_benchmarks.ber_command", "linksim_benchmarks.accuracy", "distributed"]


def preload():
    """Start the fork server with what sweeps need, before Dask or a pool starts it with less."""
    server = multiprocessing.forkserver._forkserver
    FORKS.set_forkserver_preload(list(dict.fromkeys([*server._preload_modules, *PRELOADED])))
    server.ensure_running()


class SweepCommand(Command):
    """A command that may have workers, which children of a pool themselves may not."""

    def __init__(self, words, folder):
        preload()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.process = FORKS.Process(
            target=_serve, args=(list(map(str, words)), folder, {}, None, False), daemon=False
        )
        self.process.start()


def family(pid):
    """All processes that came from a process, itself left out."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def alive(processes):
    """Those that still run."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def gone(processes, seconds):
    """Whether all have ended within that time."""
    end = time.monotonic() + seconds
    while alive(processes) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(processes)


def committed(folder):
    """Rows on the disk, as another process sees them; 0 while there is no store, or it is being written."""
    try:
        connection = sqlite3.connect(f"{(folder / 'ber.sqlite').as_uri()}?mode=ro", uri=True, timeout=1)
    except sqlite3.OperationalError:
        return 0
    try:
        return connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def rows_of(folder):
    """Of ber.json, as text: every digit counts."""
    return json.dumps(json.loads((folder / "ber.json").read_text())["rows"], indent=1)


def claim_other_versions():
    """Run in a worker: as if it had another PyTorch."""
    found = {**chunk.versions(), "torch": "0.4.1"}
    chunk.versions = lambda: found


def forget_linksim():
    """Run in a worker: as if linksim were not installed there."""
    for name in list(sys.modules):
        if name.split(".")[0].startswith("linksim"):
            del sys.modules[name]
    sys.modules["linksim"] = sys.modules["linksim_benchmarks"] = None


@contextmanager
def scheduler_process():
    """A Dask scheduler with a worker, both in one process; yields the process and its address."""
    preload()
    here, there = FORKS.Pipe()
    process = FORKS.Process(target=_serve_cluster, args=(there,), daemon=True)
    process.start()
    try:
        yield process, here.recv()
    finally:
        process.kill()
        process.join()


def _serve_cluster(pipe):
    from distributed import Scheduler, Worker

    async def serve():
        scheduler = await Scheduler(port=0, dashboard_address=None)
        await Worker(scheduler.address, nthreads=1, dashboard_address=None)
        pipe.send(scheduler.address)
        await scheduler.finished()

    asyncio.run(serve())
