"""Bit error rate sweeps put in order: which rows make a curve, and what a legend calls it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from linksim.channel_options import ChannelName, idle_options
from linksim.provenance import configuration_hash
from linksim_benchmarks.ber import Point, modulation_name
from linksim_benchmarks.pictures.style import COLORS, CROSSES, LINES, MARKERS, Look, Rows, plain

SAYINGS = {
    "demapper": "{} demapper",
    "frame_bits": "{} bits a frame",
    "rician_k": "K = {:g}",
    "csi_error": "CSI error {:g}",
    "crc": "{}",
    "interleaver": "interleaver {}",
    "bp_iterations": "{} iterations",
    "bp_early_stop": "early stop {}",
    "code_gradient": "{}",
    "dac_bits": "DAC {} bits",
    "dac_backoff_db": "DAC back-off {:g} dB",
    "pa_backoff_db": "PA back-off {:g} dB",
    "pa_smoothness": "PA p = {:g}",
    "adc_bits": "ADC {} bits",
    "adc_backoff_db": "ADC back-off {:g} dB",
    "llr_bits": "LLRs {} bits",
    "llr_step": "LLR step {:g}",
}
"""How a legend says a setting in which curves differ."""
TOLD = ("bits_per_symbol", "modulation", "channel", "code", "code_rate")
"""Settings that a label or the title of a panel always has."""
PARTS = {"dac": "dac_bits", "pa": "pa_backoff_db", "adc": "adc_bits", "llr": "llr_bits"}
"""Beginning of a setting's name → setting without which it means nothing."""


@dataclass(frozen=True)
class BerSweep:
    """Results of `linksim ber`.

    Attributes:
        label: in front of its curves in the legend; empty if there is but one sweep.
        rows: as `ber_rows.rows` has them.
        points: of the rows, in their order.
    """

    label: str
    rows: Rows
    points: Sequence[Point]


@dataclass
class Curve:
    """Rows that differ in their SNR alone.

    Attributes:
        sweep: number of the sweep.
        prefix: label of the sweep.
        name: such as "16-QAM, LDPC 1/2", the same for the same link in every sweep.
        channel: over which it was sent.
        path: "hard" or "soft", empty if all curves are of the hard path.
        link: names what its points have in common.
        point: one of them.
        rows: in the order of their SNR.
    """

    sweep: int
    prefix: str
    name: str
    channel: ChannelName
    path: str
    link: str
    point: Point
    rows: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What the legend calls it."""
        name = f"{self.name}, {self.path} path" if self.path else self.name
        return plain(f"{self.prefix}: {name}" if self.prefix else name)


def curves_of(sweeps: Sequence[BerSweep]) -> list[Curve]:
    """The curves of all sweeps, in the order given.

    Raises:
        ValueError: if a sweep has not one point for each row.
    """
    for sweep in sweeps:
        if len(sweep.rows) != len(sweep.points):
            count = f"{len(sweep.points)} points for {len(sweep.rows)} rows"
            raise ValueError(f"points must have one entry for each row, got {count}")
    pairs = [
        (n, row, point)
        for n, sweep in enumerate(sweeps)
        for row, point in zip(sweep.rows, sweep.points, strict=True)
    ]
    settings = [_settings(point) for _, _, point in pairs]
    differing = _differing(settings)
    with_path = {_path(row) for _, row, _ in pairs} != {"hard"}
    found: dict[tuple[int, str, str], Curve] = {}
    for (number, row, point), own in zip(pairs, settings, strict=True):
        path, link = _path(row) if with_path else "", configuration_hash(point.curve())
        if (number, link, path) not in found:
            name = ", ".join(_name(row, own, differing))
            curve = Curve(number, sweeps[number].label, name, point.channel, path, link, point)
            found[number, link, path] = curve
        found[number, link, path].rows.append(row)
    for curve in found.values():
        curve.rows.sort(key=lambda row: row["snr_db"])
    return list(found.values())


def looks_of(curves: Sequence[Curve]) -> dict[str, Look]:
    """A look for each label.

    Curves of the same link have the same colour in every sweep and on both paths. If there is only one,
    colours tell sweeps apart. Line styles are those of the sweeps. Every curve has a marker of its own; on
    the soft path a cross, which shows behind the marker of the hard path that counts the same.
    """
    names = list(dict.fromkeys(curve.name for curve in curves))
    found: dict[str, Look] = {}
    of_hard = 0
    for curve in curves:
        if curve.label in found:
            continue
        color = names.index(curve.name) if len(names) > 1 else curve.sweep
        if curve.path == "soft":
            marker = CROSSES[curve.sweep % len(CROSSES)]
        else:
            marker = MARKERS[of_hard % len(MARKERS)]
            of_hard += 1
        found[curve.label] = Look(COLORS[color % len(COLORS)], marker, LINES[curve.sweep % len(LINES)])
    return found


def _path(row: Mapping[str, Any]) -> str:
    return row.get("path", "hard")


def _settings(point: Point) -> dict[str, Any]:
    """All that a point is made of but its SNR, by name; without what has no effect on it."""
    flat: dict[str, Any] = {}
    for name, value in point.curve().items():
        flat |= value if isinstance(value, Mapping) else {name: value}
    if flat["code"] == "none":
        idle = {
            "code_rate",
            "interleaver",
            "bp_iterations",
            "bp_early_stop",
            "code_gradient",
            "frame_bits",
        }
    else:
        idle = set()
    idle |= idle_options(point.channel)
    for beginning, needed in PARTS.items():
        if flat.get(needed) is None:
            idle |= {name for name in flat if name.startswith(f"{beginning}_")} - {needed}
    return {name: value for name, value in flat.items() if name not in idle}


def _differing(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of settings that have different values at the points at which they have an effect."""
    values: dict[str, set[str]] = {}
    for one in settings:
        for name, value in one.items():
            values.setdefault(name, set()).add(repr(value))
    return [name for name, found in values.items() if name not in TOLD and len(found) > 1]


def _name(row: Mapping[str, Any], settings: Mapping[str, Any], differing: Sequence[str]) -> list[str]:
    found = [modulation_name(row)]
    if settings["code"] != "none":
        found.append(f"{settings['code'].upper()} {_rate(settings['code_rate'])}")
    for name in differing:
        value = settings.get(name)
        if value is not None and (name != "crc" or value != "none"):
            found.append(SAYINGS.get(name, name.replace("_", " ") + " {}").format(value))
    return found


def _rate(rate: float) -> str:
    fraction = Fraction(rate).limit_denominator(12)
    return str(fraction) if abs(float(fraction) - rate) < 1e-9 else f"{rate:.3g}"
