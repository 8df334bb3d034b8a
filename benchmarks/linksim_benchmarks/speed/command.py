"""`linksim speed`: throughput of the uncoded chain beside Sionna and whichever peers are installed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from linksim import checks, files, provenance
from linksim.arguments import parse
from linksim.config import Demapper
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import output
from linksim_benchmarks.montecarlo.workers import available_cores
from linksim_benchmarks.pictures.save import save_all
from linksim_benchmarks.speed.catalogue import SUBJECTS
from linksim_benchmarks.speed.measure import Effort, measure
from linksim_benchmarks.speed.picture import speed_figure
from linksim_benchmarks.speed.subject import Case
from linksim_benchmarks.speed.trial import expected_rate
from linksim_benchmarks.step_cost import WARM_UP

USUAL_SNR_DB = {2: 7.3, 4: 13.9, 6: 19.7, 8: 25.4, 10: 31.1}
"""Es/N0 at which about one bit in a hundred is wrong, by bits per symbol."""

FORMATS = ("png", "svg")


@dataclass(kw_only=True)
class SpeedOptions:
    """Measure Mbit/s of the whole uncoded chain: random bits, Gray QAM, noise, LLRs, decisions, error count.

    fused is linksim's compiled chain, sionna is Sionna's own eager one. modem-sionna and modem-fused are
    linksim's Modem with either backend, between random numbers and a comparison in PyTorch. kaira, commpy,
    hermespy, liquid-dsp and itpp are timed if they are installed. rng-bound only draws the random numbers of
    fused. Each uses all threads, in the way (together on a batch, or each on its own) and with the size of
    batch that are fastest for it. Bit error rates are held against the closed form before. They take turns.
    """

    bits_per_symbol: tuple[int, ...] = (2, 4, 6, 8)
    """2, 4, 6, 8 or 10 for 4- to 1024-QAM."""
    demapper: tuple[Demapper, ...] = ("app",)
    """Exact LLRs, or their maximum approximation. A subject that has but one of them is timed with that."""
    subjects: tuple[str, ...] = tuple(SUBJECTS)
    """What is timed."""
    ebno_db: tuple[float, ...] = ()
    """Eb/N0 in dB, one number for all modulations or one for each; by default what makes about one bit in a
    hundred wrong."""
    threads: int | None = None
    """Threads or processes of each subject; all cores by default."""
    seconds: float = 0.3
    """About so long a subject runs in a round."""
    rounds: int = 7
    """Rounds; the figures are medians over them."""
    seed: int = 0
    """Root of the random streams."""
    out: Path | None = None
    """Folder for speed.json, speed.csv and a picture."""
    json: Path | None = None
    """Write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def cases_of(options: SpeedOptions) -> list[Case]:
    """Modulations, LLRs and SNRs that are timed, one after the other.

    Raises:
        ValueError, TypeError: naming the option that is wrong.
    """
    widths = [checks.bits_per_symbol(m) for m in dict.fromkeys(options.bits_per_symbol)]
    if not widths or not options.demapper:
        raise ValueError("nothing to measure: give at least one --bits-per-symbol and one --demapper")
    given = [checks.real("--ebno-db", value) for value in options.ebno_db]
    if len(given) not in (0, 1, len(widths)):
        raise ValueError(
            f"--ebno-db takes one number, or one for each of the {len(widths)} modulations, got {len(given)}"
        )
    ebno_db = given * len(widths) if len(given) == 1 else given
    snr_db = [value + 10 * math.log10(m) for value, m in zip(ebno_db, widths, strict=False)]
    snr_db = snr_db or [USUAL_SNR_DB[m] for m in widths]
    found = [
        Case(m, demapper, snr)
        for demapper in dict.fromkeys(options.demapper)
        for m, snr in zip(widths, snr_db, strict=True)
    ]
    for case in found:
        expected_rate(case)  # refuses an SNR beyond all formulas
    return found


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim speed`."""
    options = parse(SpeedOptions, arguments, "speed")
    cases = cases_of(options)
    names = [checks.one_of("--subjects", name, SUBJECTS) for name in dict.fromkeys(options.subjects)]
    if not names:
        raise ValueError(f"--subjects needs at least one of {', '.join(SUBJECTS)}")
    threads = available_cores() if options.threads is None else options.threads
    effort = Effort(
        threads=checks.whole("--threads", threads, 1, 1024),
        seconds=checks.real("--seconds", options.seconds, least=0.001, most=3600),
        rounds=checks.whole("--rounds", options.rounds, 2),
        seed=checks.whole("--seed", options.seed, 0),
    )
    written = (
        [] if options.out is None else [options.out / f"speed.{one}" for one in ("json", "csv", *FORMATS)]
    )
    output.check_places(written, options.json)
    target = console(options.quiet)
    rows: list[dict[str, Any]] = []
    missing: dict[str, str] = {}
    with progress_on(target) as progress:
        total = len(cases) * (len(names) + effort.rounds + WARM_UP)
        task = progress.add_task("time", total=total)
        for case in cases:
            own, absent = measure(
                case, [SUBJECTS[name] for name in names], effort, lambda: progress.advance(task)
            )
            rows += own
            missing |= absent
    if rows:
        target.print(_table(rows, effort))
    for line in [*_notes(rows), *missing.values(), *_warnings(rows)]:
        target.print(line)
    configuration = {
        "cases": [vars(case) for case in cases],
        "subjects": names,
        **{name: value for name, value in vars(effort).items() if name != "seed"},
    }
    card = provenance.card(options.seed, "fused, sionna", configuration)
    paths = _write(options, rows, card, missing)
    if paths:
        target.print("Written: " + ", ".join(map(str, paths)))


def _write(
    options: SpeedOptions, rows: list[dict[str, Any]], card: dict[str, Any], missing: dict[str, str]
) -> list[Path]:
    """Rows as they were asked for; without rows there is neither table nor picture."""
    beside = {"missing": missing}
    if options.out is not None:
        paths = output.write_results(options.out, "speed", rows, card, options.json, bool(rows), beside)
        return [*paths, *(save_all(speed_figure(rows), options.out / "speed", FORMATS) if rows else [])]
    if options.json is None:
        return []
    files.write_json(options.json, {"rows": rows, **beside, "provenance": card})
    return [options.json]


def _notes(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(f"{row['subject']}: {row['note']}" for row in rows if row["note"]))


def _warnings(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{row['subject']} at {2 ** row['bits_per_symbol']}-QAM: its bit error rate {row['ber']:.3e} does "
        f"not agree with the closed form {row['theory']:.3e}, so its speed means nothing"
        for row in rows
        if row["agrees"] is False
    ]


def _table(rows: Sequence[dict[str, Any]], effort: Effort) -> Table:
    cells = [
        [
            f"{2 ** row['bits_per_symbol']}-QAM {row['demapper']}",
            row["subject"],
            f"{row['mbit_per_s']:.4g}",
            f"{row['low']:.4g} … {row['high']:.4g}",
            "" if row["ratio"] is None else f"{row['ratio']:.3g}",
            "" if row["fraction_of_rng_bound"] is None else f"{100 * row['fraction_of_rng_bound']:.3g} %",
            "" if row["ber"] is None else f"{row['ber']:.2e}",
            {True: "yes", False: "NO", None: ""}[row["agrees"]],
            row["version"],
        ]
        for row in rows
    ]
    columns = ["", "", "Mbit/s", "quartiles", "times sionna", "of rng-bound", "BER", "as theory", "version"]
    title = (
        f"The uncoded chain, median of {effort.rounds} rounds of {effort.seconds:g} s, on {effort.threads} "
        f"thread{'s' if effort.threads > 1 else ''}"
    )
    return table_of(title, columns, cells)
