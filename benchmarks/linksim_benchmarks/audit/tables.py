"""An audit's figures in words: what a metric is called, its unit, and tables for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rows = Sequence[Mapping[str, Any]]
MOST_CANDIDATES = 5
SHARED = "one function on both paths: differences come in from the stages before"
STAGES = {
    "quantize": "vector quantizer",
    "map": "mapper",
    "front end": "front end",
    "received": "channel output",
    "demap": "demapper",
    "decode": "decoder",
    "decide": "decision",
    "features": "receiver features",
    "task": "task",
}
METRICS = {
    "vq_nmse": ("codewords, soft − hard: relative energy", "%"),
    "assignment_confidence": ("largest probability of an assignment, mean", "%"),
    "conditional_entropy": ("entropy of an assignment, mean", "nats"),
    "marginal_entropy": ("entropy of the mean assignment", "nats"),
    "assignment_perplexity": ("perplexity of the codebook", "codewords"),
    "bit_disagreement": ("bits whose more probable value differs", "%"),
    "symbol_nmse": ("symbols, soft − hard: relative energy", "%"),
    "symbol_evm_db": ("symbols, soft − hard: EVM", "dB"),
    "power_error_db": ("power of the soft symbols against the hard ones", "dB"),
    "soft_power": ("energy of the soft symbols over the hard ones", "%"),
    "symbol_entropy": ("entropy of a symbol's distribution, mean", "nats"),
    "symbol_marginal_entropy": ("entropy of the mean symbol distribution", "nats"),
    "symbol_entropy_ratio": ("entropy of the mean symbol distribution over the expected one", "%"),
    "soft_evm": ("EVM of the transmitter, soft path", "%"),
    "hard_evm": ("EVM of the transmitter, hard path", "%"),
    "received_nmse": ("received symbols, soft − hard: relative energy", "%"),
    "llr_nmse": ("LLRs, soft − hard: relative energy", "%"),
    "llr_rms_error": ("LLRs, soft − hard: root mean square", ""),
    "llr_sign_disagreement": ("LLRs whose sign differs", "%"),
    "soft_mean_llr": ("mean |LLR|, soft path", ""),
    "hard_mean_llr": ("mean |LLR|, hard path", ""),
    "soft_mean_llr_ratio": ("mean |LLR| over the expected one, soft path", ""),
    "hard_mean_llr_ratio": ("mean |LLR| over the expected one, hard path", ""),
    "soft_frame_errors_detected": ("frames that fail the CRC, soft path", "%"),
    "hard_frame_errors_detected": ("frames that fail the CRC, hard path", "%"),
    "information_llr_sign_disagreement": ("decoded LLRs whose sign differs", "%"),
    "index_disagreement": ("decided indices that differ", "%"),
    "embedding_nmse": ("embedding, soft − hard: relative energy", "%"),
    "feature_nmse": ("features, soft − hard: relative energy", "%"),
    "feature_cosine": ("cosine between the features of both paths", ""),
    "soft_accuracy": ("accuracy, soft path", "%"),
    "hard_accuracy": ("accuracy, hard path", "%"),
    "gap": ("accuracy, soft − hard", "points"),
    "class_kl": ("Kullback–Leibler divergence of the class probabilities", "nats"),
    "soft_cross_entropy": ("cross-entropy, soft path", "nats"),
    "hard_cross_entropy": ("cross-entropy, hard path", "nats"),
}
"""Metric → words, unit; figures in % and points are held as fractions."""


@dataclass(frozen=True)
class Body:
    """Rows of a table under one heading, which may be empty."""

    heading: str
    rows: list[list[str]]


@dataclass(frozen=True)
class Table:
    """A table as text: the first column names the row."""

    caption: str
    columns: list[str]
    bodies: list[Body]


def number(value: float | None, unit: str = "") -> str:
    """A figure with three digits, in its unit, without naming it; a dash for none."""
    if value is None:
        return "–"
    scaled = 100 * value if unit in ("%", "points") else value
    text = f"{scaled:.0f}" if abs(scaled) >= 1000 else f"{scaled:.3g}"
    return text.replace("e-0", "e-").replace("-", "−")


def decibels(value: float) -> str:
    """An SNR in words."""
    return f"{value:g} dB".replace("-", "−")


def interval(row: Mapping[str, Any], unit: str = "") -> str:
    """The ends of a row's interval."""
    if row["low"] is None or row["high"] is None:
        return "–"
    return f"{number(row['low'], unit)} to {number(row['high'], unit)}"


