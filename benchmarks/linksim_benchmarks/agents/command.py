"""`linksim train-agent`: agents trained, and compared with other policies."""

import json
from collections.abc import Sequence
from concurrent.futures import Future, as_completed
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.progress import Progress

from linksim import checks, files, provenance
from linksim.arguments import parse
from linksim.console import console, progress_on
from linksim_benchmarks import output
from linksim_benchmarks.agents.agent_store import Training, loaded_agents
from linksim_benchmarks.agents.learning_picture import learning_figure
from linksim_benchmarks.agents.options import TrainAgentOptions
from linksim_benchmarks.agents.pairs import ALL
from linksim_benchmarks.agents.picture import comparison_figure
from linksim_benchmarks.agents.scenario import Scenario
from linksim_benchmarks.agents.scenarios import KINDS, scenarios_of
from linksim_benchmarks.agents.tables import pairs_table, policies_table
from linksim_benchmarks.agents.work import Plan, Result, play_setting
from linksim_benchmarks.montecarlo.workers import available_cores, local_workers
from linksim_benchmarks.pictures.save import FORMATS, save_all

NAME = "train-agent"
PARTS = ("rows", "pairs", "curves")


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim train-agent`."""
    options = parse(TrainAgentOptions, arguments, NAME)
    plan = _plan(options)
    wanted = available_cores() if options.workers is None else options.workers
    workers = checks.whole("--workers", wanted, 1, 1024)
    names = [f"{NAME}{more}.csv" for more in ("", "-pairs", "-curves")]
    names += [f"{NAME}{more}.{ending}" for more in ("", "-curves") for ending in FORMATS]
    output.check_places([options.out / name for name in names], options.json)
    scenarios = scenarios_of(options)
    for scenario in scenarios:
        loaded_agents(plan.load, scenario)  # refuses files that do not fit before anything is trained
    target = console(options.quiet)
    with progress_on(target) as progress:
        results = _results(scenarios, plan, options, workers, progress)
    joined = {part: [row for result in results for row in result[part]] for part in PARTS}
    paths = _written(joined, options)
    target.print(policies_table(joined["rows"]))
    if joined["pairs"]:
        target.print(pairs_table(joined["pairs"]))
    target.print("Written: " + ", ".join(map(str, paths)))


def _plan(options: TrainAgentOptions) -> Plan:
    """What to do in every setting.

    Raises:
        TypeError, ValueError: if an option is out of range, or agents are to be trained without
            stable-baselines3.
    """
    kind = KINDS[options.env]
    for name in options.policies:
        checks.one_of(f"--policies in {options.env}", name, kind.policies)
    for name in options.agents:
        checks.one_of(f"--agents in {options.env}", name, kind.agents)
    if options.agents and find_spec("stable_baselines3") is None:
        raise ValueError("--agents needs stable-baselines3: pip install 'linksim[rl]'")
    stems = [path.stem for path in options.load]
    if len({*stems, *options.agents}) != len(stems) + len(set(options.agents)):
        raise ValueError(f"--load must give files of different names, and of none of --agents, got {stems}")
    steps = options.steps
    if steps is not None:
        steps = checks.whole("--steps", int(steps) if steps == steps // 1 else steps, 1)
    seed = checks.whole("--seed", options.seed, 0)
    count = checks.whole("--evaluation-seeds", options.evaluation_seeds, 1, 1000)
    return Plan(
        policies=options.policies or kind.policies,
        training=Training(
            agents=tuple(dict.fromkeys(options.agents)),
            steps=steps,
            seed=checks.whole("--train-seed", options.train_seed, 0),
            folder=options.out / "agents",
            overwrite=options.overwrite,
        ),
        load=options.load,
        episodes=checks.whole("--episodes", options.episodes, 2),
        seeds=tuple(range(seed, seed + count)),
    )


def _results(
    scenarios: Sequence[Scenario], plan: Plan, options: TrainAgentOptions, workers: int, progress: Progress
) -> list[Result]:
    """Results of all settings in their order; those that were finished before are read."""
    found: dict[int, Result] = {}
    places = [options.out / "settings" / f"{plan.key(scenario)[:16]}.json" for scenario in scenarios]
    for number, place in enumerate(places):
        if place.is_file() and not options.overwrite:
            found[number] = _read(place)
    left = [number for number in range(len(scenarios)) if number not in found]
    task = progress.add_task("settings", total=len(scenarios))
    progress.update(task, completed=float(len(found)))

    def keep(number: int, result: Result) -> None:
        found[number] = result
        files.write_json(places[number], result)

    with local_workers(min(workers, max(len(left), 1))) as pool:
        if workers == 1 or len(left) == 1:
            for number in left:
                base = float(len(found))
                result = play_setting(
                    scenarios[number],
                    plan,
                    lambda share, base=base: progress.update(task, completed=base + share),
                )
                keep(number, result)
        else:
            futures: dict[Future[Any], int] = {
                pool.executor.submit(play_setting, scenarios[number], plan): number for number in left
            }
            for future in as_completed(futures):
                keep(futures[future], future.result())
                progress.update(task, completed=float(len(found)))
    return [found[number] for number in range(len(scenarios))]


def _read(place: Path) -> Result:
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        return {part: content[part] for part in PARTS}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{place} is damaged: delete it, or give --overwrite") from error


def _written(joined: Result, options: TrainAgentOptions) -> list[Path]:
    """Write rows, pairs and curves, and their pictures; the paths."""
    configuration = {
        name: list(map(str, value)) if name == "load" else value
        for name, value in vars(options).items()
        if name not in ("out", "json", "quiet", "workers")
    }
    backend = "fused" if options.env == "LinkAdaptation" else "sionna"
    card = provenance.card(options.seed, backend, configuration)
    beside = {part: joined[part] for part in ("pairs", "curves")}
    paths = output.write_results(options.out, NAME, joined["rows"], card, options.json, beside=beside)
    for part in beside:
        if joined[part]:
            paths.append(options.out / f"{NAME}-{part}.csv")
            output.write_csv(paths[-1], joined[part])
    pooled = [row for row in joined["rows"] if row["evaluation_seed"] == ALL]
    paths += save_all(comparison_figure(pooled), options.out / NAME)
    if joined["curves"]:
        paths += save_all(learning_figure(joined["curves"]), options.out / f"{NAME}-curves")
    return paths
