"""`linksim accuracy`: accuracy against SNR, hard and soft, beside baselines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console

from linksim import checks, provenance
from linksim.arguments import numbers, parse
from linksim.console import console, table_of
from linksim_benchmarks import checkpoint_data, output
from linksim_benchmarks.accuracy import model_points
from linksim_benchmarks.accuracy_baselines import BaselineName, baseline_sweep
from linksim_benchmarks.accuracy_rows import rows as accuracy_rows
from linksim_benchmarks.image_point import BLOCK, ImagePoint, PathSetting
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.pictures.accuracy import AccuracySweep, accuracy_figure
from linksim_benchmarks.pictures.save import save_all
from linksim_benchmarks.sweep_options import SweepOptions, check_usable, folder_of, results, run_stored

USUAL_FOLDER = Path("runs/accuracy")
OPEN_DRAWS = 100


@dataclass(kw_only=True)
class AccuracyOptions:
    """Test a trained model over a range of SNRs, every path on the same draws, beside baselines."""

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint, such as runs/demo/checkpoints/best_hard_model.pt."""
    snr_db: tuple[str, ...] = ("-6:16:2",)
    """Es/N0 in dB: numbers, or ranges from:to:step with the end included."""
    paths: tuple[Literal["hard", "map", "soft"], ...] = ("hard", "map", "soft")
    """Hard as configured, hard with the MAP receiver, soft. Stopping looks at the first."""
    draws: int | None = None
    """Transmissions of every image at most; by default 1, or 100 with --target-errors or --relative-width."""
    max_bits: float | None = None
    """Information bits at each point at most, rounded up to whole passes through the images."""
    baselines: tuple[BaselineName, ...] | None = None
    """What to compare with: the network without a link, end-to-end straight-through training, separate source
    and channel coding over as many symbols, an image codec at its smallest size. They are fitted or trained
    first. By default the first, if the training left it beside the checkpoint."""
    vq_temp: tuple[float, ...] = ()
    """Temperatures of the soft path's assignment; that of the checkpoint by default."""
    symbol_temp: tuple[float, ...] = ()
    """Temperatures of the soft path's symbols; that of the checkpoint by default."""
    dataset: str | None = None
    """Data set whose test part is sent; that of the training by default."""
    seed: int = 0
    """Root of the random streams."""
    out: Path | None = None
    """Folder for accuracy.csv, accuracy.json, pictures, and accuracy.sqlite, from which an interrupted sweep
    goes on; runs/accuracy by default or, if that holds another sweep, a folder beside it."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""
    sweep: SweepOptions = field(default_factory=SweepOptions)


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim accuracy`."""
    options = parse(AccuracyOptions, arguments, "accuracy")
    usual = options.out or USUAL_FOLDER
    output.check_places(results("accuracy", usual), options.json)
    snr_db = list(dict.fromkeys(numbers("--snr-db", options.snr_db)))
    checks.whole("--seed", options.seed, 0)
    if not options.paths:
        raise ValueError("--paths needs at least one of hard, map, soft")
    checkpoint, data = checkpoint_data.load(options.checkpoint, options.dataset)
    pairs = checkpoint_data.temperatures(checkpoint.model, options.vq_temp, options.symbol_temp)
    target = console(options.quiet)
    if options.out is not None:
        check_usable(options.out / "accuracy.sqlite")  # before baselines are trained in vain
    points: list[ImagePoint] = list(
        model_points(options.checkpoint, options.dataset, snr_db, settings(options.paths, pairs))
    )
    rule = _rule(options, points[0])
    baselines = baseline_sweep(
        options.baselines,
        options.checkpoint,
        checkpoint,
        data,
        options.dataset,
        snr_db,
        usual,
        target,
    )
    points += baselines.points
    sweep = Sweep("accuracy", points, options.seed, _settings(points))
    folder = folder_of(options.out, USUAL_FOLDER, "accuracy.sqlite", sweep)
    store = folder / "accuracy.sqlite"
    output.check_places(results("accuracy", folder), options.json)
    notes = {"constant_rows": baselines.constant_rows, "trained_at": checkpoint.metadata.get("snr_db")}
    progress = run_stored(sweep, rule, options.sweep, store, target, "Wrong classifications", notes)
    rows = accuracy_rows(progress, options.sweep.interval)
    if not rows:
        target.print("The time limit ended the sweep before the first point: the same command goes on.")
        return
    configuration = {
        **sweep.configuration(),
        "training": checkpoint.metadata["options"],
        "epoch": checkpoint.metadata["epoch"],
        "dataset": data.name,
        "rule": asdict(rule),
        "interval": options.sweep.interval,
    }
    card = provenance.card(options.seed, checkpoint.model.link.modem.backend, configuration)
    beside = {"noiseless": None if baselines.bound is None else asdict(baselines.bound)}
    written = [*output.write_results(folder, "accuracy", rows, card, options.json, beside=beside), store]
    shown = rows + baselines.constant_rows
    figure = accuracy_figure([AccuracySweep("", shown, checkpoint.metadata.get("snr_db"))])
    written += save_all(figure, folder / "accuracy")
    _show(rows, f"Accuracy on {len(data.y_test)} images of {data.name}", target)
    if baselines.bound is not None:
        accuracy, low, high = (
            100 * end for end in (baselines.bound.accuracy, baselines.bound.low, baselines.bound.high)
        )
        target.print(f"Without a link: {accuracy:.1f} % ({low:.1f} … {high:.1f})")
    target.print("Written: " + ", ".join(map(str, written)))


