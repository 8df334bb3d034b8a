"""`linksim verify`: the certificate that the simulator is right on this machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from linksim import checks, files, provenance
from linksim.arguments import parse
from linksim.config import BACKENDS
from linksim.console import console, progress_on
from linksim.verification.catalogue import CHECKS, Outcome, run


@dataclass(kw_only=True)
class VerifyOptions:
    """Check the simulator on this machine: labels, LLRs, laws, noise, error rates, determinism and more.

    Exit code 0 if every check passes, 1 if one fails, 2 if the input is wrong.
    """

    only: tuple[str, ...] = ()
    """Names of the checks to run; all by default."""
    list: bool = False
    """Say what the checks are and run none."""
    seed: int = 0
    """Root of the random streams. Intervals are at the 99.9 % level, so with another seed one of the few
    dozen may miss by chance."""
    json: Path | None = None
    """Also write the outcome here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> int:
    """Serve `linksim verify`; returns the exit code."""
    options = parse(VerifyOptions, arguments, "verify")
    files.check_writable(options.json)
    seed = checks.whole("--seed", options.seed, 0)
    names = [checks.one_of("--only", name, CHECKS) for name in dict.fromkeys(options.only)] or list(CHECKS)
    target = console(options.quiet)
    if options.list:
        target.print(_table("Checks", ("check", "what holds"), [(name, _purpose(name)) for name in names]))
        return 0
    with _one_thread(), progress_on(target) as progress:
        outcomes = []
        task = progress.add_task("verify", total=len(names))
        for name in names:
            progress.update(task, description=name)
            outcomes.append(run(name, seed))
            progress.advance(task)
    if options.json is not None:
        files.write_json(options.json, _content(outcomes, seed))
    rows = [(one.name, "yes" if one.passed else "NO", one.figure) for one in outcomes]
    target.print(_table("Verification", ("check", "passed", "figure"), rows))
    for warning in (warning for one in outcomes for warning in one.warnings):
        target.print(f"Warning: {warning}")
    failed = [one.name for one in outcomes if not one.passed]
    target.print(f"Failed: {', '.join(failed)}" if failed else f"All {len(outcomes)} checks passed.")
    return 1 if failed else 0


def _content(outcomes: Sequence[Outcome], seed: int) -> dict:
    names = [one.name for one in outcomes]
    return {
        "checks": [{"name": one.name, "passed": one.passed, "figure": one.figure} for one in outcomes],
        "warnings": [warning for one in outcomes for warning in one.warnings],
        "provenance": provenance.card(seed, ", ".join(BACKENDS), {"checks": names}),
    }


def _purpose(name: str) -> str:
    return " ".join((CHECKS[name].__doc__ or "").split())


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
    """A table whose last column wraps."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


@contextmanager
def _one_thread() -> Iterator[None]:
    """Inside, torch computes on one thread: many small tensors only wait for more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
