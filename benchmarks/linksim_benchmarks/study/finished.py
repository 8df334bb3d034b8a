"""Trainings as records: those of the store are read, the others are trained and stored."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from linksim_benchmarks.montecarlo.cluster import cluster_workers
from linksim_benchmarks.montecarlo.workers import available_cores, local_workers
from linksim_benchmarks.study import records
from linksim_benchmarks.study.run import run
from linksim_benchmarks.study.training import Record, Training
from linksim_benchmarks.study.tuning import validation_accuracy


@dataclass(frozen=True)
class Place:
    """Where trainings run and are kept.

    Attributes:
        store: the file.
        workers: processes; all cores if None.
        cluster: a Dask cluster instead, or None.
    """

    store: Path
    workers: int | None
    cluster: str | None


def finished(
    trainings: Sequence[tuple[str, Training]], place: Place, task: str, target: Console, progress: Progress
) -> dict[str, Record]:
    """Records by key of all trainings; those that are the same are trained once.

    Args:
        trainings: with a label each.
        place: where they run and are kept.
        task: name of the progress bar.
        target: gets a line for each training that finishes.
        progress: gets a bar.

    Raises:
        OSError, ValueError: if the store cannot be used, or there are no workers.
    """
    found = records.read(place.store)
    labels = {training.key: label for label, training in trainings}
    missing = {training.key: training for _, training in trainings if training.key not in found}
    bar = progress.add_task(task, total=len(labels), completed=len(labels) - len(missing))
    if not missing:
        return found
    done = len(labels) - len(missing)
    count = place.workers or min(available_cores(), len(missing))
    workers = local_workers(count) if place.cluster is None else cluster_workers(place.cluster, place.workers)
    with closing(records.opened(place.store)) as store, workers as pool:

        def keep(training: Training, record: Record, seconds: float) -> None:
            nonlocal done
            records.add(store, training.key, record, seconds)
            found[training.key] = {**record, "seconds": seconds}
            done += 1
            progress.advance(bar)
            accuracy = 100 * validation_accuracy(record, training.draws)
            target.print(
                f"{task} {done}/{len(labels)}: {labels[training.key]}, {accuracy:.1f} % of the validation "
                f"part, {seconds:.0f} s"
            )

        run(list(missing.values()), pool, keep)
    return found
