"""`linksim ber`: uncoded bit error rate against SNR."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from linksim import FrameLayout, checks, files, provenance
from linksim.arguments import numbers, parse
from linksim.console import console, progress_on, table_of
from linksim_benchmarks import output
from linksim_benchmarks.ber import FRAME_BITS, Point, simulate
from linksim_benchmarks.pictures import ber_picture

DEFAULT_EBNO_DB = ("0:14:2",)


@dataclass(kw_only=True)
class BerOptions:
    """Simulate the bit error rate of uncoded QAM through the link, beside the closed form."""

    bits_per_symbol: tuple[int, ...] = (2, 4, 6)
    """2, 4, 6, 8 or 10 for 4- to 1024-QAM; several give several curves."""
    channel: tuple[Literal["awgn", "rayleigh"], ...] = ("awgn", "rayleigh")
    """Channels; several give several pictures side by side."""
    ebno_db: tuple[str, ...] = ()
    """Eb/N0 in dB: numbers, or ranges from:to:step with the end included; 0:14:2 by default."""
    snr_db: tuple[str, ...] = ()
    """Es/N0 in dB instead."""
    max_bits: float = 1e6
    """Bits to simulate at each point."""
    demapper: Literal["app", "maxlog"] = "app"
    """Exact LLRs, or their maximum approximation."""
    backend: Literal["sionna"] = "sionna"
    """What computes mapping and LLRs."""
    seed: int = 0
    """Root of the random streams."""
    out: Path = Path("runs/ber")
    """Folder for ber.csv, ber.json and ber.png."""
    json: Path | None = None
    """Also write the JSON here."""
    quiet: bool = False
    """Print nothing."""


def points(options: BerOptions) -> list[Point]:
    """The points of the sweep, in the order of the curves."""
    by_ebno = not options.snr_db
    if options.ebno_db and not by_ebno:
        raise ValueError("give --ebno-db or --snr-db, not both")
    given = options.ebno_db or DEFAULT_EBNO_DB
    values = numbers("--ebno-db", given) if by_ebno else numbers("--snr-db", options.snr_db)
    found: list[Point] = []
    for channel in options.channel:
        for m in options.bits_per_symbol:
            checks.bits_per_symbol(m)
            layout = FrameLayout(tokens=FRAME_BITS // m, codebook_size=2**m, bits_per_symbol=m)
            snrs = [round(layout.esno_db(value), 9) if by_ebno else value for value in values]
            found += [Point(m, channel, snr, options.demapper, options.backend) for snr in snrs]
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
    paths.append(ber_picture(rows, options.out / "ber.png", options.demapper))
    cells = [
        [
            f"{2 ** row['bits_per_symbol']}-QAM {row['channel']}",
            f"{row['ebno_db']:.2f}",
            f"{row['snr_db']:.2f}",
            str(row["bits"]),
            str(row["bit_errors"]),
            f"{row['ber']:.2e}",
            f"{row['low']:.2e} … {row['high']:.2e}",
            f"{row['theory']:.2e}",
            "yes" if row["low"] <= row["theory"] <= row["high"] else "no",
        ]
        for row in rows
    ]
    columns = ["", "Eb/N0 dB", "Es/N0 dB", "bits", "errors", "BER", "95 % interval", "closed form", "inside"]
    target.print(table_of("Uncoded bit error rate", columns, cells))
    target.print("Of many 95 % intervals, about one in twenty misses the closed form by chance.")
    target.print("Written: " + ", ".join(map(str, paths)))
