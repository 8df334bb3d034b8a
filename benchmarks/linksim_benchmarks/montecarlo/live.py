"""What a sweep shows while it runs: a live table on terminals, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from linksim.console import table_of
from linksim_benchmarks.montecarlo.engine import OnChange, Progress
from linksim_benchmarks.montecarlo.point import PointState

REFRESH_S = 0.25
LINE_S = 30.0
MOST_ROWS = 16


@contextmanager
def shown(target: Console, title: str, workers: Callable[[], int]) -> Iterator[OnChange]:
    """Show a sweep on a console while it runs.

    Args:
        target: the console; on a terminal it gets a live table, elsewhere a line every half minute.
        title: of the table.
        workers: says how many chunks are counted at a time at the moment, for the time left.
    """
    if target.quiet:
        yield lambda progress: None
    elif target.is_terminal:
        with Live(console=target, auto_refresh=False, transient=True) as live:
            last = [0.0]

            def draw(progress: Progress) -> None:
                if time.monotonic() - last[0] > REFRESH_S:
                    said = Text(status(progress, workers()))
                    live.update(Group(_table(title, progress), said), refresh=True)
                    last[0] = time.monotonic()

            yield draw
    else:
        last = [time.monotonic()]

        def line(progress: Progress) -> None:
            if time.monotonic() - last[0] > LINE_S:
                target.print(status(progress, workers()))
                last[0] = time.monotonic()

        yield line


def status(progress: Progress, workers: int) -> str:
    """A line: points finished, bits, bits per second, time left.

    Args:
        progress: of the sweep; points that it does not need are left out.
        workers: how many chunks are counted at a time.
    """
    needed = progress.needed()
    finished = sum(state.reason is not None for state in needed)
    elapsed = max(time.monotonic() - progress.started, 1e-9)
    words = [f"{finished} of {len(needed)} points", f"{progress.bits:.2e} bits now"]
    if progress.bits:
        words.append(f"{progress.bits / elapsed / 1e6:.2f} Mbit/s")
    left = seconds_left(needed, workers)
    if not workers:
        words.append("no workers: waiting")
    elif left is not None:
        words.append(f"at most about {_duration(left)} left")
    if progress.lost:
        words.append(f"{progress.lost} chunks handed out again")
    return ", ".join(words)


def seconds_left(states: Sequence[PointState], workers: int) -> float | None:
    """Seconds until all points are counted, foreseen from the errors and the speed so far.

    Args:
        states: of the points.
        workers: how many chunks are counted at a time.

    Returns:
        None while nothing has been counted, or nobody counts.
    """
    bits, seconds = sum(state.bits for state in states), sum(state.seconds for state in states)
    if not bits or not seconds or not workers:
        return None
    left = 0.0
    for state in states:
        own = state.seconds / state.bits if state.bits else seconds / bits
        left += state.remaining_bits() * own
    return left / workers


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _table(title: str, progress: Progress) -> Table:
    """The points under way, and the last ones that are finished."""
    active = [state for state in progress.states if state.reason is None and (state.flying or state.chunks)]
    done = [state for state in progress.states if state.reason is not None and state.fresh]
    chosen = done[-max(MOST_ROWS - len(active), 3) :] + active[:MOST_ROWS]
    cells = []
    for state in sorted(chosen, key=progress.states.index):
        low, high = state.tally.bounds()
        rate = f"{state.tally.rate:.2e}" if state.tally.errors else ""
        interval = f"{low:.2e} … {high:.2e}" if state.bits else ""
        cells.append(
            [
                state.work.label,
                f"{state.bits:.2e}",
                str(state.tally.errors),
                rate,
                interval,
                state.reason or "…",
            ]
        )
    return table_of(title, ["", "bits", "errors", "rate", "95 % interval", "stopped by"], cells)
