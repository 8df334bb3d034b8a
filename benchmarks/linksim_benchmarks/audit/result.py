"""The result of `linksim audit`: audits of one or two checkpoints as one dictionary of plain values."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from linksim import Link
from linksim.auditing.audit import AuditReport
from linksim.auditing.rows import paired_gap
from linksim.channel_options import CHANNEL_KINDS
from linksim_training.checkpoints import Checkpoint
from linksim_training.data import ImageData

Pair = tuple[float, float]
"""vq_temp and symbol_temp."""

LISTS = ("rows", "attribution", "switched", "calibration", "information", "constellations")
DECISIONS = {"mean": "posterior mean", "map": "MAP index", "radius": "mean over a Hamming ball"}


@dataclass(frozen=True)
class Audited:
    """What was audited.

    Attributes:
        name: of the checkpoint, unlike those of the others.
        path: of its file.
        checkpoint: model and metadata.
        data: images whose test part was sent.
        surrogate: module:function, or None.
        history: of the training, as `history_of` gives it.
        reports: by temperatures; the first is the audit itself, the others are the sweep.
    """

    name: str
    path: Path
    checkpoint: Checkpoint
    data: ImageData
    surrogate: str | None
    history: dict[str, Any] | None
    reports: dict[Pair, AuditReport] = field(default_factory=dict)

    @property
    def report(self) -> AuditReport:
        """At the first temperatures."""
        return next(iter(self.reports.values()))


def audit_result(audits: Sequence[Audited], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the table, the pictures and the page are made from; JSON has all of it."""
    result: dict[str, Any] = {
        "checkpoints": [_described(one) for one in audits],
        **{name: _rows(audits, name) for name in LISTS},
        "findings": [
            {
                "checkpoint": one.name,
                "vq_temp": vq_temp,
                "symbol_temp": symbol_temp,
                "snr_db": None,
                **asdict(report.finding),
                "defects": list(report.finding.defects),
                "sentence": report.finding.sentence(),
            }
            for one in audits
            for (vq_temp, symbol_temp), report in one.reports.items()
            if report.finding is not None
        ],
        "differences": _differences(*audits) if len(audits) == 2 else [],
        "provenance": dict(provenance),
    }
    return result


def _rows(audits: Sequence[Audited], name: str) -> list[dict[str, Any]]:
    return [
        {"checkpoint": one.name, "vq_temp": vq_temp, "symbol_temp": symbol_temp, **row}
        for one in audits
        for (vq_temp, symbol_temp), report in one.reports.items()
        for row in getattr(report, name)
    ]


def _described(one: Audited) -> dict[str, Any]:
    report = one.report
    return {
        "name": one.name,
        "path": str(one.path),
        "sha256": hashlib.sha256(one.path.read_bytes()).hexdigest(),
        "link": describe(one.checkpoint.model.link),
        "data": one.data.name,
        "images": report.frames,
        "draws": report.draws,
        "epoch": one.checkpoint.metadata["epoch"],
        "trained_snr_db": one.checkpoint.metadata["snr_db"],
        "surrogate": one.surrogate,
        "tied_tokens": report.tied,
        "images_left_out": report.left_out,
        "one_function": list(report.one_function),
        "verdict": report.verdict(),
        "history": one.history,
    }


def describe(link: Link) -> str:
    """A link in one line: frame, code, modulation, channel, demapper, decision, defects."""
    config, layout = link.config, link.layout
    parts = [] if config.crc == "none" else [config.crc]
    if config.code != "none":
        parts.append(f"{config.code.upper()} at rate {config.code_rate:g}")
    coded = "".join(f", {part}" for part in parts)
    defects = "" if not config.defects else f"; surrogate with {' and '.join(config.defects)}"
    return (
        f"{layout.tokens} tokens × {layout.bits_per_token} bits{coded}, {layout.symbols} symbols of "
        f"{link.modem.modulation_name}, {CHANNEL_KINDS[config.channel].title}, {config.demapper} demapper, "
        f"{DECISIONS[config.decision]}{defects}"
    )


def _differences(first: Audited, second: Audited) -> list[dict[str, Any]]:
    """Accuracy of the first minus that of the second, on the images that both sent, with its interval."""
    rows = []
    of_first = torch.isin(first.report.kept, second.report.kept)
    of_second = torch.isin(second.report.kept, first.report.kept)
    for key, mine in first.report.correct.items():
        snr_db, path = key
        value, low, high = paired_gap(mine[:, of_first], second.report.correct[key][:, of_second])
        rows.append(
            {
                "first": first.name,
                "second": second.name,
                "snr_db": snr_db,
                "path": path,
                "value": value,
                "low": low,
                "high": high,
            }
        )
    return rows


def names_of(paths: Sequence[Path]) -> list[str]:
    """A short name for each checkpoint, its run folder or file, with A and B in front if there are two."""
    short = []
    for path in map(Path.resolve, paths):
        run = path.parent.parent.name if path.parent.name == "checkpoints" else ""
        short.append(run or path.stem)
    if len(set(short)) < len(short):  # two checkpoints of one run
        short = [f"{name} {path.stem}" for name, path in zip(short, paths, strict=True)]
    if len(paths) == 1:
        return short
    return [f"{letter}: {name}" for letter, name in zip("AB", short, strict=True)]
