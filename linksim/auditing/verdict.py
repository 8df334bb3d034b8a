"""What an audit says, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linksim.audit import AuditReport

PLACES = {
    "VQ": "the vector quantizer",
    "symbol": "the symbols",
    "receiver": "the receiver's decision",
}


def verdict(report: AuditReport) -> str:
    """The gap in accuracy where it is widest, the place that most of it comes from, and the defects found."""
    gaps = [row for row in report.rows if row["metric"] == "gap"]
    parts = [_of_gap(gaps, report.attribution)]
    if report.finding is not None:
        parts.append(report.finding.sentence())
    return " ".join(parts)


def _of_gap(gaps: Sequence[Mapping[str, Any]], attribution: Sequence[Mapping[str, Any]]) -> str:
    measurable = [row for row in gaps if row["low"] > 0 or row["high"] < 0]
    if not measurable:
        widest = max(gaps, key=lambda row: abs(row["value"]))
        return (
            "In accuracy the two paths do not differ measurably at any of these SNRs: at most by "
            f"{_points(widest['value'])} points, at {_decibels(widest)} ({_interval(widest)})."
        )
    widest = max(measurable, key=lambda row: abs(row["value"]))
    side = "above" if widest["value"] > 0 else "below"
    text = (
        f"At {_decibels(widest)}, where they differ most, the soft path is "
        f"{_points(abs(widest['value']))} points {side} the hard one ({_interval(widest)})"
    )
    shares = {
        row["place"]: row
        for row in attribution
        if row["snr_db"] == widest["snr_db"]
        and (row["surrogate"], row["measure"]) == ("audited", "accuracy")
        and row["place"] in PLACES
    }
    # A share with the other sign works against the gap.
    helping = {
        place: abs(row["value"]) for place, row in shares.items() if row["value"] * widest["value"] > 0
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


def _interval(row: Mapping[str, Any]) -> str:
    return f"95 % interval {_points(row['low'])} to {_points(row['high'])}"
