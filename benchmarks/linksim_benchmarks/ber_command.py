"""`linksim ber`: bit and frame error rate against SNR."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from linksim import checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.config import (
    Backend,
    ChannelName,
    ChannelOptions,
    CodingOptions,
    Demapper,
    HardwareOptions,
)
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import output
from linksim_benchmarks.ber import FRAME_BITS, Point, modulation_name, simulate
from linksim_benchmarks.pictures import ber_picture

DEFAULT_EBNO_DB = ("0:14:2",)


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
    max_bits: float = 1e6
    """Bits to simulate at each point."""
    demapper: Demapper = "app"
    """Exact LLRs, or their maximum approximation."""
    backend: Backend = "sionna"
    """What computes mapping and LLRs."""
    seed: int = 0
    """Root of the random streams."""
    out: Path = Path("runs/ber")
    """Folder for ber.csv, ber.json and ber.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""
    fading: ChannelOptions = field(default_factory=ChannelOptions)
    coding: CodingOptions = field(default_factory=CodingOptions)
    hardware: HardwareOptions = field(default_factory=HardwareOptions)


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
                options.backend,
                options.modulation,
                options.fading,
                options.coding,
                options.hardware,
                options.frame_bits,
            )
            layout = curve.config().layout
            snrs = [round(layout.esno_db(value), 9) if by_ebno else value for value in values]
            found += [replace(curve, snr_db=snr) for snr in snrs]
    if not found:
        raise ValueError("nothing to simulate: give at least one --channel and one --bits-per-symbol")
    return found


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim ber`."""
    options = parse(BerOptions, arguments, "ber")
    files.check_writable(options.out / "ber.json", options.json)
    bits = int(checks.real("--max-bits", options.max_bits, least=1, most=1e12))
    checks.whole("--seed", options.seed, 0)
    sweep = points(options)
    target = console(options.quiet)
    with progress_on(target) as progress:
        tracked = progress.track(sweep, description="bit error rate")
        rows = [simulate(point, bits, options.seed) for point in tracked]
    configuration = {"points": [asdict(point) for point in sweep], "bits": bits}
    card = provenance.card(options.seed, options.backend, configuration)
    paths = output.write_results(options.out, "ber", rows, card, options.json)
    paths.append(ber_picture(rows, options.out / "ber.png", sweep))
    target.print(_table(rows, options.coding))
    if any(row["theory"] is not None for row in rows):
        target.print("Of many 95 % intervals, about one in twenty misses the closed form by chance.")
    if any(row["evm_percent"] for row in rows):
        evm = max(row["evm_percent"] for row in rows)
        target.print(f"Error vector magnitude behind converters and amplifier: up to {evm:.2f} %")
    target.print("Written: " + ", ".join(map(str, paths)))


def _table(rows: Sequence[Mapping[str, Any]], coding: CodingOptions) -> Table:
    cells = [
        [
            f"{modulation_name(row)} {row['channel']}",
            f"{row['ebno_db']:.2f}",
            f"{row['snr_db']:.2f}",
            str(row["bits"]),
            str(row["bit_errors"]),
            f"{row['ber']:.2e}",
            f"{row['low']:.2e} … {row['high']:.2e}",
            *_reference(row),
        ]
        for row in rows
    ]
    columns = ["", "Eb/N0 dB", "Es/N0 dB", "bits", "errors", "BER", "95 % interval"]
    if rows[0]["theory"] is None:
        title = "Bit and frame error rate" if coding.code == "none" else f"LDPC, rate {coding.code_rate:g}"
        return table_of(title, [*columns, "FER", "95 % interval"], cells)
    return table_of("Uncoded bit error rate", [*columns, "closed form", "inside"], cells)


def _reference(row: Mapping[str, Any]) -> list[str]:
    if row["theory"] is None:
        return [f"{row['fer']:.2e}", f"{row['fer_low']:.2e} … {row['fer_high']:.2e}"]
    return [f"{row['theory']:.2e}", "yes" if row["low"] <= row["theory"] <= row["high"] else "no"]
