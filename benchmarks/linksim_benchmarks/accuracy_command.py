"""`linksim accuracy`: accuracy against SNR, hard and soft."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from linksim import checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import checkpoint_data, output
from linksim_benchmarks.accuracy import sweep
from linksim_benchmarks.pictures import accuracy_picture


@dataclass(kw_only=True)
class AccuracyOptions:
    """Test a trained model over a range of SNRs, every path on the same draws."""

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint, such as runs/demo/checkpoints/best_hard_model.pt."""
    snr_db: tuple[str, ...] = ("-6:16:2",)
    """Es/N0 in dB: numbers, or ranges from:to:step with the end included."""
    paths: tuple[Literal["hard", "map", "soft"], ...] = ("hard", "map", "soft")
    """Hard as configured, hard with the MAP receiver, soft."""
    draws: int = 1
    """Transmissions of every image."""
    vq_temp: tuple[float, ...] = ()
    """Temperatures of the soft path's assignment; that of the checkpoint by default."""
    symbol_temp: tuple[float, ...] = ()
    """Temperatures of the soft path's symbols; that of the checkpoint by default."""
    dataset: str | None = None
    """Data set whose test part is sent; that of the training by default."""
    seed: int = 0
    """Root of the random streams."""
    out: Path = Path("runs/accuracy")
    """Folder for accuracy.csv, accuracy.json and accuracy.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim accuracy`."""
    options = parse(AccuracyOptions, arguments, "accuracy")
    files.check_writable(options.out / "accuracy.json", options.json)
    snr_db = numbers("--snr-db", options.snr_db)
    draws = checks.whole("--draws", options.draws, 1)
    checks.whole("--seed", options.seed, 0)
    if not options.paths:
        raise ValueError("--paths needs at least one of hard, map, soft")
    checkpoint, data = checkpoint_data.load(options.checkpoint, options.dataset)
    model = checkpoint.model
    pairs = checkpoint_data.temperatures(model, options.vq_temp, options.symbol_temp)
    target = console(options.quiet)
    rows = []
    with progress_on(target) as progress:
        task = progress.add_task("accuracy", total=len(pairs) * len(snr_db))
        for number, pair in enumerate(pairs):
            model.link.vq_temp, model.link.symbol_temp = pair
            # Temperatures mean nothing to the hard path, so it is reported once.
            paths = [path for path in options.paths if number == 0 or path == "soft"]
            rows += sweep(
                model,
                data.x_test,
                data.y_test,
                snr_db,
                paths,
                draws,
                options.seed,
                lambda: progress.advance(task),
            )
    configuration = {
        "training": checkpoint.metadata["options"],
        "epoch": checkpoint.metadata["epoch"],
        "data": data.name,
        "snr_db": snr_db,
        "paths": list(options.paths),
        "draws": draws,
        "temperatures": pairs,
    }
    card = provenance.card(options.seed, model.link.modem.backend, configuration)
    written = output.write_results(options.out, "accuracy", rows, card, options.json)
    picture = options.out / "accuracy.png"
    written.append(accuracy_picture(rows, picture, checkpoint.metadata.get("snr_db")))
    cells = [
        [
            f"{row['snr_db']:g}",
            f"{row['ebno_db']:.2f}",
            row["path"] + (f" T={row['vq_temp']:g}/{row['symbol_temp']:g}" if row["vq_temp"] else ""),
            f"{100 * row['accuracy']:.1f}",
            f"{100 * row['low']:.1f} … {100 * row['high']:.1f}",
        ]
        for row in rows
    ]
    columns = ["Es/N0 dB", "Eb/N0 dB", "path", "accuracy %", "95 % interval"]
    target.print(table_of(f"Accuracy on {len(data.y_test)} images of {data.name}", columns, cells))
    target.print("Written: " + ", ".join(map(str, written)))
