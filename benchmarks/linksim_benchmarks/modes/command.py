"""`linksim modes`: accuracy against symbols of models with several modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.progress import Progress
from torch import nn

from linksim import checks, provenance
from linksim.arguments import numbers, parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import output
from linksim_benchmarks.modes.choices import Choice, fixed, routed
from linksim_benchmarks.modes.outcomes import Outcomes, outcomes
from linksim_benchmarks.modes.picture import modes_figure
from linksim_benchmarks.modes.rows import Policy, row
from linksim_benchmarks.pictures.save import FORMATS, save_all
from linksim_training.checkpoints import RoutedCheckpoint, load_routed_checkpoint
from linksim_training.data import ImageData, load_data
from linksim_training.router_fit import fit_router, losses_of_modes


@dataclass(kw_only=True)
class ModesOptions:
    """Report what models with several modes reach, and at which rate.

    Every image of the test part is sent in every mode on the same draws. Reported are the fixed modes, the
    router as trained, and routers that were fitted to other prices of a symbol on the training part, with
    all else as it is; each beside the line that random switching between the fixed modes reaches at the same
    mean number of symbols.
    """

    checkpoints: tyro.conf.Positional[tuple[Path, ...]]
    """Checkpoints of linksim train --modes with the same modes, such as those of several seeds."""
    snr_db: tuple[str, ...] = ("0:20:1",)
    """Es/N0 in dB: numbers, or ranges from:to:step with the end included."""
    lambda_sym: tuple[str, ...] = ("0", "0.0005", "0.001", "0.002", "0.004", "0.008", "0.016")
    """Prices of a symbol in nats that routers are fitted to, each on the range of SNRs of the training."""
    draws: int = 5
    """Transmissions of every image in every mode at every SNR."""
    fit_draws: int = 4
    """Transmissions of every training image that routers are fitted to."""
    dataset: str | None = None
    """Data set; that of the training by default."""
    threads: int = 1
    """CPU threads."""
    seed: int = 0
    """Root of the random streams."""
    out: Path = Path("runs/modes")
    """Folder for modes.csv, modes.json and pictures."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim modes`."""
    options = parse(ModesOptions, arguments, "modes")
    snr_db = list(dict.fromkeys(numbers("--snr-db", options.snr_db)))
    prices = [
        checks.real("--lambda-sym", one, least=0) for one in numbers("--lambda-sym", options.lambda_sym)
    ]
    for name in ("draws", "fit_draws", "threads"):
        checks.whole(f"--{name.replace('_', '-')}", getattr(options, name), 1)
    checks.whole("--seed", options.seed, 0)
    output.check_places([options.out / f"modes.{ending}" for ending in ("csv", *FORMATS)], options.json)
    torch.set_num_threads(options.threads)
    models, data = _load(options)
    target = console(options.quiet)
    with progress_on(target) as progress:
        rows = _rows(models, data, snr_db, list(dict.fromkeys(prices)), options, progress)
    links = models[0].model.link
    configuration = {
        "checkpoints": [str(path) for path in options.checkpoints],
        "training": [one.metadata["options"] for one in models],
        "dataset": data.name,
        "snr_db": snr_db,
        "lambda_sym": prices,
        "draws": options.draws,
        "fit_draws": options.fit_draws,
    }
    card = provenance.card(options.seed, links.link_of(0).modem.backend, configuration)
    names = [
        f"K={size}, {links.link_of(number).modem.modulation_name}"
        for number, (size, _) in enumerate(links.modes)
    ]
    beside = {"modes": [list(mode) for mode in links.modes], "symbols": links.symbols.tolist()}
    paths = output.write_results(options.out, "modes", rows, card, options.json, beside=beside)
    paths += save_all(modes_figure(rows, names), options.out / "modes")
    _show(rows, names, target)
    target.print("Written: " + ", ".join(map(str, paths)))


