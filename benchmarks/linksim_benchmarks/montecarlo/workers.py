"""Where chunks are counted: in this process, in processes beside it, or wherever an executor leads."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from typing import Any

import torch

from linksim import checks

PRELOADED = ["linksim_benchmarks.ber", "linksim_benchmarks.accuracy"]


@dataclass
class Workers:
    """An executor, and what the engine needs to know of it.

    Attributes:
        executor: any `concurrent.futures.Executor`.
        count: how many chunks it counts at a time; may change, and is 0 while there are no workers.
        renew: gives another executor in place of one that broke; None if there is no way.
        lost: exceptions that mean that a worker was lost, not that the chunk is wrong.
        check: raises an OSError that says what to do if no worker can ever come back; None if that cannot be.
        depth: chunks to hand out for each worker, so that none waits for the next one.
        name: for provenance and messages.
    """

    executor: Executor
    count: Callable[[], int]
    renew: Callable[[], Executor] | None = None
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    check: Callable[[], None] | None = None
    depth: int = 2
    name: str = "executor"
    renewals: int = field(default=0, init=False)

    def replace_broken(self, renew: Callable[[], Executor]) -> None:
        """Another executor in place of one that broke."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.executor = renew()
        self.renewals += 1


class InProcess(Executor):
    """Runs what is submitted at once, in this process; a KeyboardInterrupt gets through."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function and return a future that has its result."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # it goes to whoever asks the future, as with every executor
            future.set_exception(error)
        return future


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_workers(count: int) -> Iterator[Workers]:
    """Processes on this machine; with one, this process itself.

    Args:
        count: number of processes.

    Raises:
        TypeError, ValueError: if that is not a number from 1.
    """
    if checks.whole("--workers", count, 1, 1024) == 1:
        threads = torch.get_num_threads()
        try:
            yield Workers(InProcess(), lambda: 1, depth=1, name="this process")
        finally:
            torch.set_num_threads(threads)
        return
    context = _context()

    def pool() -> Executor:
        return ProcessPoolExecutor(count, mp_context=context, initializer=_begin_worker)

    workers = Workers(pool(), lambda: count, pool, name=f"{count} processes")
    try:
        yield workers
    finally:
        workers.executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def given_executor(executor: Executor, count: int) -> Iterator[Workers]:
    """Workers of an executor that someone else started and will shut down.

    Args:
        executor: any `concurrent.futures.Executor`.
        count: how many chunks it counts at a time.
    """
    yield Workers(executor, lambda: count)


def _context() -> BaseContext:
    """Where there is a fork server, it imports the heavy packages once for all workers."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    _start_fork_server()
    return context


def _start_fork_server() -> None:
    """Start the fork server, deaf to the Ctrl-C that a terminal sends to all, and wait for its imports.

    Until those are done it would answer Ctrl-C with a traceback. A pool that Ctrl-C ends while its first
    process is under way would leave one behind that finds its queues gone, and says so in another.
    """
    if threading.current_thread() is threading.main_thread():
        resource_tracker.ensure_running()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the new process inherits
        try:
            forkserver.ensure_running()
        finally:
            signal.signal(signal.SIGINT, before)
    first = multiprocessing.get_context("forkserver").Process(target=_nothing, daemon=True)
    first.start()
    first.join()


def _nothing() -> None:
    """What a process does that only shows that it can be started."""


def _begin_worker() -> None:
    """A worker computes on one thread, leaves Ctrl-C to its parent, and ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
