"""The sections of an audit's page: figures, tables, and how to read them, by SNR and checkpoint."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

from linksim_benchmarks.audit import figures, signal_figures
from linksim_benchmarks.audit.tables import (
    Table,
    agreement_table,
    attribution_table,
    candidate_table,
    decibels,
    information_table,
    stage_table,
    switched_table,
)

Row = Mapping[str, Any]
NAME_LENGTH = 18
PLACES_OF_POINTS = re.compile(r'(?<= )(?:d|x|y)="[^"]*"')
DECIMALS = re.compile(r"(\.\d\d)\d+")
INDENTATION = re.compile(r"\n\s+")


@dataclass(frozen=True)
class Picture:
    """A figure as data URI, and drawn once more for narrow screens where it is wide."""

    source: str
    alt: str
    narrow: str | None = None


@dataclass(frozen=True)
class Card:
    """What belongs together in a section; `checkpoint` is its number, None if it is about all of them."""

    title: str
    checkpoint: int | None = None
    text: str = ""
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A part of the page; cards by SNR, under None those that show every SNR."""

    identifier: str
    title: str
    how_to_read: str
    cards: dict[float | None, list[Card]]


class Audited:
    """A result, taken apart by checkpoint and temperatures.

    Attributes:
        result: as `linksim audit` makes it.
        names: of the checkpoints.
        snrs: all of them, in order.
    """

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.result = result
        self.names: list[str] = [checkpoint["name"] for checkpoint in result["checkpoints"]]
        lists = ("rows", "attribution", "calibration", "information", "constellations")
        self.snrs: list[float] = sorted({row["snr_db"] for name in lists for row in result.get(name, [])})

    def all_temperatures(self, kind: str, number: int) -> list[Row]:
        """Rows of one checkpoint at every pair of temperatures."""
        return [row for row in self.result.get(kind, []) if row["checkpoint"] == self.names[number]]

    def of(self, kind: str, number: int, snr_db: float | None = None) -> list[Row]:
        """Rows of one checkpoint at its first pair of temperatures, at one SNR or at all."""
        rows = self.all_temperatures(kind, number)
        first = [_temperatures(row) for row in (*self.all_temperatures("rows", number), *rows)][:1]
        rows = [row for row in rows if _temperatures(row) in first]
        return rows if snr_db is None else [row for row in rows if row["snr_db"] == snr_db]

    def short(self, number: int) -> str:
        """The name of a checkpoint as a figure can hold it."""
        name = figures.printable(self.names[number])
        return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"

    def by_snr(self, card: Callable[[int, float], Card | None]) -> dict[float | None, list[Card]]:
        """Cards of every checkpoint at every SNR; None has none."""
        made = {snr: [card(number, snr) for number in range(len(self.names))] for snr in self.snrs}
        return {snr: found for snr, cards in made.items() if (found := _present(cards))}

    def at_all_snrs(self, card: Callable[[int], Card | None]) -> dict[float | None, list[Card]]:
        """One card per checkpoint; None has none."""
        found = _present([card(number) for number in range(len(self.names))])
        return {None: found} if found else {}


def sections(result: Mapping[str, Any]) -> list[Section]:
    """Every section that has data, in the order of the page. Belongs inside `figure_style()`."""
    audited = Audited(result)
    over_snr = (_over_snr, _two, _attribution, _finding)
    makers = (*over_snr, _constellations, _calibration, _sweep, _history, _table)
    return [section for make in makers if (section := make(audited)).cards]


def _temperatures(row: Row) -> tuple[float, float]:
    return row["vq_temp"], row["symbol_temp"]


def _present(cards: Iterable[Card | None]) -> list[Card]:
    return [card for card in cards if card is not None]


