"""A study as Markdown tables."""

from collections.abc import Callable, Sequence
from typing import Any

from linksim_benchmarks.study.methods import METHODS
from linksim_benchmarks.study.plan import BASE

Rows = Sequence[dict[str, Any]]

TABLES = {
    "accuracy": "hard",
    "accuracy with MAP decisions": "map",
    "gap": "gap",
    "gap of the checkpoint that the soft path chooses": "gap_by_soft",
}
"""Titles, and the figure of a mean row that each shows."""


def markdown(means: Rows, pairs: Rows, tuning: Rows) -> dict[str, str]:
    """Tables by name: those of `TABLES`, "perplexity" and "differences" of every variation, and "tuning".

    Args:
        means, pairs, tuning: rows, as `linksim_benchmarks.study.rows` makes them.
    """
    tables: dict[str, str] = {}
    for variation in _names(means, "variation"):
        own = [row for row in means if row["variation"] == variation]
        ending = "" if variation == BASE else f" {variation}"
        for name, column in TABLES.items():
            tables[name + ending] = _by_snr(own, lambda row, column=column: _interval(row, column))
        tables["perplexity" + ending] = _by_snr(own, lambda row: f"{row['perplexity']:.1f}")
        others = [row for row in pairs if row["variation"] == variation]
        if others:
            tables["differences" + ending] = _by_snr(others, _difference)
    if tuning:
        tables["tuning"] = _tuning(tuning)
    return tables


def _by_snr(rows: Rows, cell: Callable[[dict[str, Any]], str]) -> str:
    """Methods by Es/N0."""
    snrs, methods = _names(rows, "snr_db"), _names(rows, "method")
    found = {(row["method"], row["snr_db"]): cell(row) for row in rows}
    lines = [
        "| method | " + " | ".join(f"{_number(snr_db)} dB" for snr_db in snrs) + " |",
        "| --- |" + " --- |" * len(snrs),
    ]
    lines += [
        f"| `{method}` | " + " | ".join(found[method, snr_db] for snr_db in snrs) + " |" for method in methods
    ]
    return "\n".join(lines)


def _tuning(rows: Rows) -> str:
    snrs = _names(rows, "snr_db")
    lines = [
        "| method | candidate | " + " | ".join(f"{_number(snr_db)} dB" for snr_db in snrs) + " | |",
        "| --- | --- |" + " --- |" * (len(snrs) + 1),
    ]
    for method, candidate in dict.fromkeys((row["method"], row["candidate"]) for row in rows):
        own = [row for row in rows if (row["method"], row["candidate"]) == (method, candidate)]
        cells = []
        for snr_db in snrs:
            values = [row["validation_accuracy"] for row in own if row["snr_db"] == snr_db]
            cells.append(f"{100 * sum(values) / len(values):.1f}")
        mark = "taken" if own[0]["taken"] else ""
        lines.append(f"| `{method}` | {candidate} | " + " | ".join(cells) + f" | {mark} |")
    return "\n".join(lines)


def _interval(row: dict[str, Any], column: str) -> str:
    value, high = row[column], row[f"{column}_high"]
    return f"{_number(100 * value, 1)} ±{100 * (high - value):.1f}"


def _difference(row: dict[str, Any]) -> str:
    """The difference; bold where its interval is on one side of 0."""
    text = f"{_number(100 * row['difference'], 2, '+')} ±{100 * row['half_width']:.2f}"
    return text if row["verdict"] == "open" else f"**{text}**"


def _number(value: float, digits: int | None = None, sign: str = "") -> str:
    text = f"{value:{sign}g}" if digits is None else f"{value:{sign}.{digits}f}"
    return text.replace("-", "−")


def _names(rows: Rows, column: str) -> list[Any]:
    return list(dict.fromkeys(row[column] for row in rows))


def titled(tables: dict[str, str]) -> str:
    """All tables under their names, as one page."""
    return "\n\n".join(f"## {name}\n\n{table}" for name, table in tables.items()) + "\n"


def methods_table(names: Sequence[str]) -> str:
    """What each method is."""
    lines = ["| method | what it is |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{name}` | {METHODS[name].title} |" for name in names)])
