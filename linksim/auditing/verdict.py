"""What an audit says, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from linksim.auditing.rows import paired_gap

if TYPE_CHECKING:
    from linksim.auditing.audit import AuditReport

MISSES = 0.05
"""How often an interval may miss."""

PLACES = {
    "VQ": "the vector quantizer",
    "symbol": "the symbols",
    "receiver": "the receiver's decision",
}


def verdict(report: AuditReport) -> str:
    """The gap in accuracy where it is widest, the place that most of it comes from, and the defects found.

    The widest of several gaps is large by chance, too, so its interval is widened to hold at 95 % for all
    SNRs together (Bonferroni).
    """
    parts = [_of_gap(_gaps(report), report.attribution)]
    if report.finding is not None:
        parts.append(report.finding.sentence())
    return " ".join(parts)


def _gaps(report: AuditReport) -> list[dict[str, Any]]:
    gaps = [row for row in report.rows if row["metric"] == "gap"]
    found = []
    for row in gaps:
        snr = row["snr_db"]
        if len(gaps) > 1 and (snr, "soft") in report.correct:
            paths = report.correct[snr, "soft"], report.correct[snr, "hard"]
            _, low, high = paired_gap(*paths, level=1 - MISSES / len(gaps))
            row = {**row, "low": low, "high": high}
        found.append(row)
    return found


def _of_gap(gaps: Sequence[Mapping[str, Any]], attribution: Sequence[Mapping[str, Any]]) -> str:
    measurable = [row for row in gaps if row["low"] > 0 or row["high"] < 0]
    widest = max(measurable or gaps, key=lambda row: abs(row["value"]))
    side = "above" if widest["value"] > 0 else "below"
    interval = f"95 % interval {_points(widest['low'])} to {_points(widest['high'])}"
    if len(gaps) > 1:
        interval += f", for all {len(gaps)} SNRs together"
    difference = f"{_points(abs(widest['value']))} points {side} the hard one"
    if not measurable:
        found = f"the soft path is {difference}" if widest["value"] else "the difference is 0.0 points"
        return (
            "In accuracy the two paths do not differ measurably at any of these SNRs; at the widest, at "
            f"{_decibels(widest)}, {found} ({interval})."
        )
    text = f"At {_decibels(widest)}, where they differ most, the soft path is {difference} ({interval})"
    shares = {
        row["place"]: row
        for row in attribution
        if row["snr_db"] == widest["snr_db"]
        and (row["surrogate"], row["measure"]) == ("audited", "accuracy")
        and row["place"] in PLACES
    }
    # A share with the other sign works against the gap, and one whose interval holds 0 may be chance.
    helping = {
        place: abs(row["value"])
        for place, row in shares.items()
        if row["value"] * widest["value"] > 0 and not row["low"] <= 0 <= row["high"]
    }
    if not helping:
        return f"{text}."
    first = max(helping, key=lambda place: helping[place])
    each = ", ".join(f"{place} {_points(row['value'])}" for place, row in shares.items())
    return (
        f"{text}; {PLACES[first]} contribute{'' if first == 'symbol' else 's'} most to it (points: {each})."
    )


def _points(share: float) -> str:
    text = f"{100 * share:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", "−")


def _decibels(row: Mapping[str, Any]) -> str:
    return f"{row['snr_db'] + 0.0:g} dB".replace("-", "−")