def _source(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    # A page holds a hundred figures: hundredths of a point are fine enough, and nobody reads the indentation.
    svg = PLACES_OF_POINTS.sub(lambda found: DECIMALS.sub(r"\1", found[0]), buffer.getvalue().decode())
    svg = INDENTATION.sub("\n", svg)
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _picture(figure: Figure, alt: str, narrow: Figure | None = None) -> Picture:
    return Picture(_source(figure), alt, None if narrow is None else _source(narrow))


def _over_snr(audited: Audited) -> Section:
    def card(number: int) -> Card | None:
        rows, name = audited.of("rows", number), audited.names[number]
        if not rows:
            return None
        trained = audited.result["checkpoints"][number]["trained_snr_db"]
        mismatch = figures.mismatch_figure(rows)
        accuracy = figures.accuracy_figure(rows, trained)
        pictures = [
            _picture(mismatch, f"{name}: relative mismatch of each stage against Es/N0"),
            _picture(accuracy, f"{name}: accuracy of the hard and the soft path against Es/N0"),
        ]
        return Card(name, number, pictures=pictures)

    text = (
        "How far the soft signals are from the hard ones after each stage: energy of the difference over "
        "energy of the hard signal, so 1 means as large as the signal itself. Beside it, what both paths "
        "make of it: where the two accuracies agree, the mismatch costs nothing. Bands are 95 % intervals."
    )
    return Section("mismatch", "Mismatch of each stage, and accuracy", text, audited.at_all_snrs(card))


def _two(audited: Audited) -> Section:
    text = (
        "Both checkpoints on the same images. Where the interval of the difference does not hold zero, one "
        "of them is better."
    )
    cards: list[Card] = []
    if len(audited.names) == 2 and audited.result["rows"]:
        accuracies = [(audited.short(number), audited.of("rows", number)) for number in (0, 1)]
        figure = figures.checkpoint_accuracy_figure(accuracies)
        pictures = [_picture(figure, "Accuracy of both checkpoints against Es/N0, hard and soft path")]
        if differences := audited.result["differences"]:
            figure = figures.difference_figure(differences)
            pictures.append(_picture(figure, "Difference of both accuracies against Es/N0"))
        cards = [Card(f"{audited.names[0]} against {audited.names[1]}", pictures=pictures)]
    return Section("checkpoints", "The two checkpoints", text, {None: cards} if cards else {})


def _attribution(audited: Audited) -> Section:
    def card(number: int, snr: float) -> Card | None:
        rows = audited.of("attribution", number, snr)
        if not rows:
            return None
        figure = figures.attribution_figure(audited.of("attribution", number), snr)
        alt = f"{audited.names[number]}: what making each place soft adds, at {decibels(snr)}"
        table = attribution_table(rows)
        return Card(audited.names[number], number, pictures=[_picture(figure, alt)], tables=[table])

    text = (
        "What making one place soft adds to accuracy and to cross-entropy, averaged over all orders of "
        "making them soft (Shapley values), so that the parts add up to the total, soft minus hard. A bar "
        "whose whiskers cross zero may be chance. Hollow bars, where there are any, are the exact "
        "surrogate, without defects."
    )
    return Section("attribution", "Which place costs how much", text, audited.by_snr(card))


def _finding(audited: Audited) -> Section:
    def finding(number: int) -> Card | None:
        rows = audited.of("findings", number)
        if not rows:
            return None
        tables = [candidate_table(rows[0]["candidates"])] if rows[0]["candidates"] else []
        if rows[0]["agreement"]:
            tables.append(agreement_table(rows[0]["agreement"]))
        if switched := audited.of("switched", number):
            tables.append(switched_table(switched))
        return Card(audited.names[number], number, text=rows[0]["sentence"], tables=tables)

    text = (
        "Each stage of the audited surrogate is compared with the exact surrogate on the same input, so "
        "that an error shows where it is made. Then every named defect is tried as an explanation, and "
        "switched on in turn to show what it would cost."
    )
    return Section("defects", "Is the surrogate itself defective?", text, audited.at_all_snrs(finding))


def _constellations(audited: Audited) -> Section:
    def card(number: int, snr: float) -> Card | None:
        rows = audited.of("constellations", number, snr)
        if not rows:
            return None
        alt = f"{audited.names[number]}: soft and hard constellation at {decibels(snr)}"
        pictures = [_picture(signal_figures.constellation_figure(rows[0]), alt)]
        return Card(audited.names[number], number, pictures=pictures)

    text = (
        "Points are transmitted symbols; grey is the density of received ones, after division by the gain "
        "of the channel. Hard symbols lie on the grid. Soft ones are means over it: the softer, the nearer "
        "to the origin and the weaker."
    )
    return Section("constellations", "Constellations", text, audited.by_snr(card))


def _calibration(audited: Audited) -> Section:
    def card(number: int, snr: float) -> Card | None:
        bins, here = audited.of("calibration", number, snr), audited.of("information", number, snr)
        if not bins and not here:
            return None
        information = audited.of("information", number)
        draw = signal_figures.calibration_figure
        wide, narrow = (draw(bins, information, snr, stacked) for stacked in (False, True))
        name = audited.names[number]
        at = decibels(snr)
        alt = f"{name}: measured against claimed log-odds at {at}, and mutual information against Es/N0"
        tables = [information_table(here)] if here else []
        return Card(name, number, pictures=[_picture(wide, alt, narrow)], tables=tables)

    text = (
        "An LLR claims how probable it is that the decided bit is right. On the grey diagonal the claim is "
        "true; LLRs too large by a factor give a line of smaller slope, below it. Arrows are bins without a "
        "wrong bit. LLRs take all codewords for equally probable, which a trained model's are not: hold its "
        "lines against that of equally used codewords, and a surrogate's against the exact one's. The best "
        "scale is the factor that would put the LLRs right. Mutual information is what they tell of the "
        "bits; equally probable bits get at most the capacity (BICM: bits interleaved over the symbols)."
    )
    return Section("calibration", "Are the LLRs right?", text, audited.by_snr(card))


def _sweep(audited: Audited) -> Section:
    def card(number: int, snr: float) -> Card | None:
        rows = audited.all_temperatures("rows", number)
        if len({_temperatures(row) for row in rows if row["snr_db"] == snr}) < 2:
            return None
        name, at = audited.names[number], decibels(snr)
        alt = f"{name}: soft accuracy and embedding mismatch against temperature at {at}"
        pictures = [_picture(figures.sweep_figure(rows, snr), alt)]
        return Card(audited.names[number], number, pictures=pictures)

    text = (
        "The lower the temperatures, the harder the soft path. Its accuracy should come near that of the "
        "hard path, which has no temperature; if it does not, something other than softness parts them."
    )
    return Section("temperatures", "Temperatures", text, audited.by_snr(card))


def _history(audited: Audited) -> Section:
    def card(number: int) -> Card | None:
        history = audited.result["checkpoints"][number]["history"]
        if history is None or not history["epochs"] or not history["stages"]:
            return None
        alt = f"{audited.names[number]}: relative mismatch by stage and epoch of the training"
        pictures = [_picture(signal_figures.history_figure(history), alt)]
        return Card(audited.names[number], number, pictures=pictures)

    text = (
        "The mismatch after every epoch of the training: bright where it is large, grey where it was not "
        "measured. Right of the line the forward pass was hard (phase 2)."
    )
    return Section("history", "History", text, audited.at_all_snrs(card))


def _table(audited: Audited) -> Section:
    def card(number: int, snr: float) -> Card | None:
        rows = audited.of("rows", number, snr)
        if not rows:
            return None
        one_function: Sequence[str] = audited.result["checkpoints"][number]["one_function"]
        return Card(audited.names[number], number, tables=[stage_table(rows, one_function)])

    text = (
        "Every figure, in the order of the chain. At a stage that is one function on both paths, a "
        "difference only passes through. Intervals are over images."
    )
    return Section("figures", "All figures", text, audited.by_snr(card))
