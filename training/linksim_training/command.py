"""`linksim train`: two-phase training, both paths tested, the run written to a folder."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from linksim import LinkConfig, checks, files, provenance
from linksim.arguments import parse
from linksim.console import console, progress_on, table_of
from linksim.seeds import stream
from linksim_training import report
from linksim_training.checkpoints import load_checkpoint
from linksim_training.config import PRESETS, LossWeights, Optimisation, Schedule, TrainConfig
from linksim_training.data import ImageData, load_data
from linksim_training.evaluate import evaluate
from linksim_training.loop import fit, make_fabric
from linksim_training.model import SemanticModel, build_model
from linksim_training.noiseless import LEARNING_RATE_FACTORS, fit_noiseless
from linksim_training.run_folder import RunFolder
from linksim_training.summary import summarise


@dataclass(kw_only=True)
class RunOptions:
    """Data and output."""

    dataset: str = "mnist5k"
    """mnist5k, digits, or the path of an .npz with x_train, y_train, x_test, y_test."""
    preset: Literal["basic", "conservative", "aggressive", "note"] = "basic"
    """Defaults to start from; options given beside it win."""
    snr_db: float = 8.0
    """Es/N0 in dB of training, validation and test."""
    batch_size: int = 64
    """Frames per training step."""
    threads: int = 1
    """CPU threads. More change the last bits, help small models little, and hurt where cores are shared."""
    run_dir: Path = Path("runs/train")
    """Folder for everything the run writes."""
    overwrite: bool = False
    """Replace a run that the folder already holds."""
    skip_noiseless: bool = False
    """Do not train the baseline without a link."""
    json: Path | None = None
    """Also write the summary here, for machines."""
    quiet: bool = False
    """Print the result only."""


@dataclass(kw_only=True)
class TrainOptions:
    """Train a semantic model over a digital link in two phases.

    Phase LEARNING trains the soft path; phase ALIGNMENT transmits hard and goes backward softly. The test
    part is then sent over both paths on the same draws.
    """

    run: RunOptions = field(default_factory=RunOptions)
    link: LinkConfig = field(default_factory=LinkConfig)
    schedule: Schedule = field(default_factory=Schedule)
    loss: LossWeights = field(default_factory=LossWeights)
    optimisation: Optimisation = field(default_factory=Optimisation)

    @property
    def config(self) -> TrainConfig:
        """The settings of the trainer."""
        return TrainConfig(**vars(self.schedule), **vars(self.loss), **vars(self.optimisation))

    def as_dict(self) -> dict[str, Any]:
        """What defines the result: data, batch size, link and settings; not where it is written."""
        return {
            "dataset": self.run.dataset,
            "preset": self.run.preset,
            "batch_size": self.run.batch_size,
            "threads": self.run.threads,
            "snr_db": self.run.snr_db,
            "link": self.link.as_dict(),
            "training": self.config.as_dict(),
        }


def read_options(arguments: Sequence[str]) -> TrainOptions:
    """Read the command line; the preset sets the defaults of the other options."""
    options = TrainOptions()
    words = [
        word for one in arguments for word in (one.split("=", 1) if one.startswith("--preset=") else [one])
    ]
    given = [value for word, value in pairwise(words) if word == "--preset"]
    if given:
        name = checks.one_of("--preset", given[-1], PRESETS)
        options.run.preset = name  # type: ignore[assignment]
        for setting, value in PRESETS[name].items():
            for group in (options.schedule, options.loss, options.optimisation):
                if hasattr(group, setting):
                    setattr(group, setting, value)
    options = parse(TrainOptions, arguments, "train", default=options)
    checks.whole("--batch-size", options.run.batch_size, 1)
    checks.whole("--threads", options.run.threads, 1, 1024)
    checks.real("--snr-db", options.run.snr_db)
    return options


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim train`."""
    options = read_options(arguments)
    config = options.config
    files.check_writable(options.run.run_dir / "summary.json", options.run.json)
    make_fabric(config)
    torch.set_num_threads(options.run.threads)
    data = load_data(options.run.dataset)
    folder = RunFolder(options.run.run_dir, options.run.overwrite)
    target = console(options.run.quiet)
    model = build_model(data.image_shape, data.classes, options.link, config.seed)
    target.print(_introduction(data, model, options))
    if config.alignment_start_epoch > config.epochs:
        print(
            f"Warning: --alignment-start-epoch {config.alignment_start_epoch} lies beyond --epochs "
            f"{config.epochs}: there is no ALIGNMENT phase",
            file=sys.stderr,
        )
    with progress_on(target) as progress:
        summary = _train(model, data, options, folder, target, progress)
    folder.write_summary(summary)
    if options.run.json is not None:
        files.write_json(options.run.json, {"summary": summary})
    console().print(result_table(summary))
    target.print(f"Run folder: {folder.path}")


