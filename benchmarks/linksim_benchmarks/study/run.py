"""Trainings handed to workers, and taken back as they finish."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from linksim import checks
from linksim_benchmarks.montecarlo.chunk import check_versions, versions
from linksim_benchmarks.montecarlo.workers import Workers
from linksim_benchmarks.study.training import Record, Training

LOSSES_IN_A_ROW = 3
LONGEST_WAIT_S = 0.5

OnRecord = Callable[[Training, Record, float], None]


def train(training: Training, expected: dict[str, str]) -> tuple[Record, float]:
    """What a worker does.

    Args:
        training: which.
        expected: versions where the study was started.

    Returns:
        its record, and the seconds it took.

    Raises:
        ValueError: if this process runs other versions.
    """
    check_versions(expected)
    start = time.perf_counter()
    record = training.run()
    return record, time.perf_counter() - start


def run(trainings: Sequence[Training], workers: Workers, on_record: OnRecord) -> None:
    """Train all of them; those whose worker was lost are handed out again.

    Args:
        trainings: what to train, in this order.
        workers: who trains.
        on_record: called in this process with each training that has finished.

    Raises:
        OSError: if workers are lost over and over or for good.
        Exception: whatever a training raises.
    """
    left, flying = list(reversed(trainings)), dict[Future[Any], Training]()
    losses, expected = 0, dict(versions())
    try:
        while left or flying:
            if workers.check is not None:
                workers.check()
            try:
                while left and len(flying) < max(1, workers.count()):
                    future = workers.executor.submit(train, left[-1], expected)
                    flying[future] = left.pop()
                done, _ = wait(flying, timeout=LONGEST_WAIT_S, return_when=FIRST_COMPLETED)
                for future in done:
                    record, seconds = future.result()
                    on_record(flying.pop(future), record, seconds)
                    losses = 0
            except workers.lost as error:
                losses += 1
                if losses > LOSSES_IN_A_ROW:
                    said = checks.one_line(str(error))
                    raise OSError(
                        f"{losses} workers were lost one after the other ({said}): is there memory enough? "
                        "Fewer --workers need less"
                    ) from error
                left += _lost(flying, workers)
    finally:
        for future in flying:
            future.cancel()


def _lost(flying: dict[Future[Any], Training], workers: Workers) -> list[Training]:
    """Take back what is to be trained again."""
    renew = workers.renew
    broken = [future for future in flying if renew is not None or _is_lost(future, workers)]
    if renew is not None:
        workers.replace_broken(renew)
    return [flying.pop(future) for future in broken]


def _is_lost(future: Future[Any], workers: Workers) -> bool:
    return future.cancelled() or (future.done() and isinstance(future.exception(), workers.lost))
