"""Chains in processes of their own: one per core, since what they run holds Python's lock or global state.

A process first writes the word "ready" and its version. Then it reads lines with the bits of a batch and the
number of batches, and answers each with the number of errors.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

from linksim.checks import one_line
from linksim_benchmarks.speed.subject import Case, Unavailable

PATIENCE_S = 10
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def worker_command(module: str, case: Case, threads: int, seed: int) -> list[str]:
    """The command that runs the chain of a module in `linksim_benchmarks.speed.peers`."""
    words = (module, case.bits_per_symbol, case.demapper, repr(case.snr_db), threads, seed)
    return [sys.executable, "-m", "linksim_benchmarks.speed.worker", *map(str, words)]


class ProcessChain:
    """A batch in each process.

    Args:
        commands: one for each process.
        sizes: bits of a batch to choose from.
        threads: that each process may use.

    Raises:
        Unavailable: if a process ends before it is ready.
    """

    def __init__(self, commands: Sequence[Sequence[str]], sizes: tuple[int, ...], threads: int = 1) -> None:
        self.lanes, self.sizes = len(commands), sizes
        environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
        with ExitStack() as stack:
            self._errors = stack.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
            pipe = subprocess.PIPE
            self._processes: list[subprocess.Popen[str]] = []
            stack.callback(self._end)
            for command in commands:
                self._processes.append(
                    subprocess.Popen(
                        command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True, env=environment
                    )
                )
            greetings = [self._answer(process) for process in self._processes]
            self.version = greetings[0].removeprefix("ready").strip() or "not told"
            self._stack = stack.pop_all()

    def count(self, bits: int, batches: int) -> int:
        """Errors in `batches` batches of `bits` bits in each process.

        Raises:
            Unavailable: if a process has ended.
        """
        for process in self._processes:
            assert process.stdin is not None
            try:
                process.stdin.write(f"{bits} {batches}\n")
                process.stdin.flush()
            except BrokenPipeError:
                break  # its answer says why
        return sum(int(self._answer(process)) for process in self._processes)

    def _answer(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.strip():
            code = process.wait(PATIENCE_S)
            self._errors.seek(0)
            complaints = self._errors.read().strip().splitlines() or ["no reason given"]
            raise Unavailable(f"its process ended with exit code {code}: {one_line(complaints[-1])}")
        return line

    def close(self) -> None:
        """End the processes."""
        self._stack.close()

    def _end(self) -> None:
        for process in self._processes:
            with process:  # closes the pipes, at which it ends, and waits
                assert process.stdin is not None
                try:
                    process.stdin.close()
                    process.wait(PATIENCE_S)
                except (OSError, subprocess.TimeoutExpired):
                    process.kill()
