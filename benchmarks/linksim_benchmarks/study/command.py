"""`linksim study`: training methods side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from linksim import LinkConfig, checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.console import console, progress_on
from linksim_benchmarks import output
from linksim_benchmarks.pictures.save import FORMATS, save_all
from linksim_benchmarks.study.finished import Place, finished
from linksim_benchmarks.study.methods import METHODS
from linksim_benchmarks.study.options import StudyOptions
from linksim_benchmarks.study.picture import FIGURES, figures
from linksim_benchmarks.study.plan import Plan, check_methods, hash_of, read_variations
from linksim_benchmarks.study.rows import (
    Rows,
    Tested,
    curve_rows,
    mean_rows,
    pair_rows,
    training_rows,
    tuning_rows,
)
from linksim_benchmarks.study.tables import markdown, methods_table, titled
from linksim_benchmarks.study.training import Record, Training
from linksim_benchmarks.study.tuning import CANDIDATES, candidates, choice, validation_accuracy
from linksim_training.data import load_data

NAME = "study"
PARTS_AS_CSV = {f"-{part}": part for part in ("means", "pairs", "tuning", "curves")}


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim study`."""
    options = parse(StudyOptions, arguments, NAME)
    plan = _plan(options)
    place = Place(options.store or options.out / f"{NAME}.sqlite", options.workers, options.cluster)
    output.check_places([*_places(options.out), place.store], options.json)
    target = console(options.quiet)
    with progress_on(target) as progress:
        tuning = plan.tuning()
        labelled = [
            (f"{method}, candidate {number + 1}, {training.snr_db:g} dB, seed {training.seed}", training)
            for (method, number), group in tuning.items()
            for training in group
        ]
        found = finished(labelled, place, "tuning", target, progress)
        tuned = _tuned(plan, tuning, found, options.tuned)
        trainings = plan.trainings(tuned)
        labelled = [
            (f"{variation}, {method}, {snr_db:g} dB, seed {seed}", training)
            for (variation, method, snr_db, seed), training in trainings.items()
        ]
        found |= finished(labelled, place, "trainings", target, progress)
    study = Tested(plan, trainings, found)
    parts: dict[str, Any] = {
        "means": mean_rows(study),
        "pairs": pair_rows(study, options.reference),
        "tuning": tuning_rows(plan, tuning, found, tuned),
        "curves": curve_rows(study),
        "tuned": tuned,
    }
    for path in _written(training_rows(study), parts, options, plan):
        target.print(f"Written: {path}")


def _places(out: Path) -> list[Path]:
    names = [f"{NAME}.json", f"{NAME}.md", *(f"{NAME}{more}.csv" for more in ("", *PARTS_AS_CSV))]
    names += [f"{NAME}-{figure}.{ending}" for figure in FIGURES for ending in FORMATS]
    return [out / name for name in names]


def _written(rows: Rows, parts: Mapping[str, Any], options: StudyOptions, plan: Plan) -> list[Path]:
    card = provenance.card(None, LinkConfig(**plan.link).backend, {"plan": asdict(plan), **parts["tuned"]})
    paths = output.write_results(options.out, NAME, rows, card, options.json, beside=parts)
    for ending, part in PARTS_AS_CSV.items():
        if parts[part]:
            paths.append(options.out / f"{NAME}{ending}.csv")
            output.write_csv(paths[-1], parts[part])
    tables = {"methods": methods_table(plan.methods)}
    tables |= markdown(parts["means"], parts["pairs"], parts["tuning"])
    paths.append(options.out / f"{NAME}.md")
    files.write_text(paths[-1], titled(tables))
    for name, figure in figures(parts, options.reference).items():
        paths += save_all(figure, options.out / f"{NAME}-{name}")
    return paths


def _plan(options: StudyOptions) -> Plan:
    for name in ("epochs", "batch_size"):
        checks.whole(f"--{name.replace('_', '-')}", getattr(options, name), 1)
    checks.whole("--draws", options.draws, 1, 255)
    if options.workers is not None:
        checks.whole("--workers", options.workers, 1, 1024)
    if options.untuned and options.tuned is not None:
        raise ValueError("--untuned takes methods as defined, --tuned as another study tuned them: give one")
    seeds = {
        name: tuple(
            dict.fromkeys(
                checks.whole(f"--{name.replace('_', '-')}", seed, 0) for seed in getattr(options, name)
            )
        )
        for name in ("seeds", "tuning_seeds")
    }
    snr_db = {
        name: tuple(dict.fromkeys(numbers(f"--{name.replace('_', '-')}", getattr(options, name))))
        for name in ("snr_db", "tuning_snr_db")
    }
    tunes = not options.untuned and options.tuned is None
    if len(seeds["seeds"]) < 2:
        raise ValueError("--seeds needs at least two: what one training gives says nothing about the next")
    if tunes and not seeds["tuning_seeds"]:
        raise ValueError("--tuning-seeds needs at least one, or give --untuned")
    defaults = LinkConfig().as_dict()
    link = {name: value for name, value in options.link.as_dict().items() if value != defaults[name]}
    return Plan(
        dataset=options.dataset,
        images=hash_of(load_data(options.dataset)),
        link=link,
        methods=check_methods(options.methods, options.reference),
        snr_db=snr_db["snr_db"],
        seeds=seeds["seeds"],
        tuning_snr_db=snr_db["tuning_snr_db"] if tunes else (),
        tuning_seeds=seeds["tuning_seeds"] if tunes else (),
        epochs=options.epochs,
        batch_size=options.batch_size,
        draws=options.draws,
        variations=read_variations(options.vary),
    )


def _tuned(
    plan: Plan,
    tuning: Mapping[tuple[str, int], Sequence[Training]],
    found: Mapping[str, Record],
    file: Path | None,
) -> dict[str, dict[str, Any]]:
    """What each method changes in its settings: its best candidate, or what a file says, or nothing."""
    if file is not None:
        return _read_tuned(plan, file)
    if not tuning:
        return {method: {} for method in plan.methods}
    chosen = {}
    for method in plan.methods:
        accuracies = [
            [validation_accuracy(found[one.key], plan.draws) for one in tuning[method, number]]
            for number in range(CANDIDATES)
        ]
        chosen[method] = candidates(METHODS[method])[choice(accuracies)]
    return chosen


def _read_tuned(plan: Plan, file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))["tuned"]
        return {method: dict(content[method]) for method in plan.methods}
    except (ValueError, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {checks.one_line(error)}"
        raise ValueError(
            f"--tuned {file} is no study.json with all methods of this study ({said})"
        ) from error
