"""What `linksim train` can be told, and where its defaults come from: the command, a preset, or a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from linksim import LinkConfig, checks
from linksim.arguments import parse
from linksim_training.config import TrainConfig, check_routed
from linksim_training.options.codebook import CodebookOptions
from linksim_training.options.gradient import GradientOptions
from linksim_training.options.loss_weights import LossWeights
from linksim_training.options.modes import ModeOptions
from linksim_training.options.monitoring import Monitoring
from linksim_training.options.optimisation import Devices, Optimisation
from linksim_training.options.schedule import Schedule
from linksim_training.presets import PRESETS, Preset
from linksim_training.run_folder import RunFolder

GROUPS = ("schedule", "gradient", "loss", "codebook", "optimisation", "monitoring", "devices")


@dataclass(kw_only=True)
class RunOptions:
    """Data and output."""

    dataset: str = "mnist5k"
    """mnist5k, digits, mnist, fashion-mnist, cifar10, or the path of an .npz with x_train, y_train, x_test,
    y_test."""
    data_dir: Path | None = None
    """Where mnist, fashion-mnist and cifar10 lie, or are downloaded to; by default the folder that
    LINKSIM_DATA names, or ~/.cache/linksim."""
    preset: Preset = "basic"
    """Defaults to start from; options given beside it win."""
    snr_db: float = 8.0
    """Es/N0 in dB of training, validation and test."""
    batch_size: int = 64
    """Frames per training step, over all processes."""
    threads: int = 1
    """CPU threads. More change the last bits, help small models little, and hurt where cores are shared."""
    run_dir: Path = Path("runs/train")
    """Folder for everything the run writes."""
    overwrite: bool = False
    """Replace a run that the folder already holds."""
    resume: bool = False
    """Go on with the run that the folder holds, with its settings; the result is that of an unbroken run."""
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
    routing: ModeOptions = field(default_factory=ModeOptions)
    schedule: Schedule = field(default_factory=Schedule)
    gradient: GradientOptions = field(default_factory=GradientOptions)
    loss: LossWeights = field(default_factory=LossWeights)
    codebook: CodebookOptions = field(default_factory=CodebookOptions)
    optimisation: Optimisation = field(default_factory=Optimisation)
    monitoring: Monitoring = field(default_factory=Monitoring)
    devices: Devices = field(default_factory=Devices)

    @property
    def config(self) -> TrainConfig:
        """The settings of the trainer."""
        return TrainConfig(
            **{name: one for group in GROUPS for name, one in vars(getattr(self, group)).items()}
        )

    def as_dict(self) -> dict[str, Any]:
        """What defines the result: data, batch size, link and settings; not where it is written."""
        return {
            "dataset": self.run.dataset,
            "preset": self.run.preset,
            "batch_size": self.run.batch_size,
            "threads": self.run.threads,
            "snr_db": self.run.snr_db,
            "link": self.link.as_dict(),
            **({"routing": self._routing()} if self.routing.modes else {}),
            "training": self.config.as_dict(),
        }

    def _routing(self) -> dict[str, Any]:
        return {"modes": list(self.routing.modes), "header_symbols": self.routing.header_symbols}

    def as_record(self) -> dict[str, Any]:
        """What a resumed run starts from: that, and whether it trains the baseline."""
        return {**self.as_dict(), "skip_noiseless": self.run.skip_noiseless}

    def take(self, settings: Mapping[str, Any]) -> None:
        """Set options of the trainer and the link by name."""
        link = {name: value for name, value in settings.items() if name in self.link.as_dict()}
        self.link = LinkConfig(**{**self.link.as_dict(), **link})
        for group in (getattr(self, name) for name in GROUPS):
            for one in fields(group):
                if one.name in settings:
                    value = settings[one.name]
                    setattr(group, one.name, tuple(value) if isinstance(value, list) else value)


def read_options(arguments: Sequence[str]) -> TrainOptions:
    """Read the command line.

    The preset, or with --resume the run, sets the defaults of the other options.

    Raises:
        ValueError: if an option cannot be read, or differs from the run that is to go on.
    """
    options = TrainOptions()
    recorded = None
    run_dir = _last(arguments, "--run-dir") or str(options.run.run_dir)
    if "--resume" in arguments:
        recorded = RunFolder(run_dir, resume=True).config()
    if recorded is not None:
        _take_run(options, recorded, run_dir)
    preset = _last(arguments, "--preset")
    if preset is not None:
        options.run.preset = checks.one_of("--preset", preset, PRESETS)  # type: ignore[assignment]
        if recorded is None:  # a run that goes on has its settings, of which the preset was the start
            options.take(PRESETS[preset])
    options = parse(TrainOptions, _without_idle_flags(arguments, options), "train", default=options)
    checks.whole("--batch-size", options.run.batch_size, 1)
    checks.whole("--threads", options.run.threads, 1, 1024)
    checks.real("--snr-db", options.run.snr_db)
    if options.run.resume and options.run.overwrite:
        raise ValueError("--resume goes on with a run and --overwrite replaces it: give one of them")
    if options.routing.pairs:
        check_routed(options.config)
        for name in ("--codebook-size", "--bits-per-symbol"):
            if _last(arguments, name) is not None:
                raise ValueError(f"--modes say codebook sizes and bits per symbol: leave {name} out")
    if recorded is not None:
        _check_same(options, recorded)
    return options


def _take_run(options: TrainOptions, recorded: dict[str, Any], folder: str) -> None:
    try:
        for name in ("dataset", "preset", "batch_size", "threads", "snr_db"):
            setattr(options.run, name, recorded[name])
        options.run.skip_noiseless = bool(recorded.get("skip_noiseless", False))
        options.take({**recorded["link"], **recorded["training"]})
        routing = recorded.get("routing", {"modes": []})
        options.routing = ModeOptions(**{**routing, "modes": tuple(routing["modes"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder}/config.json does not hold the settings of a run of this version ({error}): start "
            "again with --overwrite"
        ) from error


def _check_same(options: TrainOptions, recorded: dict[str, Any]) -> None:
    """Refuse to go on with other settings; devices may change, since they change nothing but rounding."""
    given, before = (_flat(one) for one in (json.loads(json.dumps(options.as_dict())), recorded))
    for name in {one.name for one in fields(Devices)} - {"precision"}:
        given.pop(name, None)
        before.pop(name, None)
    different = [name for name in given if given[name] != before.get(name)]
    if different:
        name = different[0]
        raise ValueError(
            f"--{name.replace('_', '-')} is {given[name]!r}, but the run in {options.run.run_dir} has "
            f"{before.get(name)!r}: leave it out to go on, or start anew with --overwrite"
        )


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    groups = ("link", "routing", "training")
    flat = {name: value for name, value in settings.items() if name not in groups}
    for group in groups:
        flat |= settings.get(group, {})
    return flat


def _last(arguments: Sequence[str], option: str) -> str | None:
    """The last value given to an option, as in "--option value" or "--option=value"."""
    words = [word for one in arguments for word in (one.split("=", 1) if one.startswith("--") else [one])]
    given = [value for word, value in pairwise(words) if word.replace("_", "-") == option]
    return given[-1] if given else None


def _without_idle_flags(arguments: Sequence[str], options: TrainOptions) -> list[str]:
    """Leave out flags that the preset or the run has set already, which are no options of the parser."""
    idle = set()
    for group in (getattr(options, name) for name in GROUPS):
        for one in fields(group):
            value = getattr(group, one.name)
            if isinstance(value, bool):
                idle.add(f"--{'' if value else 'no_'}{one.name}".replace("_", "-"))
    if options.run.skip_noiseless:
        idle.add("--skip-noiseless")
    return [word for word in arguments if word.replace("_", "-") not in idle]
