"""Error rates against SNR: theory as thin lines, simulation as points with bands."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, log10
from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from linksim.channel_options import CHANNEL_KINDS, ChannelName
from linksim_benchmarks.pictures.curves import BerSweep, Curve, curves_of, looks_of
from linksim_benchmarks.pictures.layout import COLUMN, Axis, common_offset, finish, snr_axes
from linksim_benchmarks.pictures.marks import (
    Band,
    arrow_key,
    curve_key,
    draw_bounds,
    draw_points,
    hollow_key,
)
from linksim_benchmarks.pictures.style import (
    GREY,
    ONE_COLUMN,
    TWO_COLUMNS,
    Look,
    picture_style,
    plain,
)

Rate = Literal["ber", "fer"]
Line = tuple[np.ndarray, np.ndarray]
RATES = {
    "ber": ("bit error rate", ("ber", "low", "high")),
    "fer": ("frame error rate", ("fer", "fer_low", "fer_high")),
}
"""Rate → label of the axis, columns."""
CUT = ("time limit", None)
"""Why a point was not counted to the end."""
PANEL_HEIGHT = 2.9
THEORY_STEP_DB, MOST_STEPS = 0.25, 120
THIN, DASH_SIZE = 0.7, 14
LEAST = 1e-300
DEEPEST = 50
"""How far below a rate its interval is shown, as a factor."""


def ber_figure(
    sweeps: Sequence[BerSweep], axis: Axis = "ebno", rate: Rate = "ber", title: str = ""
) -> Figure:
    """Error rate against SNR, a panel per channel.

    Theory is a thin line, simulated points are markers with a band from end to end of their intervals. Where
    there is no theory the points are joined. A point without errors is an arrow that hangs from its upper
    bound, and one that was cut short is hollow. If one offset leads from Eb/N0 to Es/N0 for all curves of a
    panel, the other SNR stands above it.

    Args:
        sweeps: drawn over each other.
        axis: which SNR is below: "ebno" or "esno".
        rate: "ber" or "fer", of bits or frames.
        title: of the figure.

    Raises:
        ValueError: if there are no rows, or a sweep has not one point for each row.
    """
    curves = curves_of(sweeps)
    if not curves:
        raise ValueError("sweeps must have at least one row, got none")
    looks = looks_of(curves)
    channels: list[ChannelName] = list(dict.fromkeys(curve.channel for curve in curves))
    columns = min(len(channels), 2)
    lines = ceil(len(channels) / columns)
    with picture_style():
        width = ONE_COLUMN if columns == 1 else TWO_COLUMNS
        figure = Figure(figsize=(width, PANEL_HEIGHT * lines), layout="constrained")
        theory = False
        for number, channel in enumerate(channels):
            axes = figure.add_subplot(lines, columns, number + 1)
            own = [curve for curve in curves if curve.channel == channel]
            theory |= _draw_panel(axes, own, looks, axis, rate)
            axes.set_title(CHANNEL_KINDS[channel].title)
            if number % columns == 0:
                axes.set_ylabel(RATES[rate][0])
        keys = _keys(curves, looks, rate, theory)
        finish(figure, (width, PANEL_HEIGHT * lines), keys, plain(title))
    return figure


@dataclass
class _Panel:
    """One channel.

    Attributes:
        axes: to draw into.
        place: column of the SNR.
        columns: of the rate and the ends of its interval.
        bottom: of the axis of rates.
        taken: place and bound of arrows → how many there are.
    """

    axes: Axes
    place: str
    columns: tuple[str, str, str]
    bottom: float
    taken: Counter[tuple[float, float]] = field(default_factory=Counter)

    def theory(self, curves: Sequence[Curve]) -> Line:
        """Rates of one link from the first point to the last, as far as the axis shows them."""
        rows = [row for curve in curves for row in curve.rows]
        places = [row[self.place] for row in rows]
        steps = min(MOST_STEPS, ceil((max(places) - min(places)) / THEORY_STEP_DB))
        offset = rows[0]["snr_db"] - rows[0][self.place]
        x, y = [], []
        for place in np.union1d(np.linspace(min(places), max(places), steps + 1), places):
            rate = replace(curves[0].point, snr_db=float(place + offset)).theory()
            if not rate:  # below all numbers
                break
            x.append(place)
            y.append(rate)
            if rate < self.bottom:
                break
        return np.array(x), np.array(y)

    def simulated(self, curve: Curve, look: Look, theory: Line | None) -> None:
        """Points, bands and arrows of a curve; joined where there is no theory."""
        value, low, high = (np.array([row[name] for row in curve.rows], dtype=float) for name in self.columns)
        x = np.array([row[self.place] for row in curve.rows], dtype=float)
        hollow = np.array([row.get("stopped_by", "") in CUT for row in curve.rows])
        seen = value > 0
        # A logarithmic axis has no place for an end at zero.
        low = np.maximum(low, self.bottom / 10)
        rates, lows, highs = (np.where(seen, one, np.nan) for one in (value, low, high))
        band = None
        if theory is not None:
            band = _band(curve, x, lows, highs, theory)
        draw_points(
            self.axes, x, rates, lows, highs, look, hollow=hollow.tolist(), joined=theory is None, band=band
        )
        x, high, hollow = x[~seen], high[~seen], hollow[~seen]
        aside = [self._aside(*bound) for bound in zip(x.tolist(), high.tolist(), strict=True)]
        draw_bounds(self.axes, x, high, look, hollow=hollow.tolist(), aside=aside)

    def _aside(self, x: float, high: float) -> int:
        """Equally many bits without errors give one bound: 0 for its first arrow, then 1, -1, 2, …"""
        place = round(x, 6), round(log10(high), 2)
        self.taken[place] += 1
        number = self.taken[place]
        return number // 2 if number % 2 == 0 else -(number // 2)


def _draw_panel(axes: Axes, curves: Sequence[Curve], looks: dict[str, Look], axis: Axis, rate: Rate) -> bool:
    """Draw the curves of a channel; returns whether there is theory."""
    bottom, top = _ends(curves, rate)
    axes.set(yscale="log", ylim=(bottom, top))
    axes.yaxis.set_major_locator(LogLocator(numticks=12))
    if top / bottom > 100:
        axes.yaxis.set_minor_formatter(NullFormatter())
    offsets = [row["snr_db"] - row["ebno_db"] for curve in curves for row in curve.rows]
    snr_axes(axes, axis, common_offset(offsets))
    panel = _Panel(axes, COLUMN[axis], RATES[rate][1], bottom)
    by_link: dict[str, list[Curve]] = {}
    for curve in curves:
        by_link.setdefault(curve.link, []).append(curve)
    some = False
    for same in by_link.values():
        theory = None
        if rate == "ber" and same[0].rows[0]["theory"] is not None:
            theory = panel.theory(same)
            colors = {looks[curve.label].color for curve in same}
            # A line of one point would not be seen.
            marker = "_" if len(theory[0]) == 1 else None
            color = colors.pop() if len(colors) == 1 else GREY
            axes.plot(*theory, color=color, linewidth=THIN, marker=marker, markersize=DASH_SIZE)
            some = True
        for curve in same:
            panel.simulated(curve, looks[curve.label], theory)
    return some


def _band(curve: Curve, x: np.ndarray, low: np.ndarray, high: np.ndarray, theory: Line) -> Band:
    """A band that follows theory: between points its edges keep their ratio to it, interpolated.

    Straight edges would leave a line that bends, as if theory were outside the intervals.
    """
    places, rates = theory
    own = (places >= x[0]) & (places <= x[-1])
    places, rates = places[own], rates[own]
    expected = np.maximum([row["theory"] for row in curve.rows], LEAST)
    low, high = (rates * np.exp(np.interp(places, x, np.log(edge / expected))) for edge in (low, high))
    return places, low, high


def _ends(curves: Sequence[Curve], rate: Rate) -> tuple[float, float]:
    """Ends of the axis of rates: all points, and arrows in full length; theory has no say."""
    value, low, high = RATES[rate][1]
    rows = [row for curve in curves for row in curve.rows]
    top = 1.6 * max(row[high] for row in rows)
    seen = [max(row[low], row[value] / DEEPEST) for row in rows if row[value]]
    unseen = [row[high] for row in rows if not row[value]]
    bottom = 0.7 * min(seen + unseen)
    if unseen:
        # An arrow takes up to an eighth of the axis.
        decades = log10(top / min(unseen)) / (1 - 1 / 8)
        bottom = min(bottom, top / 10**decades)
    return min(bottom, top / 10), top


def _keys(
    curves: Sequence[Curve], looks: dict[str, Look], rate: Rate, theory: bool
) -> list[tuple[Artist, str]]:
    """What the legend explains: the curves, then what marks and lines mean."""
    rows = [row for curve in curves for row in curve.rows]
    simulated = {curve.label: rate == "fer" or curve.rows[0]["theory"] is None for curve in curves}
    keys: list[tuple[Artist, str]] = [
        (curve_key(looks[label], joined), label) for label, joined in simulated.items()
    ]
    if theory:
        keys.append((Line2D([], [], color=GREY, linewidth=THIN), "theory"))
    if not all(row[rate] for row in rows):
        keys.append((arrow_key(), "no errors: upper bound"))
    if any(row.get("stopped_by", "") in CUT for row in rows):
        keys.append((hollow_key(), "hollow: cut short"))
    return keys
