"""`linksim ber`: bit and frame error rate against SNR."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from rich.table import Table

from linksim import checks, provenance
from linksim.arguments import numbers, parse
from linksim.config import (
    ChannelName,
    ChannelOptions,
    CodingOptions,
    Demapper,
    HardwareOptions,
)
from linksim.console import console, table_of
from linksim.inputs import check_snr
from linksim_benchmarks import output
from linksim_benchmarks.ber import CHUNK_BITS, FRAME_BITS, PATHS, Point, modulation_name
from linksim_benchmarks.ber_rows import points_of
from linksim_benchmarks.ber_rows import rows as ber_rows
from linksim_benchmarks.montecarlo.engine import counted
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.pictures.ber import ber_figure
from linksim_benchmarks.pictures.curves import BerSweep
from linksim_benchmarks.pictures.save import save_all
from linksim_benchmarks.sweep_options import SweepOptions, folder_of, results, run_stored

DEFAULT_EBNO_DB = ("0:14:2",)
USUAL_FOLDER = Path("runs/ber")
FIXED_BITS = 1e6
OPEN_BITS = 1e8
LARGE_BITS = 2e7
"""Of a sweep that is worth the seconds that compiling takes once on a machine."""


@dataclass(kw_only=True)
class BerOptions:
    """Simulate bit and frame error rates through the link, uncoded beside the closed form, or coded."""

    bits_per_symbol: tuple[int, ...] = (2, 4, 6)
    """2, 4, 6, 8 or 10 for 4- to 1024-QAM, 1 to 6 for PSK (1 is BPSK); several give several curves."""
    modulation: Literal["qam", "psk"] = "qam"
    """Gray-labelled square QAM or PSK."""
    channel: tuple[ChannelName, ...] = ("awgn", "rayleigh")
    """Channels; several give several pictures side by side. Fading is constant over a frame, or with -fast
    new for every symbol; bsc is the binary symmetric channel left by hard decisions on BPSK."""
    frame_bits: int = FRAME_BITS
    """Information bits per frame."""
    ebno_db: tuple[str, ...] = ()
    """Eb/N0 in dB: numbers, or ranges from:to:step with the end included; 0:14:2 by default."""
    snr_db: tuple[str, ...] = ()
    """Es/N0 in dB instead."""
    max_bits: float | None = None
    """Information bits at each point at most; by default 1e6, or 1e8 with --target-errors or
    --relative-width."""
    target_ber: float | None = None
    """End a curve, in the order given, at the first point whose bit error rate is at most this."""
    paths: tuple[Literal["hard", "soft"], ...] = ("hard",)
    """Hard as deployed, and the soft path on the same bits and draws: by the mirror law it counts the same.
    Stopping looks at the hard one, if it is there."""
    demapper: Demapper = "app"
    """Exact LLRs, or their maximum approximation."""
    backend: Literal["auto", "sionna", "fused"] = "auto"
    """What computes LLRs: Sionna; or compiled loops, with equal LLRs and on the same random numbers. By
    default those if the sweep is large. Each row says which it was."""
    seed: int = 0
    """Root of the random streams."""
    out: Path | None = None
    """Folder for ber.csv, ber.json, pictures, and ber.sqlite, from which an interrupted sweep goes on;
    runs/ber by default or, if that holds another sweep, a folder beside it."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""
    fading: ChannelOptions = field(default_factory=ChannelOptions)
    coding: CodingOptions = field(default_factory=CodingOptions)
    hardware: HardwareOptions = field(default_factory=HardwareOptions)
    sweep: SweepOptions = field(default_factory=SweepOptions)


