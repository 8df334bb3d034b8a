"""Several processes at one store, and those that were killed while they wrote it."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from helpers.sweeps import MadeUp, alone, outcome, sweep_of

from linksim.cli import main
from linksim_benchmarks.montecarlo import store as module
from linksim_benchmarks.montecarlo.engine import counted, run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store


def test_two_sweeps_at_once(tmp_path):
    path, sweep = tmp_path / "made up.sqlite", sweep_of(MadeUp(0.1))
    with Store.create(path, sweep.configuration()) as store:

        def second(progress):
            for call in (Store.resume, Store.check_replaceable):
                with pytest.raises(BlockingIOError, match="in use by another process"):
                    call(path, *[sweep.configuration()] * (call == Store.resume))

        run(sweep, StopRule(max_bits=5000), alone(), store, second)
    with Store.read(path) as store:
        assert outcome(counted(sweep, StopRule(max_bits=5000), store))[0][1] == 5


def test_two_first_starts_at_once(tmp_path, monkeypatch):
    """The second finds nothing there, and the first has begun when it comes to writing."""
    path, sweep = tmp_path / "made up.sqlite", sweep_of(MadeUp(0.1))
    whole = module.files.whole

    def late(*arguments, **options):
        monkeypatch.setattr(module.files, "whole", whole)
        stores.append(Store.create(path, sweep.configuration()))
        return whole(*arguments, **options)

    stores = []
    monkeypatch.setattr(module.files, "whole", late)
    with pytest.raises(BlockingIOError, match="in use by another process"):
        Store.create(path, sweep.configuration())
    with stores[0] as first:
        run(sweep, StopRule(max_bits=5000), alone(), first)
    with Store.read(path) as store:
        assert outcome(counted(sweep, StopRule(max_bits=5000), store))[0][1] == 5
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


SPILLS = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.executescript("PRAGMA cache_size = 2; BEGIN IMMEDIATE;")
for number in range(500):
    row = ("p" * 200, number, 1, "{}", 0.0, 0)
    store.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)", row)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_while_it_wrote(tmp_path):
    """The file is half written; its journal undoes that, also for those who only read."""
    store = tmp_path / "ber.sqlite"
    words = ["--bits-per-symbol", "2", "--channel", "awgn", "--ebno-db", "0", "--max-bits", "3e4", "--quiet"]
    assert main(["ber", *words, "--workers", "1", "--out", str(tmp_path)]) == 0
    whole = store.read_bytes()
    with Store.read(store) as read:
        expected = list(read.rows())
    killed = subprocess.run([sys.executable, "-c", SPILLS, str(store)], check=False)
    assert killed.returncode == -signal.SIGKILL
    journal = store.with_name("ber.sqlite-journal")
    assert journal.stat().st_size > 512
    assert store.read_bytes() != whole
    with Store.read(store) as read:
        assert list(read.rows()) == expected
    assert not journal.exists()
    assert main(["plot", str(store), "--out", str(tmp_path / "plot"), "--formats", "png", "--quiet"]) == 0


def test_a_commit_between_two_transactions_of_another(tmp_path, monkeypatch):
    """Whoever takes the lock just after a commit delays the next transaction, and nothing is lost."""
    path = tmp_path / "made up.sqlite"
    with Store.create(path, {"a": 1}) as store:
        monkeypatch.setattr(module, "COMMIT_TIMEOUT_S", 0.05)
        store.add("p", 0, 1, {"frames": 1}, 0.0)
        store._connection.execute("COMMIT")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(BlockingIOError, match="in use by another process"):
                store.commit()
        store.add("p", 1, 1, {"frames": 1}, 0.0)
        store.commit()
    with Store.read(path) as read:
        assert sorted(read.chunks("p")) == [(0, 1), (1, 1)]