def settings(paths: Sequence[str], pairs: Sequence[tuple[float, float]]) -> list[PathSetting]:
    """What to evaluate on each transmission; temperatures mean something to the soft path only.

    Args:
        paths: "hard", "map", "soft".
        pairs: vq_temp and symbol_temp.
    """
    found = []
    for path in dict.fromkeys(paths):
        if path == "soft":
            found += [PathSetting(f"soft {vq!r}/{symbol!r}", path, vq, symbol) for vq, symbol in pairs]
        else:
            found.append(PathSetting(path, path))
    return found


def _settings(points: Sequence[ImagePoint]) -> dict[str, Any]:
    return {"block": BLOCK, "paths": {point.subject: point.settings_content() for point in points}}


def _rule(options: AccuracyOptions, point: ImagePoint) -> StopRule:
    """The stop rule, the number of transmissions counted in bits."""
    per_pass = point.images * point.bits_per_frame
    caps = []
    if options.draws is not None:
        caps.append(checks.whole("--draws", options.draws, 1) * per_pass)
    if options.max_bits is not None:
        caps.append(int(checks.real("--max-bits", options.max_bits, least=1, most=1e15)))
    if not caps:
        open_ended = options.sweep.target_errors is not None or options.sweep.relative_width is not None
        caps.append((OPEN_DRAWS if open_ended else 1) * per_pass)
    return options.sweep.rule(min(caps))


def _show(rows: Sequence[dict[str, Any]], title: str, target: Console) -> None:
    cells = []
    for row in rows:
        gap = ""
        if row["gap"] is not None:
            gap = f"{100 * row['gap']:+.2f} ({100 * row['gap_low']:+.2f} … {100 * row['gap_high']:+.2f})"
        temperatures = f" T={row['vq_temp']:g}/{row['symbol_temp']:g}" if row["vq_temp"] else ""
        cells.append(
            [
                f"{row['snr_db']:g}",
                f"{row['ebno_db']:.2f}" if row["ebno_db"] is not None else "",
                row["path"] + temperatures,
                f"{100 * row['accuracy']:.1f}",
                f"{100 * row['low']:.1f} … {100 * row['high']:.1f}",
                gap,
            ]
        )
    columns = ["Es/N0 dB", "Eb/N0 dB", "path", "accuracy %", "95 % interval", "soft minus hard, points"]
    target.print(table_of(title, columns, cells))