def with_unit(text: str, unit: str) -> str:
    """A figure and its unit."""
    return f"{text} {unit}".rstrip()


def stage_table(rows: Rows, one_function: Sequence[str]) -> Table:
    """Every figure of one checkpoint at one SNR, by stage."""
    bodies = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        name = STAGES.get(stage, str(stage))
        heading = f"{name} — {SHARED}" if stage in one_function else name
        cells = []
        for row in rows:
            if row["stage"] == stage:
                words, unit = METRICS.get(row["metric"], (row["metric"], ""))
                cells.append([words, with_unit(number(row["value"], unit), unit), interval(row, unit)])
        bodies.append(Body(heading[0].upper() + heading[1:], cells))
    return Table("By stage", ["figure", "value", "95 % interval"], bodies)


SURROGATES = {
    "audited": "Audited surrogate",
    "exact": "Exact surrogate",
    "fault": "Audited minus exact: the fault alone",
}


def attribution_table(rows: Rows) -> Table:
    """What each place adds to each measure, at one SNR, with intervals."""
    units = {"accuracy": "points", "cross_entropy": "nats"}
    units = {
        measure: unit for measure, unit in units.items() if any(row["measure"] == measure for row in rows)
    }
    surrogates = list(dict.fromkeys(row["surrogate"] for row in rows))
    bodies = []
    for surrogate in surrogates:
        cells: dict[str, list[str]] = {}
        for measure, unit in units.items():
            for row in rows:
                if (row["surrogate"], row["measure"]) == (surrogate, measure):
                    cells.setdefault(row["place"], [row["place"]])
                    cells[row["place"]] += [number(row["value"], unit), interval(row, unit)]
        heading = SURROGATES[surrogate] if len(surrogates) > 1 else ""
        bodies.append(Body(heading, list(cells.values())))
    heads = [(f"{measure.replace('_', '-')} in {unit}", "95 % interval") for measure, unit in units.items()]
    return Table("Soft minus hard", ["place", *(head for pair in heads for head in pair)], bodies)


def candidate_table(candidates: Rows) -> Table:
    """The defects that explain most of the surrogate's difference, best first."""
    cells = []
    for candidate in candidates[:MOST_CANDIDATES]:
        known = {name: value for name, value in candidate["strengths"].items() if value is not None}
        strengths = [
            number(value) if len(known) == 1 else f"{name} {number(value)}" for name, value in known.items()
        ]
        explained = with_unit(number(candidate["explained"], "%"), "%")
        cells.append([" and ".join(candidate["defects"]), explained, ", ".join(strengths) or "–"])
    return Table("Candidates, best first", ["defect", "share explained", "strength"], [Body("", cells)])


def agreement_table(agreement: Mapping[str, float | None]) -> Table:
    """How far each stage of the audited surrogate is from the exact one on the same input."""
    cells = [[STAGES.get(stage, stage), number(error)] for stage, error in agreement.items()]
    return Table("Audited against exact, stage by stage", ["stage", "relative error"], [Body("", cells)])


def switched_table(rows: Rows) -> Table:
    """The exact surrogate, and with each named defect switched on in turn, over all SNRs together."""
    cells = [
        [
            row["defect"],
            with_unit(number(row["soft_accuracy"], "%"), "%"),
            interval(row, "%"),
            with_unit(number(row["embedding_nmse"], "%"), "%"),
        ]
        for row in rows
    ]
    columns = ["defect", "soft accuracy", "95 % interval", "embedding mismatch"]
    return Table("Each defect switched on in turn, over all SNRs", columns, [Body("", cells)])


def information_table(rows: Rows) -> Table:
    """Mutual information and the best scale of the LLRs, at one SNR."""
    cells = [
        [row["path"], number(row["value"]), interval(row), number(row["capacity"]), number(row["best_scale"])]
        for row in rows
    ]
    columns = ["path", "mutual information", "95 % interval", "BICM capacity", "best scale of the LLRs"]
    return Table("Bit per bit", columns, [Body("", cells)])
