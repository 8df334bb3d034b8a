"""Options that the sweeps have in common, and running a sweep with them."""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from linksim import checks
from linksim.metrics.frames import Method
from linksim.provenance import configuration_hash
from linksim_benchmarks.montecarlo.chunk import versions
from linksim_benchmarks.montecarlo.cluster import cluster_workers
from linksim_benchmarks.montecarlo.engine import Progress, run
from linksim_benchmarks.montecarlo.live import shown
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.montecarlo.workers import available_cores, local_workers
from linksim_benchmarks.pictures.save import FORMATS


@dataclass(kw_only=True)
class SweepOptions:
    """Stopping, workers and the store; none of them changes what a chunk counts."""

    target_errors: int | None = None
    """Stop a point at so many independent errors: wrong bits, or under fading and behind a decoder wrong
    frames."""
    relative_width: float | None = None
    """Stop a point when its 95 % interval is at most so wide relative to the rate, such as 0.2."""
    time_limit: float | None = None
    """Seconds for the whole sweep; it ends when the chunks under way then are counted. Points that are cut
    short are marked. The same command goes on."""
    workers: int | None = None
    """Processes; all cores by default. Counts do not depend on it."""
    cluster: str | None = None
    """Count on a Dask cluster instead: tcp://… of its scheduler, or local. Needs the extra cluster."""
    interval: Method = "clopper-pearson"
    """How 95 % intervals are computed."""
    overwrite: bool = False
    """Start anew instead of going on with what an earlier run has stored in the folder."""

    def rule(self, max_bits: int, target_rate: float | None = None) -> StopRule:
        """The stop rule.

        Args:
            max_bits: cap per point.
            target_rate: at which curves end.

        Raises:
            TypeError, ValueError: naming the option that is wrong.
        """
        if self.target_errors is not None:
            checks.whole("--target-errors", self.target_errors, 1)
        if self.relative_width is not None:
            checks.real("--relative-width", self.relative_width, least=0.001, most=10)
        if self.time_limit is not None:
            checks.real("--time-limit", self.time_limit, above=0)
        if self.workers is not None:
            checks.whole("--workers", self.workers, 1, 1024)
        return StopRule(
            max_bits=max_bits,
            target_errors=self.target_errors,
            relative_width=self.relative_width,
            target_rate=target_rate,
            time_limit_s=self.time_limit,
        )


def stored_configuration(sweep: Sweep) -> dict[str, Any]:
    """What a store must agree with, so that unlike results never mix."""
    return {**sweep.configuration(), "versions": versions()}


def results(name: str, folder: Path) -> list[Path]:
    """What a sweep of that name, such as "ber", writes into its folder beside its JSON."""
    return [folder / f"{name}.{ending}" for ending in ("csv", "sqlite", *FORMATS)]


def folder_of(given: Path | None, usual: Path, store: str, sweep: Sweep) -> Path:
    """Where a sweep is kept: the folder that was given, or else the usual one.

    If the latter holds another sweep, its name with the first digits of this one's hash behind it.

    Args:
        given: by the user, or None.
        usual: for this command.
        store: name of the file.
        sweep: the points.

    Raises:
        ValueError, OSError: if there is a store that cannot be read.
    """
    if given is not None or not _holds_something(usual / store):
        return usual if given is None else given
    configuration = stored_configuration(sweep)
    with Store.read(usual / store) as found:
        if configuration_hash(found.configuration()) == configuration_hash(configuration):
            return usual
    return usual.with_name(f"{usual.name}-{configuration_hash(configuration)[:8]}")


def _holds_something(path: Path) -> bool:
    return path.exists() and (path.is_dir() or path.stat().st_size > 0)


def run_stored(
    sweep: Sweep,
    rule: StopRule,
    options: SweepOptions,
    store_path: Path,
    target: Console,
    title: str,
    notes: Mapping[str, Any] | None = None,
) -> Progress:
    """Run a sweep with its store: go on where there is one, else make it.

    Args:
        sweep: the points.
        rule: when points stop.
        options: workers, cluster and whether to start anew.
        store_path: of the store.
        target: what shows the progress.
        title: of the table.
        notes: what to keep in the store for those who read it, as plain JSON.

    Raises:
        ValueError, OSError: as store, workers and cluster raise them; a store is left as it was if there are
            no workers, and none is made.
        KeyboardInterrupt: after the store was brought up to date; also on SIGTERM.
    """
    configuration = stored_configuration(sweep)
    with ExitStack() as stack:
        stack.enter_context(_terminated_as_interrupted())
        store = _looked_at(store_path, configuration, options.overwrite)
        if store is not None:
            stack.enter_context(store)
        if options.cluster is not None:
            workers = stack.enter_context(cluster_workers(options.cluster, options.workers))
        else:
            workers = stack.enter_context(local_workers(options.workers or available_cores()))
        if store is None:
            store = stack.enter_context(Store.create(store_path, configuration))
        for name, note in {"rule": asdict(rule), "interval": options.interval, **(notes or {})}.items():
            store.set_note(name, note)
        on_change = stack.enter_context(shown(target, title, workers.count))
        try:
            progress = run(sweep, rule, workers, store, on_change)
        except KeyboardInterrupt:
            print(f"What was counted is in {store_path}: the same command goes on.", file=sys.stderr)
            raise
    if progress.out_of_time and progress.results:  # without any, the command says so itself
        target.print("The time limit cut points short: they are marked, and the same command goes on.")
    return progress


def check_usable(path: Path) -> None:
    """Refuse early a store that could not be opened for writing.

    Raises:
        ValueError, OSError: as `Store` raises them.
    """
    if _holds_something(path):
        Store.check_replaceable(path)


def _looked_at(path: Path, configuration: dict[str, object], overwrite: bool) -> Store | None:
    """Before workers are looked for: the store to go on with, or None if one is to be made with them."""
    if not _holds_something(path):
        return None
    if overwrite:
        Store.check_replaceable(path)
        return None
    return Store.resume(path, configuration)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, which a queue sends before it kills a job, ends a sweep as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
