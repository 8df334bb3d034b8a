"""`linksim train-agent`: policies compared in the environments."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.progress import Progress

from linksim import checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import output
from linksim_benchmarks.agents import link_adaptation, transmit
from linksim_benchmarks.agents.picture import comparison_figure
from linksim_benchmarks.montecarlo.chunk import versions
from linksim_benchmarks.montecarlo.workers import available_cores, local_workers
from linksim_benchmarks.pictures.save import FORMATS, save_all

RESULTS = 1
"""Goes up when environments or policies give other results: what was finished before is played again then."""

Job = tuple[Callable[..., list[dict[str, Any]]], Any]


@dataclass(kw_only=True)
class TrainAgentOptions:
    """Compare policies in an environment, all on the same episodes; agents are not trained yet.

    LinkAdaptation: every fixed scheme, inner-loop and outer-loop link adaptation (Sionna's), SNR thresholds
    tuned on other episodes, and a genie that knows the SNR of the coming slot. Transmit: random bits, the
    link's own labels, and the bits with the least expected distortion.
    """

    env: Literal["LinkAdaptation", "Transmit"] = "LinkAdaptation"
    """Which environment."""
    policies: tuple[str, ...] = ()
    """Of fixed, inner-loop, outer-loop, thresholds, genie; or of random, labels, best. By default all."""
    correlation: tuple[str, ...] = ("0.99",)
    """LinkAdaptation: correlations of neighbouring slots, from 0 to 1."""
    report_bias_db: tuple[str, ...] = ("0",)
    """LinkAdaptation: mean errors of the SNR report in dB; above 0 it is optimistic."""
    coded: bool = True
    """LinkAdaptation: schemes with LDPC code, or 5 modulations without."""
    snr_db: tuple[str, ...] = ("0", "5", "10", "20")
    """Transmit: Es/N0 in dB."""
    episodes: int = 64
    """Episodes of 200 steps for each policy in each setting."""
    workers: int | None = None
    """Processes, a setting each; all cores by default. Results do not depend on it."""
    seed: int = 0
    """Root of the random streams."""
    out: Path = Path("runs/train-agent")
    """Folder for train-agent.csv, train-agent.json, pictures, and the settings that are finished, from which
    the same command goes on."""
    overwrite: bool = False
    """Play settings again that are finished."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim train-agent`."""
    options = parse(TrainAgentOptions, arguments, "train-agent")
    names = link_adaptation.POLICIES if options.env == "LinkAdaptation" else transmit.POLICIES
    for name in options.policies:
        checks.one_of(f"--policies in {options.env}", name, names)
    checks.whole("--episodes", options.episodes, 2)
    checks.whole("--seed", options.seed, 0)
    wanted = available_cores() if options.workers is None else options.workers
    workers = checks.whole("--workers", wanted, 1, 1024)
    output.check_places([options.out / f"train-agent.{ending}" for ending in ("csv", *FORMATS)], options.json)
    jobs = _jobs(options)
    target = console(options.quiet)
    asked = list(options.policies or names)
    with progress_on(target) as progress:
        rows = _played(jobs, asked, options, workers, progress)
    configuration = {
        name: value
        for name, value in vars(options).items()
        if name not in ("out", "json", "quiet", "workers")
    }
    backend = "fused" if options.env == "LinkAdaptation" else "sionna"
    card = provenance.card(options.seed, backend, configuration)
    paths = output.write_results(options.out, "train-agent", rows, card, options.json)
    paths += save_all(comparison_figure(rows), options.out / "train-agent")
    target.print(_table(rows))
    target.print("Written: " + ", ".join(map(str, paths)))


def _jobs(options: TrainAgentOptions) -> list[Job]:
    """What to play: a function and its setting, one after the other."""
    if options.env == "Transmit":
        return [(transmit.compare, snr) for snr in dict.fromkeys(numbers("--snr-db", options.snr_db))]
    found: list[Job] = []
    for correlation in dict.fromkeys(numbers("--correlation", options.correlation)):
        for bias in dict.fromkeys(numbers("--report-bias-db", options.report_bias_db)):
            setting = link_adaptation.Setting(options.coded, correlation, bias)
            setting.env(1)  # refuses what is out of range before anything is played
            found.append((link_adaptation.compare, setting))
    return found


def _played(
    jobs: Sequence[Job], names: Sequence[str], options: TrainAgentOptions, workers: int, progress: Progress
) -> list[dict[str, Any]]:
    """Rows of all settings in their order; those that were finished before are read."""
    found: dict[int, list[dict[str, Any]]] = {}
    places = [_place(options, job, names) for job in jobs]
    for number, place in enumerate(places):
        if place.is_file() and not options.overwrite:
            found[number] = _rows_in(place)
    left = [number for number in range(len(jobs)) if number not in found]
    task = progress.add_task("settings", total=len(jobs))
    progress.update(task, completed=float(len(found)))

    def keep(number: int, rows: list[dict[str, Any]]) -> None:
        found[number] = rows
        files.write_json(places[number], {"rows": rows})

    common = (names, options.episodes, options.seed)
    with local_workers(min(workers, max(len(left), 1))) as pool:
        if workers == 1 or len(left) == 1:
            for number in left:
                base = float(len(found))
                function, setting = jobs[number]
                rows = function(
                    setting, *common, lambda share, base=base: progress.update(task, completed=base + share)
                )
                keep(number, rows)
        else:
            futures: dict[Future[Any], int] = {
                pool.executor.submit(jobs[number][0], jobs[number][1], *common): number for number in left
            }
            for future in as_completed(futures):
                keep(futures[future], future.result())
                progress.update(task, completed=float(len(found)))
    return [row for number in range(len(jobs)) for row in found[number]]


def _rows_in(place: Path) -> list[dict[str, Any]]:
    try:
        return json.loads(place.read_text(encoding="utf-8"))["rows"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{place} is damaged: delete it, or give --overwrite") from error


def _place(options: TrainAgentOptions, job: Job, names: Sequence[str]) -> Path:
    """Where the rows of a setting are kept."""
    setting = job[1] if isinstance(job[1], float) else vars(job[1])
    content = {
        "env": options.env,
        "setting": setting,
        "policies": sorted(names),
        "episodes": options.episodes,
        "seed": options.seed,
        "versions": dict(versions()),
        "results": RESULTS,
    }
    return options.out / "settings" / f"{provenance.configuration_hash(content)[:16]}.json"


def _table(rows: Sequence[dict[str, Any]]) -> Any:
    cells = [
        [
            _setting(row),
            row["policy"],
            f"{row['mean_return']:.4g}",
            f"{row['low']:.4g} … {row['high']:.4g}",
            f"{row['difference']:+.3g}",
            f"{row['difference_low']:+.3g} … {row['difference_high']:+.3g}",
        ]
        for row in rows
    ]
    columns = ["", "policy", "mean return", "95 % interval", f"minus {rows[0]['reference']}", "95 % interval"]
    return table_of(f"{rows[0]['env']}, {rows[0]['episodes']} episodes", columns, cells)


def _setting(row: dict[str, Any]) -> str:
    if row["env"] == "Transmit":
        return f"{row['snr_db']:g} dB"
    return f"ρ {row['correlation']:g}, bias {row['report_bias_db']:+g} dB"