def points(options: BerOptions) -> list[Point]:
    """The points of the sweep, in the order of the curves."""
    by_ebno = not options.snr_db
    if options.ebno_db and not by_ebno:
        raise ValueError("give --ebno-db or --snr-db, not both")
    given = options.ebno_db or DEFAULT_EBNO_DB
    values = numbers("--ebno-db", given) if by_ebno else numbers("--snr-db", options.snr_db)
    checks.whole("--frame-bits", options.frame_bits, 1)
    found: list[Point] = []
    for channel in options.channel:
        for m in options.bits_per_symbol:
            curve = Point(
                checks.bits_per_symbol(m, options.modulation),
                channel,
                0.0,
                options.demapper,
                "fused" if options.backend == "fused" else "sionna",
                options.modulation,
                options.fading,
                options.coding,
                options.hardware,
                options.frame_bits,
                tuple(path for path in PATHS if path in options.paths),
            )
            layout = curve.config().layout
            snrs = [round(layout.esno_db(value), 9) if by_ebno else value for value in values]
            found += [replace(curve, snr_db=snr) for snr in snrs]
    if not found or not options.paths:
        raise ValueError(
            "nothing to simulate: give at least one --channel, one --bits-per-symbol and one of --paths"
        )
    for point in found:
        check_snr(point.snr_db, 1, torch.float32)  # before anything is written
    return list(dict.fromkeys(found))


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim ber`."""
    options = parse(BerOptions, arguments, "ber")
    checks.whole("--seed", options.seed, 0)
    open_ended = options.sweep.target_errors is not None or options.sweep.relative_width is not None
    most = (OPEN_BITS if open_ended else FIXED_BITS) if options.max_bits is None else options.max_bits
    if options.target_ber is not None:
        checks.real("--target-ber", options.target_ber, least=0, most=1)
    rule = options.sweep.rule(int(checks.real("--max-bits", most, least=1, most=1e12)), options.target_ber)
    grid = points(options)
    settings = {"chunk_bits": CHUNK_BITS, "paths": sorted(set(options.paths)), "bits": "packed"}
    sweep = Sweep("ber", grid, options.seed, settings)
    if options.backend == "auto":
        planned = sum(state.remaining_bits() for state in counted(sweep, rule).states)
        if planned >= LARGE_BITS:
            sweep = replace(sweep, points=[replace(point, backend="fused") for point in grid])
    target = console(options.quiet)
    folder = folder_of(options.out, USUAL_FOLDER, "ber.sqlite", sweep)
    store = folder / "ber.sqlite"
    output.check_places(results("ber", folder), options.json)
    progress = run_stored(sweep, rule, options.sweep, store, target, "Bit error rate")
    rows = ber_rows(progress, options.sweep.interval)
    if not rows:
        target.print("The time limit ended the sweep before the first point: the same command goes on.")
        return
    configuration = {**sweep.configuration(), "rule": asdict(rule), "interval": options.sweep.interval}
    backends = ", ".join(sorted({row["backend"] for row in rows}))
    counting = {"bits": progress.bits, "seconds": progress.seconds}
    card = {**provenance.card(options.seed, backends, configuration), "counting": counting}
    paths = [*output.write_results(folder, "ber", rows, card, options.json), store]
    run_points = points_of(progress)
    paths += save_all(ber_figure([BerSweep("", rows, run_points)]), folder / "ber")
    target.print(_table(rows, options.coding))
    if any(row["theory"] is not None for row in rows):
        target.print("Of many 95 % intervals, about one in twenty misses the closed form by chance.")
    if any(row["evm_percent"] for row in rows):
        evm = max(row["evm_percent"] for row in rows)
        target.print(f"Error vector magnitude behind converters and amplifier: up to {evm:.2f} %")
    if progress.bits:
        rate = progress.bits / progress.seconds / 1e6
        target.print(f"{progress.bits:.3g} bits in {progress.seconds:.1f} s, {rate:.3g} Mbit/s ({backends})")
    target.print("Written: " + ", ".join(map(str, paths)))


def _table(rows: Sequence[Mapping[str, Any]], coding: CodingOptions) -> Table:
    closed_form = any(row["theory"] is not None for row in rows)
    cells = [
        [
            f"{modulation_name(row)} {row['channel']}{'' if row['path'] == 'hard' else ', soft path'}",
            f"{row['ebno_db']:.2f}",
            f"{row['snr_db']:.2f}",
            str(row["bits"]),
            str(row["bit_errors"]),
            f"{row['ber']:.2e}",
            f"{row['low']:.2e} … {row['high']:.2e}",
            *_reference(row, closed_form),
        ]
        for row in rows
    ]
    columns = ["", "Eb/N0 dB", "Es/N0 dB", "bits", "errors", "BER", "95 % interval"]
    if not closed_form:
        title = "Bit and frame error rate" if coding.code == "none" else f"LDPC, rate {coding.code_rate:g}"
        return table_of(title, [*columns, "FER", "95 % interval"], cells)
    return table_of("Uncoded bit error rate", [*columns, "closed form", "inside"], cells)


def _reference(row: Mapping[str, Any], closed_form: bool) -> list[str]:
    if not closed_form:
        return [f"{row['fer']:.2e}", f"{row['fer_low']:.2e} … {row['fer_high']:.2e}"]
    if row["theory"] is None:
        return ["–", ""]
    return [f"{row['theory']:.2e}", "yes" if row["low"] <= row["theory"] <= row["high"] else "no"]
