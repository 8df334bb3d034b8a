"""`linksim sweep-cost`: what the engine of a sweep costs, and what further processes gain."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from linksim import checks, files, provenance
from linksim.arguments import parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks.step_cost import WARM_UP
from linksim_benchmarks.sweep_cost import SweepSizes, cost_rows


@dataclass(kw_only=True)
class SweepCostOptions:
    """Time a bit error rate sweep as a bare loop, through the engine, and in several processes, in turns."""

    bits_per_symbol: int = 4
    """Of the QAM."""
    chunks: int = 16
    """Chunks of 240,000 bits each time."""
    rounds: int = 15
    """How often each is timed."""
    workers: int = 2
    """Processes."""
    seed: int = 0
    """Root of the random streams."""
    json: Path | None = None
    """Write the results here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim sweep-cost`."""
    options = parse(SweepCostOptions, arguments, "sweep-cost")
    files.check_writable(options.json)
    checks.whole("--chunks", options.chunks, 1)
    checks.whole("--rounds", options.rounds, 2)
    checks.whole("--workers", options.workers, 2, 1024)
    checks.whole("--seed", options.seed, 0)
    sizes = SweepSizes(bits_per_symbol=checks.bits_per_symbol(options.bits_per_symbol), chunks=options.chunks)
    target = console(options.quiet)
    with progress_on(target) as progress:
        task = progress.add_task("time", total=options.rounds + WARM_UP)
        counted = (sizes, options.workers, options.rounds, options.seed)
        rows = cost_rows(*counted, lambda: progress.advance(task))
    cells = [
        [
            row["subject"],
            f"{row['mbit_per_s']:.2f}",
            f"{row['time_ratio']:.3f} ({row['time_low']:.3f} … {row['time_high']:.3f})",
            f"{row['throughput_ratio']:.2f} ({row['throughput_low']:.2f} … {row['throughput_high']:.2f})",
        ]
        for row in rows
    ]
    title = f"{options.chunks} chunks of a sweep, median of {options.rounds}, with 95 % intervals"
    columns = ["", "Mbit/s", "time over the bare loop", "throughput over one process"]
    target.print(table_of(title, columns, cells))
    if options.json is not None:
        card = provenance.card(options.seed, "sionna", {**asdict(sizes), "rounds": options.rounds})
        files.write_json(options.json, {"rows": rows, "provenance": card})
        target.print(f"Written: {options.json}")
