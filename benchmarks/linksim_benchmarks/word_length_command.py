"""`linksim word-length`: the smallest words of LLRs and converters that cost next to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.table import Table

from linksim import checks, files, provenance
from linksim.arguments import parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import checkpoint_data, output, word_length, word_length_accuracy
from linksim_benchmarks.pictures.word_length import word_length_picture
from linksim_benchmarks.word_length import CHUNK_FRAMES, Variant, coded_link


@dataclass(kw_only=True)
class WordLengthOptions:
    """Sweep word lengths of LLRs and receive converters against frame error rate and task accuracy.

    Without checkpoints: the loss in dB of an LDPC code at a frame error rate of 1e-2. With checkpoints: also
    the loss in task accuracy of each, at the SNR that it was trained at. All variants see the same noise.
    """

    checkpoints: tuple[Path, ...] = ()
    """Checkpoints of linksim train."""
    bits_per_symbol: tuple[int, ...] = (2, 4, 6)
    """Square QAM whose frame error rate is measured."""
    llr_bits: tuple[int, ...] = (2, 3, 4, 5, 6)
    """Word lengths of the LLRs, from 2 to 8."""
    adc_bits: tuple[int, ...] = (2, 3, 4, 5, 6, 7)
    """Word lengths of the receive converters, from 1 to 16."""
    frames: int = 2000
    """Frames at each SNR for the frame error rate; 0 leaves it out."""
    frame_bits: int = 240
    """Information bits of a coded frame."""
    code_rate: float = 0.5
    """Of the LDPC code."""
    draws: int = 20
    """Transmissions of every test image for the task accuracy."""
    seed: int = 0
    """Root of the random streams."""
    out: Path = Path("runs/word-length")
    """Folder for word-length.csv, word-length.json and word-length.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim word-length`."""
    options = parse(WordLengthOptions, arguments, "word-length")
    files.check_writable(options.out / "word-length.json", options.json)
    for name, value, least in (("--frames", options.frames, 0), ("--draws", options.draws, 1)):
        checks.whole(name, value, least)
    checks.whole("--seed", options.seed, 0)
    variants = [Variant("llr", bits) for bits in options.llr_bits]
    variants += [Variant("adc", bits) for bits in options.adc_bits]
    if not variants:
        raise ValueError("nothing to compare: give --llr-bits or --adc-bits")
    for variant in variants:
        variant.hardware()
    if not options.frames and not options.checkpoints:
        raise ValueError("nothing to measure: give --frames above 0, or --checkpoints")
    target = console(options.quiet)
    with progress_on(target) as progress:
        rows = _frame_error_rows(options, variants, progress) + _accuracy_rows(options, progress)
    configuration = {
        name: [str(path) for path in value] if name == "checkpoints" else value
        for name, value in vars(options).items()
        if name not in ("out", "json", "quiet")
    }
    card = provenance.card(options.seed, "sionna", configuration)
    paths = output.write_results(options.out, "word-length", rows, card, options.json)
    paths.append(word_length_picture(rows, options.out / "word-length.png"))
    for study in dict.fromkeys(row["study"] for row in rows):
        own = [row for row in rows if row["study"] == study]
        target.print(_table(own))
        target.print(_smallest_table(own))
    target.print("Written: " + ", ".join(map(str, paths)))


def _frame_error_rows(
    options: WordLengthOptions, variants: Sequence[Variant], progress: Progress
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if not options.frames:
        return rows
    configs = [coded_link(m, options.frame_bits, options.code_rate) for m in options.bits_per_symbol]
    chunks = -(-options.frames // CHUNK_FRAMES)
    task = progress.add_task("frame error rate", total=len(configs) * chunks)
    for config in configs:
        rows += word_length.losses(
            config, variants, options.frames, options.seed, lambda: progress.advance(task)
        )
    return rows


def _accuracy_rows(options: WordLengthOptions, progress: Progress) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    parts = [("llr", bits) for bits in options.llr_bits]
    parts += [("integer", bits) for bits in options.llr_bits]
    parts += [("adc", bits) for bits in options.adc_bits]
    task = progress.add_task("task accuracy", total=options.draws * len(options.checkpoints))
    for path in options.checkpoints:
        checkpoint, data = checkpoint_data.load(path, None)
        rows += word_length_accuracy.losses(
            checkpoint.model,
            data.x_test,
            data.y_test,
            checkpoint.metadata["snr_db"],
            parts,
            options.draws,
            options.seed,
            lambda: progress.advance(task),
        )
    return rows


def smallest(rows: Sequence[dict[str, Any]], modulation: str, part: str) -> dict[str, Any] | None:
    """The row of the smallest word from which on no longer word loses more than the limit."""
    own = sorted(
        (row for row in rows if (row["modulation"], row["part"]) == (modulation, part)),
        key=lambda row: -row["bits"],
    )
    found = None
    for row in own:
        if row["loss"] >= row["limit"]:
            break
        found = row
    return found


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    unit = rows[0]["unit"]
    cells = [
        [
            f"{row['modulation']} {row['part']}",
            str(row["bits"]),
            f"{row['loss']:.3f}",
            f"{row['low']:.3f} … {row['high']:.3f}",
            f"{row['reference']:.2f}",
        ]
        for row in rows
    ]
    reference = "Es/N0 dB in floating point" if unit == "dB" else "percent in floating point"
    title = f"Loss in {rows[0]['study']}, {rows[0]['frames']} frames each"
    return table_of(title, ["", "bits", f"loss in {unit}", "95 % interval", reference], cells)


def _smallest_table(rows: Sequence[dict[str, Any]]) -> Table:
    parts = list(dict.fromkeys(row["part"] for row in rows))
    cells = []
    for modulation in dict.fromkeys(row["modulation"] for row in rows):
        found = [smallest(rows, modulation, part) for part in parts]
        cells.append([modulation, *("none" if row is None else str(row["bits"]) for row in found)])
    title = f"Smallest word that loses less than {rows[0]['limit']:g} {rows[0]['unit']}"
    return table_of(title, ["", *(f"{part} bits" for part in parts)], cells)