def _load(options: ModesOptions) -> tuple[list[RoutedCheckpoint], ImageData]:
    if not options.checkpoints:
        raise ValueError("give at least one checkpoint, such as runs/train/checkpoints/best_hard_model.pt")
    models = [load_routed_checkpoint(path) for path in options.checkpoints]
    for path, one in zip(options.checkpoints, models, strict=True):
        mine, first = one.model.link, models[0].model.link
        if (mine.modes, mine.config, mine.longest) != (first.modes, first.config, first.longest):
            raise ValueError(
                f"{path} has other modes, or another link, than {options.checkpoints[0]}: report on them "
                "apart"
            )
        settings = _training_of(one, path)
        if settings[0] != _training_of(models[0])[0]:
            raise ValueError(
                f"{path} has another --lambda-sym than {options.checkpoints[0]}: report on them apart"
            )
        if one.metadata["data"] != models[0].metadata["data"]:
            raise ValueError(f"{path} has other data than {options.checkpoints[0]}: report on them apart")
    data = load_data(models[0].metadata["data"] if options.dataset is None else options.dataset)
    for path, one in zip(options.checkpoints, models, strict=True):
        assert one.model.spec is not None
        if tuple(one.model.spec["image_shape"]) != data.image_shape:
            shape = tuple(one.model.spec["image_shape"])
            raise ValueError(f"{data.name} has images of shape {data.image_shape}, but {path} takes {shape}")
    return models, data


def _training_of(checkpoint: RoutedCheckpoint, path: Path | str = "") -> tuple[float, tuple[float, float]]:
    """λ_sym of a training, and the range of its Es/N0 in dB.

    Raises:
        ValueError: if the checkpoint does not say, or not on which data.
    """
    try:
        metadata = checkpoint.metadata
        training, snr_db = metadata["options"]["training"], metadata["snr_db"]
        low, high = training["snr_db_range"] or (snr_db, snr_db)
        if not isinstance(metadata["data"], str):
            raise TypeError("data must be a name")
        return float(training["lambda_sym"]), (float(low), float(high))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} was not written by linksim train: its metadata do not fit ({error})"
        ) from error


def _rows(
    models: Sequence[RoutedCheckpoint],
    data: ImageData,
    snr_db: list[float],
    prices: Sequence[float],
    options: ModesOptions,
    progress: Progress,
) -> list[dict[str, Any]]:
    task = progress.add_task("models", total=float(len(models)))
    routers: dict[Policy, list[nn.Module]] = {}
    sent: list[list[Outcomes]] = []
    for number, one in enumerate(models):
        price, (low, high) = _training_of(one)
        routers.setdefault(Policy("router", price=price), []).append(one.model.link.router)
        frames = losses_of_modes(
            one.model,
            data.x_train,
            data.y_train,
            (low, high),
            options.fit_draws,
            options.seed,
            lambda share, number=number: progress.update(task, completed=number + 0.3 * share),
        )
        for place, price in enumerate(prices):
            router = fit_router(one.model, frames, price, options.seed)
            routers.setdefault(Policy("refitted", price=price), []).append(router)
            progress.update(task, completed=number + 0.3 + 0.4 * (place + 1) / len(prices))
        sent.append(
            outcomes(
                one.model,
                data.x_test,
                data.y_test,
                snr_db,
                options.draws,
                options.seed,
                lambda share, number=number: progress.update(task, completed=number + 0.7 + 0.3 * share),
            )
        )
    rows = []
    for place in range(len(snr_db)):
        here = [of_model[place] for of_model in sent]
        rows += [
            row(Policy("fixed", mode=mode), here, [fixed(one, mode) for one in here])
            for mode in range(len(here[0].symbols))
        ]
        for policy, own in routers.items():
            choices: list[Choice] = [routed(one, router) for one, router in zip(here, own, strict=True)]
            rows.append(row(policy, here, choices))
    return rows


def _show(rows: Sequence[dict[str, Any]], names: Sequence[str], target: Console) -> None:
    cells = []
    for one in rows:
        if one["policy"] == "fixed":
            name = names[one["mode"]]
        else:
            name = f"{one['policy']}, λ_sym {one['lambda_sym']:g}"
        shares = " / ".join(f"{100 * one[f'usage_{mode}']:.0f}" for mode in range(len(names)))
        cells.append(
            [
                f"{one['snr_db']:g}",
                name,
                f"{one['symbols']:.1f}",
                f"{one['bits']:.1f}",
                f"{100 * one['accuracy']:.2f}",
                f"{100 * one['low']:.2f} … {100 * one['high']:.2f}",
                shares,
                f"{100 * one['above_line']:+.2f} ({100 * one['above_line_low']:+.2f} … "
                f"{100 * one['above_line_high']:+.2f})",
            ]
        )
    columns = ["Es/N0 dB", "modes", "symbols", "bits", "accuracy %", "95 %", "usage %", "above the line"]
    title = f"{rows[0]['models']} models, {rows[0]['images']} images, {rows[0]['draws']} draws"
    target.print(table_of(title, columns, cells))
