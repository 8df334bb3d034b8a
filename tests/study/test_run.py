"""Trainings whose workers are lost."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.sweep_processes import preload

from linksim_benchmarks.montecarlo.workers import local_workers
from linksim_benchmarks.study.run import LOSSES_IN_A_ROW, run


@dataclass(frozen=True)
class Deadly:
    """Work that takes its process with it, until it has done so often enough."""

    number: int
    folder: Path
    deaths: int

    def run(self):
        for death in range(self.deaths):
            mark = self.folder / f"{self.number}-{death}"
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return {"number": self.number}


@dataclass(frozen=True)
class Wrong:
    def run(self):
        raise ValueError("no such thing")


def ran(work, workers=2):
    preload()
    found = []
    with local_workers(workers) as pool:
        run(work, pool, lambda one, record, seconds: found.append((one.number, record, seconds)))
        return found, pool.renewals


def test_each_is_done_once_whoever_dies(tmp_path):
    found, renewals = ran([Deadly(number, tmp_path, int(number in (1, 4))) for number in range(6)])
    assert sorted(number for number, _, _ in found) == list(range(6))
    assert all(record == {"number": number} for number, record, _ in found)
    assert all(seconds >= 0 for _, _, seconds in found)
    assert 1 <= renewals <= 2


def test_who_dies_over_and_over_ends_it(tmp_path):
    with pytest.raises(OSError, match="workers were lost one after the other"):
        ran([Deadly(0, tmp_path, LOSSES_IN_A_ROW + 1)])


@pytest.mark.parametrize("workers", [1, 2])
def test_what_goes_wrong_in_a_training_is_told(workers):
    with pytest.raises(ValueError, match="no such thing"):
        ran([Wrong()], workers)


def test_nothing_to_do():
    assert ran([]) == ([], 0)
