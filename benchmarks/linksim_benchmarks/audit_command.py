"""`linksim audit`: the soft-hard mismatch of a checkpoint, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from linksim import audit, checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.audit import ONE_FUNCTION, AuditReport
from linksim_benchmarks import checkpoint_data, output
from linksim_benchmarks.pictures import audit_picture
from linksim_training.seeds import stream


@dataclass(kw_only=True)
class AuditOptions:
    """Measure how far the soft path is from the hard one at each stage, on the same draws."""

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint, such as runs/demo/checkpoints/best_hard_model.pt."""
    snr_db: tuple[str, ...] = ("-5", "0", "5", "8", "10", "15")
    """Es/N0 in dB: numbers, or ranges from:to:step with the end included."""
    vq_temp: float | None = None
    """Temperature of the assignment; that of the checkpoint by default."""
    symbol_temp: float | None = None
    """Temperature of the symbols; that of the checkpoint by default."""
    dataset: str | None = None
    """Data set whose test part is sent; that of the training by default."""
    seed: int = 0
    """Seed of the draws."""
    out: Path = Path("runs/audit")
    """Folder for audit.json and audit.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim audit`."""
    options = parse(AuditOptions, arguments, "audit")
    files.check_writable(options.out / "audit.json", options.json)
    snr_db = numbers("--snr-db", options.snr_db)
    checks.whole("--seed", options.seed, 0)
    checkpoint, data = checkpoint_data.load(options.checkpoint, options.dataset)
    model = checkpoint.model
    checkpoint_data.set_temperatures(model, options.vq_temp, options.symbol_temp)
    target = output.console(options.quiet)
    with output.progress_on(target) as progress:
        batches = list(data.loader("test", 500))
        task = progress.add_task("audit", total=len(snr_db) * len(batches))
        report = audit(
            model,
            batches,
            snr_db=snr_db,
            generator=stream(options.seed, "audit"),
            on_batch=lambda: progress.advance(task),
        )
    configuration = {
        "training": checkpoint.metadata["options"],
        "epoch": checkpoint.metadata["epoch"],
        "data": data.name,
        "snr_db": snr_db,
        "vq_temp": model.link.vq_temp,
        "symbol_temp": model.link.symbol_temp,
    }
    card = provenance.card(options.seed, model.link.modem.backend, configuration)
    written = output.write_results(options.out, "audit", report.rows, card, options.json, csv_too=False)
    written.append(audit_picture(report.rows, options.out / "audit.png"))
    columns = ["stage", "figure", *(f"{snr:g} dB" for snr in snr_db)]
    title = f"Soft against hard, {report.frames} images of {data.name}, by Es/N0 (intervals in audit.json)"
    target.print(output.table_of(title, columns, _cells(report, snr_db)))
    target.print(f"One function on both paths, so no mismatch of their own: {', '.join(ONE_FUNCTION)}")
    target.print("Written: " + ", ".join(map(str, written)))


def _cells(report: AuditReport, snr_db: Sequence[float]) -> list[list[str]]:
    figures = dict.fromkeys((row["stage"], row["metric"]) for row in report.rows)
    return [
        [stage, metric, *(f"{report.value(snr, metric):.3g}" for snr in snr_db)] for stage, metric in figures
    ]
