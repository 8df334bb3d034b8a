"""`linksim audit`: the soft-hard mismatch of one or two checkpoints, stage by stage, and what it costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from linksim import audit, checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.auditing.audit import BATCH, PARTS, AuditReport
from linksim.console import console, progress_on, table_of
from linksim.seeds import stream
from linksim_benchmarks import checkpoint_data, output
from linksim_benchmarks.audit.page import audit_page
from linksim_benchmarks.audit.picture import audit_png
from linksim_benchmarks.audit.result import Audited, audit_result, names_of
from linksim_benchmarks.audit.run_history import history_of
from linksim_benchmarks.audit.surrogate_argument import load_surrogate

SNRS_PER_TABLE = 6
SHOWN = (
    *("vq_nmse", "symbol_nmse", "power_error_db", "llr_nmse", "index_disagreement", "embedding_nmse"),
    *("feature_nmse", "class_kl", "soft_accuracy", "hard_accuracy", "gap"),
)
"""Figures that are printed."""

SWEPT_PARTS = ("attribution",)
"""What is done at temperatures after the first."""


@dataclass(kw_only=True)
class AuditOptions:
    """Measure how far the soft path is from the hard one at each stage, on the same draws, and what it costs.

    Writes audit.html, a page that works offline, audit.json and audit.png.
    """

    checkpoints: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CKPT [CKPT]")]
    """One checkpoint, such as runs/demo/checkpoints/best_hard_model.pt, or two to compare."""
    snr_db: tuple[str, ...] = ("-5", "0", "5", "8", "10", "15")
    """Es/N0 in dB: numbers, or ranges from:to:step with the end included."""
    vq_temp: tuple[float, ...] = ()
    """Temperatures of the assignment; that of the checkpoint by default. The first is audited in full, the
    others are a sweep."""
    symbol_temp: tuple[float, ...] = ()
    """Temperatures of the symbols; that of the checkpoint by default. Every pair of the two is taken."""
    surrogate: str | None = None
    """Audit this in place of the link's soft path: module:function, a function of latents, draw and, if it
    has a parameter of that name, link, that returns a linksim.Trace."""
    draws: int = 1
    """Transmissions of every image at each SNR."""
    leave_out_ties: bool = False
    """Leave out images with a token between two codewords, where no temperature is hard."""
    dataset: str | None = None
    """Data set whose test part is sent; that of the training by default."""
    seed: int = 0
    """Seed of the draws."""
    out: Path = Path("runs/audit")
    """Folder for audit.html, audit.json and audit.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim audit`."""
    options = parse(AuditOptions, arguments, "audit")
    if not 1 <= len(options.checkpoints) <= 2:
        raise ValueError(f"audit takes one checkpoint, or two to compare, got {len(options.checkpoints)}")
    written = [options.out / f"audit.{kind}" for kind in ("html", "json", "png")]
    output.check_places(written, options.json)
    snr_db = sorted(set(numbers("--snr-db", options.snr_db)))
    checks.whole("--seed", options.seed, 0)
    checks.whole("--draws", options.draws, 1)
    audits = _loaded(options)
    temperatures = [
        checkpoint_data.temperatures(one.checkpoint.model, options.vq_temp, options.symbol_temp)
        for one in audits
    ]
    target = console(options.quiet)
    with progress_on(target) as progress:
        passes = sum(
            len(pairs) * -(-len(one.data.y_test) // BATCH)
            for one, pairs in zip(audits, temperatures, strict=True)
        )
        task = progress.add_task("audit", total=passes * len(snr_db) * options.draws)
        for one, pairs in zip(audits, temperatures, strict=True):
            progress.update(task, description="looking for defects")
            _audit(one, pairs, snr_db, options, lambda: progress.update(task, advance=1, description="audit"))
    configuration = {
        "training": [one.checkpoint.metadata["options"] for one in audits],
        "epoch": [one.checkpoint.metadata["epoch"] for one in audits],
        "data": audits[0].data.name,
        "snr_db": snr_db,
        "temperatures": temperatures,
        "surrogate": options.surrogate,
        "draws": options.draws,
        "leave_out_ties": options.leave_out_ties,
    }
    card = provenance.card(options.seed, audits[0].checkpoint.model.link.modem.backend, configuration)
    result = audit_result(audits, card)
    written = _write(options, result)
    for one in audits:
        _show(target.print, one, snr_db)
    for row in result["differences"]:
        if row["path"] == "hard":
            target.print(f"Hard accuracy at {row['snr_db']:g} dB: {_in_points(row)}")
    target.print("Written: " + ", ".join(map(str, written)))


def _loaded(options: AuditOptions) -> list[Audited]:
    """The checkpoints with their data; refuses what cannot be compared."""
    loaded = []
    for name, path in zip(names_of(options.checkpoints), options.checkpoints, strict=True):
        checkpoint, data = checkpoint_data.load(path, options.dataset)
        loaded.append(Audited(name, path, checkpoint, data, options.surrogate, history_of(path)))
    names = list(dict.fromkeys(one.data.name for one in loaded))
    if len(names) > 1:
        raise ValueError(
            f"the checkpoints were trained on different data, {' and '.join(names)}: give --dataset to audit "
            "both on the same images"
        )
    return loaded


def _audit(
    one: Audited,
    pairs: Sequence[tuple[float, float]],
    snr_db: Sequence[float],
    options: AuditOptions,
    on_batch: Callable[[], None],
) -> None:
    model = one.checkpoint.model
    surrogate = None if one.surrogate is None else load_surrogate(one.surrogate, model.link)
    for pair in pairs:
        model.link.vq_temp, model.link.symbol_temp = pair
        one.reports[pair] = audit(
            model,
            list(one.data.loader("test", BATCH)),
            snr_db=snr_db,
            generator=stream(options.seed, "audit"),
            surrogate=surrogate,
            draws=options.draws,
            leave_out_ties=options.leave_out_ties,
            parts=SWEPT_PARTS if one.reports else PARTS,
            on_batch=on_batch,
        )


def _write(options: AuditOptions, result: Mapping[str, Any]) -> list[Path]:
    # Points and densities are for the eye: the page has them.
    figures = {name: value for name, value in result.items() if name != "constellations"}
    written = [options.out / "audit.json", *([] if options.json is None else [options.json])]
    for path in written:
        files.write_json(path, figures)
    written.append(audit_png(result, options.out / "audit.png"))
    written.append(audit_page(result, options.out / "audit.html"))
    return written


def _show(say: Callable[..., None], one: Audited, snr_db: Sequence[float]) -> None:
    report = one.report
    say(f"{one.name}: {report.verdict()}")
    say(f"{report.frames} images of {one.data.name}; all figures and intervals are in audit.html")
    first, *swept = one.reports
    for start in range(0, len(snr_db), SNRS_PER_TABLE):
        snrs = snr_db[start : start + SNRS_PER_TABLE]
        heads = [f"{snr:g} dB" for snr in snrs]
        title = f"{one.name}: soft (vq_temp {first[0]:g}, symbol_temp {first[1]:g}) against hard"
        say(table_of(title, ["figure", *heads], _figures(report, snrs)))
        say(table_of("What each place adds when it is soft", ["place", *heads], _shares(report, snrs)))
        if swept:
            title = "Soft accuracy in %, by vq_temp / symbol_temp"
            say(table_of(title, ["temperatures", *heads], _sweep(one.reports, snrs)))
    if report.one_function:
        say(f"One function on both paths, so no mismatch of their own: {', '.join(report.one_function)}")
    if report.tied:
        left_out = f"; {report.left_out} images left out" if report.left_out else ""
        say(f"Tokens between two codewords: {report.tied}{left_out}")


def _figures(report: AuditReport, snr_db: Sequence[float]) -> list[list[str]]:
    there = {row["metric"] for row in report.rows}
    return [
        [metric, *(f"{report.value(snr, metric):.3g}" for snr in snr_db)]
        for metric in SHOWN
        if metric in there
    ]


def _shares(report: AuditReport, snr_db: Sequence[float]) -> list[list[str]]:
    units = {"accuracy": ("points", 100.0), "cross_entropy": ("nats", 1.0)}
    found = {
        (row["measure"], row["place"], row["snr_db"]): row["value"]
        for row in report.attribution
        if row["surrogate"] == "audited"
    }
    cells = []
    for measure, place in dict.fromkeys((measure, place) for measure, place, _ in found):
        unit, scale = units[measure]
        values = [f"{scale * found[measure, place, snr]:.2g}" for snr in snr_db]
        cells.append([f"{place}, {unit}", *values])
    return cells


def _sweep(reports: Mapping[tuple[float, float], AuditReport], snr_db: Sequence[float]) -> list[list[str]]:
    def cells(name: str, report: AuditReport, metric: str) -> list[str]:
        return [name, *(f"{100 * report.value(snr, metric):.1f}" for snr in snr_db)]

    rows = [
        cells(f"{vq:g} / {symbol:g}", report, "soft_accuracy") for (vq, symbol), report in reports.items()
    ]
    return [*rows, cells("hard path", next(iter(reports.values())), "hard_accuracy")]


def _in_points(row: Mapping[str, Any]) -> str:
    value, low, high = (100 * row[end] for end in ("value", "low", "high"))
    return f"{row['first']} minus {row['second']} {value:.1f} points (95 % interval {low:.1f} to {high:.1f})"
