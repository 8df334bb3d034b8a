"""`linksim step-cost`: what a training step costs over one without a link."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from linksim import checks, files, provenance
from linksim.arguments import parse
from linksim.config import Backend
from linksim.console import console, progress_on, table_of
from linksim_benchmarks.link_cost import BASE, VARIED, growth_rows
from linksim_benchmarks.step_cost import WARM_UP, StepSizes, memory_rows, step_settings, time_rows
from linksim_training.options.gradient import Gradient

MOST_RATIO = 1.6
MOST_MIB = 2048


@dataclass(kw_only=True)
class StepCostOptions:
    """Measure the time of a training step against the same encoder and head without a link.

    Images of the size of MNIST's, 16 tokens of 6 bits, 16-QAM; steps of each kind take turns. With --memory
    also the peak memory of a step at another size, with --growth the time of the link at other sizes.
    """

    steps: int = 60
    """Steps of each kind."""
    batch_size: int = 64
    """Images per step."""
    gradient: Gradient = "mixed"
    """Backward pass of phase 2."""
    backend: Backend = "sionna"
    """What computes LLRs."""
    memory: bool = False
    """Also measure memory, each phase in a process of its own."""
    growth: bool = False
    """Also measure how the time of the link alone, hard and soft, grows with frames, tokens, codewords and
    bits per symbol, with both backends."""
    frames: int = 256
    """Images per step for --memory."""
    tokens: int = 64
    """Tokens for --memory."""
    codebook_size: int = 1024
    """Codewords for --memory."""
    bits_per_symbol: int = 6
    """Bits per symbol for --memory."""
    seed: int = 0
    """Root of the random streams."""
    json: Path | None = None
    """Write the results here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim step-cost`."""
    options = parse(StepCostOptions, arguments, "step-cost")
    files.check_writable(options.json)
    checks.whole("--steps", options.steps, 2)
    checks.whole("--seed", options.seed, 0)
    small = StepSizes(batch_size=options.batch_size, backend=options.backend)
    large = StepSizes(
        batch_size=options.frames,
        tokens=options.tokens,
        codebook_size=options.codebook_size,
        bits_per_symbol=options.bits_per_symbol,
        backend=options.backend,
    )
    settings = {"gradient": options.gradient}
    target = console(options.quiet)
    memory: list[dict[str, Any]] = []
    growth: list[dict[str, Any]] = []
    with progress_on(target) as progress:
        task = progress.add_task("time", total=options.steps + WARM_UP)
        config = step_settings(**settings)
        rows = time_rows(small, config, options.steps, options.seed, lambda: progress.advance(task))
        if options.memory:
            task = progress.add_task("memory", total=2)
            memory = memory_rows(large, settings, options.seed, lambda: progress.advance(task))
        if options.growth:
            rounds = (options.steps + WARM_UP) * len(VARIED)
            task = progress.add_task("growth", total=rounds)
            growth = growth_rows(options.steps, options.seed, lambda: progress.advance(task))
    target.print(_time_table(rows, options))
    if memory:
        target.print(_memory_table(memory, large))
    if growth:
        target.print(_growth_table(growth))
    if options.json is not None:
        configuration = {"steps": options.steps, "time": asdict(small), "memory": asdict(large), **settings}
        card = provenance.card(options.seed, options.backend, configuration)
        files.write_json(options.json, {"rows": rows, "memory": memory, "growth": growth, "provenance": card})
        target.print(f"Written: {options.json}")


def _time_table(rows: Sequence[dict[str, Any]], options: StepCostOptions) -> Table:
    cells = [
        [
            row["step"],
            f"{row['milliseconds']:.2f}",
            f"{row['ratio']:.2f}",
            f"{row['low']:.2f} … {row['high']:.2f}",
        ]
        for row in rows
    ]
    title = (
        f"A training step of {options.batch_size} images, median of {options.steps}, on {rows[0]['threads']} "
        f"thread{'s' if rows[0]['threads'] > 1 else ''}; at most {MOST_RATIO:g} times is asked for"
    )
    return table_of(title, ["", "ms", "times no link", "95 % interval"], cells)


def _growth_table(rows: Sequence[dict[str, Any]]) -> Table:
    sizes = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in BASE.items())
    cells = [
        [
            row["varied"].replace("_", " ").replace("codebook size", "codewords"),
            str(row["value"]),
            row["backend"],
            f"{row['hard_ms']:.2f}",
            f"{row['soft_ms']:.2f}",
        ]
        for row in rows
    ]
    title = f"The link alone in ms, medians; all but one of {sizes.replace('codebook size', 'codewords')}"
    return table_of(title, ["varied", "", "backend", "hard", "soft and its gradient"], cells)


def _memory_table(rows: Sequence[dict[str, Any]], sizes: StepSizes) -> Table:
    cells = [
        [row["step"], *(f"{row[name]:.0f}" for name in ("peak_mib", "before_mib", "step_mib"))]
        for row in rows
    ]
    title = (
        f"Peak memory in MiB: {sizes.batch_size} images, {sizes.tokens} tokens, {sizes.codebook_size} "
        f"codewords, {sizes.bits_per_symbol} bits per symbol; less than {MOST_MIB} is asked for"
    )
    return table_of(title, ["", "peak", "before the model", "model and step"], cells)
