"""`linksim env-speed`: steps per second of the environments."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from linksim import checks, files, provenance
from linksim.arguments import parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks.agents.endurance import endurance_row
from linksim_benchmarks.agents.env_speed import CASES, speed_rows
from linksim_benchmarks.step_cost import WARM_UP


@dataclass(kw_only=True)
class EnvSpeedOptions:
    """Time the environments' vector form against the link alone and a loop over single ones, in turns.

    With --endurance, take random actions instead, and watch memory and observations.
    """

    cases: tuple[str, ...] = tuple(CASES)
    """Of transmit, uncoded, coded, modes."""
    num_envs: int = 1024
    """Episodes of the vector form."""
    rounds: int = 15
    """How often each is timed."""
    endurance: float | None = None
    """Steps of random actions in each environment, such as 1e6."""
    threads: int = 1
    """Of PyTorch."""
    seed: int = 0
    """Of frames and actions."""
    json: Path | None = None
    """Write the results here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim env-speed`."""
    options = parse(EnvSpeedOptions, arguments, "env-speed")
    files.check_writable(options.json)
    for name in options.cases:
        checks.one_of("--cases", name, CASES)
    for name, value, least in (("num-envs", options.num_envs, 1), ("rounds", options.rounds, 2)):
        checks.whole(f"--{name}", value, least)
    checks.whole("--seed", options.seed, 0)
    if options.endurance is not None:
        checks.real("--endurance", options.endurance, least=1, most=1e12)
    target = console(options.quiet)
    before = torch.get_num_threads()
    torch.set_num_threads(checks.whole("--threads", options.threads, 1, 1024))
    try:
        rows = _timed(options, target) if options.endurance is None else _endured(options, target)
    finally:
        torch.set_num_threads(before)
    if options.json is not None:
        configuration = {
            name: value for name, value in vars(options).items() if name not in ("json", "quiet")
        }
        card = provenance.card(options.seed, "fused, sionna", configuration)
        files.write_json(options.json, {"rows": rows, "provenance": card})
        target.print(f"Written: {options.json}")


def _timed(options: EnvSpeedOptions, target: Console) -> list[dict[str, Any]]:
    with progress_on(target) as progress:
        task = progress.add_task("time", total=len(options.cases) * (options.rounds + WARM_UP))
        common = (options.num_envs, options.rounds, options.seed, lambda: progress.advance(task))
        rows = [row for name in options.cases for row in speed_rows(CASES[name], *common)]
    cells = [
        [
            row["env"],
            row["subject"],
            f"{row['steps_per_s']:,.0f}",
            f"{row['vector_over_it']:.2f} ({row['low']:.2f} … {row['high']:.2f})",
        ]
        for row in rows
    ]
    title = f"Steps per second, median of {options.rounds}, with 95 % intervals"
    target.print(table_of(title, ["", "", "steps/s", "vector form over it"], cells))
    return rows


def _endured(options: EnvSpeedOptions, target: Console) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with progress_on(target) as progress:
        task = progress.add_task("steps", total=len(options.cases))
        for name in options.cases:
            done = len(rows)
            common = (CASES[name], options.num_envs, int(options.endurance or 0), options.seed)
            rows.append(
                endurance_row(*common, lambda share, done=done: progress.update(task, completed=done + share))
            )
    cells = [
        [
            row["env"],
            f"{row['steps']:,}",
            f"{row['seconds']:.0f} s",
            f"{row['growth_mb']:.1f} MB",
            str(row["not_finite"]),
        ]
        for row in rows
    ]
    columns = ["", "steps", "time", "growth of peak memory", "not finite"]
    target.print(table_of("Random actions", columns, cells))
    return rows