def _train(
    model: SemanticModel,
    data: ImageData,
    options: TrainOptions,
    folder: RunFolder,
    target: Console,
    progress: Progress,
) -> dict[str, Any]:
    config, snr_db, batch_size = options.config, options.run.snr_db, options.run.batch_size
    train = data.loader("train", batch_size, stream(config.seed, "order"))
    metadata = {"data": data.name, "snr_db": snr_db, "options": options.as_dict()}
    training = progress.add_task("training", total=config.epochs * len(train))

    def on_epoch(model: SemanticModel, row: dict[str, Any]) -> None:
        if row["epoch"] == 1:  # a training that fails before leaves an earlier run alone
            folder.write_config(options.as_dict())
        folder.add_epoch(model, row, metadata)
        target.print(report.epoch_lines(row))
        if row["epoch"] + 1 == config.alignment_start_epoch <= config.epochs:
            for name in ("vq_temp", "symbol_temp"):
                line = report.jump_warning(row[name], getattr(config, name)(row["epoch"] + 1), name)
                if line is not None:
                    target.print(line)

    history = fit(
        model,
        train,
        data.loader("validation", 500),
        config,
        snr_db=snr_db,
        on_epoch=on_epoch,
        on_batch=lambda: progress.advance(training),
    )
    device = model.link.codebook.device
    noiseless = None
    if not options.run.skip_noiseless:
        steps = len(LEARNING_RATE_FACTORS) * config.epochs * len(train)
        baseline = progress.add_task("noiseless baseline", total=steps)
        assert model.spec is not None
        noiseless = fit_noiseless(
            data, model.spec, config, batch_size, device, lambda: progress.advance(baseline)
        )
    deployed = load_checkpoint(folder.checkpoints / "best_hard_model.pt")
    test = evaluate(
        deployed.model.to(device),
        data.loader("test", 500),
        snr_db,
        stream(config.seed, "test draws"),
        config,
        "ALIGNMENT",
    )
    summary = summarise(deployed.model, test, history, snr_db, noiseless)
    return {
        **summary,
        "checkpoint": "checkpoints/best_hard_model.pt",
        "checkpoint_epoch": deployed.metadata["epoch"],
        "provenance": provenance.card(config.seed, deployed.model.link.modem.backend, options.as_dict()),
    }


def _introduction(data: ImageData, model: SemanticModel, options: TrainOptions) -> str:
    layout = model.link.layout
    sizes = "/".join(str(len(data.part(part)[1])) for part in ("train", "validation", "test"))
    shape = " x ".join(map(str, data.image_shape))
    return (
        f"{data.name}: {sizes} images for training/validation/test, {shape}, {data.classes} classes\n"
        f"link: {layout.tokens} tokens x {layout.bits_per_token} bits = {layout.information_bits} bits in "
        f"{layout.symbols} symbols of {model.link.modem.modulation_name}, {options.link.channel}, "
        f"Es/N0 {options.run.snr_db:g} dB (Eb/N0 {layout.ebno_db(options.run.snr_db):.2f} dB)"
    )


def result_table(summary: dict[str, Any]) -> Table:
    """The result of a run as a table of accuracies and paired differences, with intervals in percent."""
    title = f"Test accuracy, {summary['samples']} images, Es/N0 {summary['snr_db']:g} dB, 95 % intervals"
    rows = {
        "hard, posterior-mean receiver": "hard_mean",
        "hard, MAP receiver": "hard_map",
        "soft": "soft",
        "noiseless (no link)": "noiseless",
        "gap: soft minus hard, paired": "gap",
        "noiseless minus hard, paired": "noiseless_gap",
    }
    cells = []
    for label, name in rows.items():
        if name in summary:
            figure = summary[name]
            value, low, high = figure.get("accuracy", figure.get("value")), figure["low"], figure["high"]
            cells.append([label, f"{100 * value:.1f}", f"{100 * low:.1f} … {100 * high:.1f}"])
    return table_of(title, ["path", "percent", "interval"], cells)
