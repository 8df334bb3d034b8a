"""`linksim plot`: stored sweeps over each other in one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from linksim import provenance
from linksim.arguments import parse
from linksim.console import console
from linksim_benchmarks import output
from linksim_benchmarks.pictures.accuracy import AccuracySweep, accuracy_figure
from linksim_benchmarks.pictures.ber import Rate, ber_figure
from linksim_benchmarks.pictures.curves import BerSweep
from linksim_benchmarks.pictures.layout import Axis
from linksim_benchmarks.pictures.save import FORMATS, Format, save_all
from linksim_benchmarks.stored import Stored, load_stored

STORES = ("ber.sqlite", "accuracy.sqlite")


@dataclass(kw_only=True)
class PlotOptions:
    """Overlay sweeps of linksim ber, or of linksim accuracy, in one picture, from what they have stored.

    A sweep that is still running, or was cut short, is drawn as far as it has come.
    """

    sweeps: tyro.conf.Positional[tuple[Path, ...]]
    """Stores, such as runs/ber/ber.sqlite, or the folders that hold them."""
    labels: tuple[str, ...] = ()
    """Names in the legend, one for each sweep; those of the folders by default."""
    axis: Axis | None = None
    """SNR of the axis below: by default ebno for bit error rates, esno for accuracies."""
    rate: Rate = "ber"
    """Error rate of bits or of frames."""
    formats: tuple[Format, ...] = FORMATS
    """Of the picture."""
    title: str = ""
    """Of the picture."""
    out: Path = Path("runs/plot")
    """Folder for the picture, plot.csv and plot.json."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim plot`."""
    options = parse(PlotOptions, arguments, "plot")
    if not options.sweeps:
        raise ValueError("nothing to plot: give stores of linksim ber or linksim accuracy, or their folders")
    if not options.formats:
        raise ValueError(f"--formats needs at least one of {', '.join(FORMATS)}")
    written = [options.out / f"plot.{ending}" for ending in ("csv", *options.formats)]
    stores = [store_of(path) for path in options.sweeps]
    output.check_places([*written, *stores], options.json)
    labels = list(options.labels) or distinct_names(stores)
    if len(labels) != len(stores):
        raise ValueError(f"--labels must name each of the {len(stores)} sweeps, got {len(labels)} names")
    if len(set(labels)) < len(labels):
        raise ValueError(f"--labels must differ from each other, got {', '.join(labels)}")
    sweeps = [load_stored(path) for path in stores]
    _check(stores, sweeps, options)
    figure = _figure(labels, sweeps, options)
    configuration = {
        "sweeps": [
            {"label": label, "store": str(path), "configuration": sweep.configuration}
            for label, path, sweep in zip(labels, stores, sweeps, strict=True)
        ]
    }
    seeds = {sweep.configuration.get("seed") for sweep in sweeps}
    card = provenance.card(seeds.pop() if len(seeds) == 1 else None, _backend(sweeps), configuration)
    rows = rows_of(labels, sweeps)
    paths = output.write_results(options.out, "plot", rows, card, options.json)
    paths += save_all(figure, options.out / "plot", options.formats)
    target = console(options.quiet)
    for label, path, sweep in zip(labels, stores, sweeps, strict=True):
        state = "" if sweep.finished else ", unfinished: hollow points go on with the command that began them"
        target.print(f"{label}: {len(sweep.rows)} rows of {path}{state}")
    target.print("Written: " + ", ".join(map(str, paths)))


def store_of(path: Path) -> Path:
    """The store that a path means.

    Args:
        path: of a store, or of the folder that holds it.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if the folder holds two.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist: give a store, such as runs/ber/ber.sqlite, or its folder"
        )
    if not path.is_dir():
        return path
    found = [path / name for name in STORES if (path / name).is_file()]
    if not found:
        raise FileNotFoundError(f"{path} holds neither {' nor '.join(STORES)}: give the folder of a sweep")
    if len(found) > 1:
        raise ValueError(f"{path} holds {' and '.join(STORES)}: give the file")
    return found[0]


def distinct_names(stores: Sequence[Path]) -> list[str]:
    """For each store the name of its folder, with as many of those above as tell it from others.

    What cannot be told apart, such as a store given twice, is numbered.
    """
    parts = [path.absolute().parent.parts for path in stores]
    longest = max(map(len, parts))
    names = [str(Path(*own[-1:])) for own in parts]
    for depth in range(2, longest + 1):
        names = [
            str(Path(*own[-depth:])) if names.count(name) > 1 else name
            for name, own in zip(names, parts, strict=True)
        ]
    return [
        f"{name} ({names[: number + 1].count(name)})" if names.count(name) > 1 else name
        for number, name in enumerate(names)
    ]


def rows_of(labels: Sequence[str], sweeps: Sequence[Stored]) -> list[dict[str, Any]]:
    """The rows of all sweeps with the label in front; a column that a sweep lacks is None there."""
    columns = dict.fromkeys(name for sweep in sweeps for row in sweep.rows for name in row)
    return [
        {"sweep": label, **{name: row.get(name) for name in columns}}
        for label, sweep in zip(labels, sweeps, strict=True)
        for row in sweep.rows
    ]


def _check(stores: Sequence[Path], sweeps: Sequence[Stored], options: PlotOptions) -> None:
    for path, sweep in zip(stores, sweeps, strict=True):
        if not sweep.rows:
            raise ValueError(f"{path} has no results yet: wait for the first, or leave it out")
        if sweep.kind != sweeps[0].kind:
            kinds = (
                f"{stores[0]} holds a sweep of linksim {sweeps[0].kind}, {path} one of linksim {sweep.kind}"
            )
            raise ValueError(f"{kinds}: plot them apart")
    if sweeps[0].kind != "ber" and options.rate != "ber":
        raise ValueError("--rate means something to sweeps of linksim ber only: leave it out")


def _figure(labels: Sequence[str], sweeps: Sequence[Stored], options: PlotOptions) -> Any:
    shown = [""] if len(sweeps) == 1 and not options.labels else labels
    pairs = list(zip(shown, sweeps, strict=True))
    if sweeps[0].kind == "ber":
        of_ber = [BerSweep(label, sweep.rows, sweep.points) for label, sweep in pairs]
        return ber_figure(of_ber, options.axis or "ebno", options.rate, options.title)
    of_accuracy = [
        AccuracySweep(label, sweep.rows + sweep.constant_rows, sweep.trained_at) for label, sweep in pairs
    ]
    return accuracy_figure(of_accuracy, options.axis or "esno", options.title)


def _backend(sweeps: Sequence[Stored]) -> str:
    """Names of the backends of all rows."""
    return ", ".join(sorted({row.get("backend", "sionna") for sweep in sweeps for row in sweep.rows}))
