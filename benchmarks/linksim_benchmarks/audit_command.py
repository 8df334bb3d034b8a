"""`linksim audit`: the soft-hard mismatch of a checkpoint, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from linksim import audit, checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.audit import ONE_FUNCTION, AuditReport
from linksim.console import console, progress_on, table_of
from linksim.seeds import stream
from linksim_benchmarks import checkpoint_data, output
from linksim_benchmarks.pictures import audit_picture


@dataclass(kw_only=True)
class AuditOptions:
    """Measure how far the soft path is from the hard one at each stage, on the same draws."""

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint, such as runs/demo/checkpoints/best_hard_model.pt."""
    snr_db: tuple[str, ...] = ("-5", "0", "5", "8", "10", "15")
    """Es/N0 in dB: numbers, or ranges from:to:step with the end included."""
    vq_temp: tuple[float, ...] = ()
    """Temperatures of the assignment; that of the checkpoint by default. The picture shows the first."""
    symbol_temp: tuple[float, ...] = ()
    """Temperatures of the symbols; that of the checkpoint by default."""
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
    pairs = checkpoint_data.temperatures(model, options.vq_temp, options.symbol_temp)
    target = console(options.quiet)
    reports: dict[tuple[float, float], AuditReport] = {}
    with progress_on(target) as progress:
        batches = list(data.loader("test", 500))
        task = progress.add_task("audit", total=len(pairs) * len(snr_db) * len(batches))
        for pair in pairs:
            model.link.vq_temp, model.link.symbol_temp = pair
            reports[pair] = audit(
                model,
                batches,
                snr_db=snr_db,
                generator=stream(options.seed, "audit"),
                on_batch=lambda: progress.advance(task),
            )
    rows = [
        {"vq_temp": vq_temp, "symbol_temp": symbol_temp, **row}
        for (vq_temp, symbol_temp), report in reports.items()
        for row in report.rows
    ]
    configuration = {
        "training": checkpoint.metadata["options"],
        "epoch": checkpoint.metadata["epoch"],
        "data": data.name,
        "snr_db": snr_db,
        "temperatures": pairs,
    }
    card = provenance.card(options.seed, model.link.modem.backend, configuration)
    written = output.write_results(options.out, "audit", rows, card, options.json, csv_too=False)
    written.append(audit_picture(reports[pairs[0]].rows, options.out / "audit.png"))
    columns = ["stage", "figure", *(f"{snr:g} dB" for snr in snr_db)]
    target.print(f"{len(data.y_test)} images of {data.name}, by Es/N0; intervals are in audit.json")
    for (vq_temp, symbol_temp), report in reports.items():
        title = f"Soft (vq_temp {vq_temp:g}, symbol_temp {symbol_temp:g}) against hard"
        target.print(table_of(title, columns, _cells(report, snr_db)))
    target.print(f"One function on both paths, so no mismatch of their own: {', '.join(ONE_FUNCTION)}")
    target.print("Written: " + ", ".join(map(str, written)))


def _cells(report: AuditReport, snr_db: Sequence[float]) -> list[list[str]]:
    figures = dict.fromkeys((row["stage"], row["metric"]) for row in report.rows)
    return [
        [stage, metric, *(f"{report.value(snr, metric):.3g}" for snr in snr_db)] for stage, metric in figures
    ]
