"""`linksim` commands in real processes, forked from one that has imported everything, hence cheap."""

import multiprocessing
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
import traceback
from importlib import import_module
from types import SimpleNamespace

FORKS = multiprocessing.get_context("forkserver")
PRELOADED = [
    *("linksim.cli", "linksim_training.command", "torch.utils.tensorboard.summary", "sklearn.cluster"),
    *("sklearn.datasets", "sklearn.model_selection", "torch.distributed", "threadpoolctl"),
    *("torch.nn.parallel", "email.policy"),
]
FORKS.set_forkserver_preload(PRELOADED)
PATIENCE = 300
"""Seconds to wait for anything; generous, since a machine may be loaded."""


class Command:
    """A `linksim` command, started.

    Args:
        words: behind `linksim`.
        folder: for what it prints.
        environment: variables it sees beside the present ones.
        largest_file: in bytes; writing more fails as it does on a full disk.
        as_nobody: give up the rights of root, if those are there.
    """

    def __init__(self, words, folder, environment=None, largest_file=None, as_nobody=False):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        arguments = (list(map(str, words)), folder, dict(environment or {}), largest_file, as_nobody)
        self.process = FORKS.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()

    def wait(self):
        """Exit code (negative: the signal that killed it) and what was printed."""
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            raise AssertionError(f"still running after {PATIENCE} s: {self._printed('stderr')}")
        return SimpleNamespace(
            code=self.process.exitcode, out=self._printed("stdout"), err=self._printed("stderr")
        )

    def _printed(self, name):
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def send(self, number):
        """Send a signal, if it still runs."""
        if self.process.is_alive():
            os.kill(self.process.pid, number)

    def let_run(self, seconds):
        """Wait for that long, or until it ends."""
        self.process.join(seconds)

    def wait_until(self, condition):
        """Look every 2 ms; returns whether the condition held before the process ended."""
        end = time.monotonic() + PATIENCE
        while self.process.is_alive():
            if condition():
                return True
            assert time.monotonic() < end, self._printed("stderr")
            time.sleep(0.002)
        return False


def run(words, folder, **options):
    """Run a command to its end."""
    return Command(words, folder, **options).wait()


def start_alone(words, printed, **options):
    """Start `python -m linksim.cli`, a process that is not forked and imports everything itself."""
    launched = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK")
    environment = {name: value for name, value in os.environ.items() if name not in launched}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with printed.open("w") as file:
        command = [sys.executable, "-m", "linksim.cli", *map(str, words)]
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file, **options)


def lines_of(path):
    """Number of lines of a file, 0 if there is none."""
    return path.read_text().count("\n") if path.exists() else 0


def _serve(words, folder, environment, largest_file, as_nobody):
    """In the forked process: what `python -m linksim.cli` does."""
    from linksim.cli import main

    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(environment)
    sys.argv = ["linksim", *words]
    if as_nobody and os.geteuid() == 0:
        for name in PRELOADED:  # nobody may be unable to read where Python is installed
            import_module(name)
        os.setuid(65534)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    try:
        code = main(words)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.exit(code)


def way_on(line):
    """The words behind `linksim` of the command that an interrupted training names."""
    _, command = line.split("go on with: ")
    name, *words = shlex.split(command)
    assert name == "linksim"
    return words
