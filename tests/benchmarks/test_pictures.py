"""Pictures of bit error rate sweeps: what is drawn where."""

import numpy as np
import pytest
from helpers.picture_parts import arrows, bands, legend, lines, markers, secondary
from matplotlib.collections import LineCollection

from linksim.config import CodingOptions, HardwareOptions
from linksim.metrics.theory import bit_error_rate
from linksim_benchmarks.ber import Point
from linksim_benchmarks.ber_rows import simulate
from linksim_benchmarks.pictures.ber import ber_figure
from linksim_benchmarks.pictures.curves import BerSweep, curves_of, looks_of
from linksim_benchmarks.pictures.marks import ARROW_POINTS

POINTS = [Point(m, c, snr) for c in ("awgn", "rayleigh") for m in (2, 4) for snr in (3.0, 7.0, 30.0)]
SWEEP = BerSweep("", [simulate(point, 6000, 0) for point in POINTS], POINTS)
CODED_POINTS = [
    Point(4, "awgn", snr, coding=CodingOptions(code="ldpc", bp_iterations=2)) for snr in (2.0, 6.0)
]
CODED = BerSweep("coded", [simulate(point, 2400, 0) for point in CODED_POINTS], CODED_POINTS)


def part(sweep, *, label=None, **wanted):
    """Points of a sweep with those settings."""
    chosen = [n for n, p in enumerate(sweep.points) if all(getattr(p, k) == v for k, v in wanted.items())]
    rows, points = [sweep.rows[n] for n in chosen], [sweep.points[n] for n in chosen]
    return BerSweep(sweep.label if label is None else label, rows, points)


ONE = part(SWEEP, bits_per_symbol=4, channel="awgn")


def named(sweep, label):
    """The same sweep by another name."""
    return BerSweep(label, sweep.rows, sweep.points)


def test_theory_is_theory():
    figure = ber_figure([SWEEP])
    assert [axes.get_title() for axes in figure.axes] == ["AWGN", "Rayleigh block fading"]
    for axes, channel in zip(figure.axes, ("awgn", "rayleigh"), strict=True):
        drawn = lines(axes)
        assert len(drawn) == 2
        for line, m in zip(drawn, (2, 4), strict=True):
            ebno, rate = line.get_data()
            first = next(r for r in SWEEP.rows if (r["channel"], r["bits_per_symbol"]) == (channel, m))
            offset = first["snr_db"] - first["ebno_db"]
            assert ebno[0] + offset == pytest.approx(3.0)
            for at, found in zip(ebno[::7], rate[::7], strict=True):
                assert found == pytest.approx(bit_error_rate("qam", m, at + offset, channel, "app"))
            assert (rate[:-1] >= axes.get_ylim()[0]).all()
    assert "theory" in legend(figure)


def test_theory_of_a_point_alone_is_a_dash():
    point = BerSweep("", ONE.rows[:1], ONE.points[:1])
    dash, _ = markers(ber_figure([point]).axes[0])
    assert dash.get_marker() == "_"
    assert dash.get_ydata() == pytest.approx([point.rows[0]["theory"]])


def test_the_axis_of_rates_is_that_of_the_points():
    """At Es/N0 30 dB theory is far below all that is simulated."""
    axes = ber_figure([ONE]).axes[0]
    bottom, top = axes.get_ylim()
    assert 1e-6 < bottom < min(row["high"] for row in ONE.rows)
    assert max(row["high"] for row in ONE.rows) < top < 2


def test_points_and_intervals():
    axes = ber_figure([ONE]).axes[0]
    seen = [row for row in ONE.rows if row["bit_errors"]]
    assert len(seen) == 2
    (points,) = markers(axes)
    x, y = points.get_data()
    np.testing.assert_allclose(x, [row["ebno_db"] for row in ONE.rows])
    np.testing.assert_allclose(y[:2], [row["ber"] for row in seen])
    assert np.isnan(y[2])
    (band,) = bands(axes)
    corners = band.get_paths()[0].vertices
    (bars,) = [one for one in axes.collections if type(one) is LineCollection]
    for row, bar in zip(seen, bars.get_segments(), strict=False):
        ends = corners[np.isclose(corners[:, 0], row["ebno_db"]), 1]
        assert min(ends) == pytest.approx(row["low"])
        assert max(ends) == pytest.approx(row["high"])
        np.testing.assert_allclose(bar, [[row["ebno_db"], row["low"]], [row["ebno_db"], row["high"]]])


def test_a_band_beside_theory_bends_with_it():
    """If the points lie on theory, so does the middle of the band."""
    points = [Point(4, "awgn", snr) for snr in (8.0, 16.0)]
    rows = [simulate(point, 600, 0) for point in points]
    for row in rows:
        row |= {"ber": row["theory"], "low": row["theory"] / 2, "high": 2 * row["theory"]}
    axes = ber_figure([BerSweep("", rows, points)], axis="esno").axes[0]
    corners = bands(axes)[0].get_paths()[0].vertices
    at_12 = corners[np.isclose(corners[:, 0], 12.0), 1]
    theory = bit_error_rate("qam", 4, 12.0, "awgn", "app")
    np.testing.assert_allclose(sorted(set(at_12)), [theory / 2, 2 * theory], rtol=1e-6)


def test_points_without_errors_are_arrows_from_the_bound():
    figure = ber_figure([part(SWEEP, channel="awgn")])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    unseen = [row for row in SWEEP.rows if row["channel"] == "awgn" and not row["bit_errors"]]
    found = arrows(axes)
    assert len(found) == len(unseen) == 2
    for arrow, row in zip(found, unseen, strict=True):
        assert arrow.get_xdata() == pytest.approx([row["ebno_db"]])
        assert arrow.get_ydata() == pytest.approx([row["high"]])
        foot = arrow.get_transform().transform(arrow.get_xydata())[0, 1] - ARROW_POINTS * figure.dpi / 72
        assert foot > axes.bbox.y0
    assert "no errors: upper bound" in legend(figure)


def test_arrows_at_one_place_stand_side_by_side():
    figure = ber_figure([named(ONE, label) for label in "abc"])
    figure.draw_without_rendering()
    found = arrows(figure.axes[0])
    assert len(found) == 3
    places = [arrow.get_transform().transform(arrow.get_xydata())[0, 0] for arrow in found]
    gaps = np.diff(sorted(places))
    assert (gaps > 3 * figure.dpi / 72).all()
    assert places[0] == pytest.approx(np.median(places))


@pytest.mark.parametrize("reason", ["time limit", None])
def test_points_cut_short_are_hollow(reason):
    rows = [{**row, "stopped_by": reason if n in (0, 2) else "max bits"} for n, row in enumerate(ONE.rows)]
    figure = ber_figure([BerSweep("", rows, ONE.points)])
    faces = {line.get_markerfacecolor() for line in markers(figure.axes[0])}
    assert "white" in faces
    assert len(faces) == 2
    assert arrows(figure.axes[0])[0].get_markerfacecolor() == "white"
    assert "hollow: cut short" in legend(figure)
    assert "hollow: cut short" not in legend(ber_figure([ONE]))


@pytest.mark.parametrize("axis", ["ebno", "esno"])
def test_the_other_snr_stands_above(axis):
    figure = ber_figure([ONE], axis=axis)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    offset = Point(4, "awgn", 0.0).config().layout.esno_db(0.0)
    below, above = np.array(axes.get_xlim()), np.array(secondary(axes).get_xlim())
    np.testing.assert_allclose(above - below, offset if axis == "ebno" else -offset, rtol=1e-9)
    assert "b" in (axes if axis == "ebno" else secondary(axes)).get_xlabel()
    places = [row["ebno_db" if axis == "ebno" else "snr_db"] for row in ONE.rows]
    np.testing.assert_allclose(markers(axes)[0].get_xdata(), places)


def test_curves_without_a_common_offset_have_one_axis():
    for axes in ber_figure([SWEEP]).axes:
        assert not axes.child_axes


def test_coded_curves_are_joined_and_stand_beside_uncoded_ones():
    figure = ber_figure([named(ONE, "uncoded"), CODED])
    assert legend(figure)[:2] == ["uncoded: 16-QAM", "coded: 16-QAM, LDPC 1/2"]
    axes = figure.axes[0]
    joined = [line for line in axes.lines if line.get_marker() == "None"]
    assert any(
        len(line.get_xdata()) == 2 and np.allclose(line.get_xdata(), [r["ebno_db"] for r in CODED.rows])
        for line in joined
    )
    first, second = looks_of(curves_of([named(ONE, "uncoded"), CODED])).values()
    assert first.marker != second.marker
    assert first.color != second.color
    assert first.line != second.line


def test_frame_error_rates():
    axes = ber_figure([ONE], rate="fer").axes[0]
    assert "frame" in axes.get_ylabel()
    assert not any(len(line.get_xdata()) > 3 for line in axes.lines)
    (points,) = markers(axes)
    np.testing.assert_allclose(points.get_ydata()[:2], [row["fer"] for row in ONE.rows[:2]])


def test_soft_beside_hard():
    point = Point(2, "awgn", 3.0, paths=("hard", "soft"))
    rows = [{**simulate(point, 2400, 0), "path": path} for path in ("hard", "soft")]
    figure = ber_figure([BerSweep("", rows, [point] * 2)])
    assert legend(figure)[:2] == ["4-QAM, hard path", "4-QAM, soft path"]
    _, hard, soft = markers(figure.axes[0])
    assert hard.get_color() == soft.get_color()
    assert soft.get_markersize() > hard.get_markersize()


def test_labels_say_in_what_curves_differ():
    points = [
        Point(4, "awgn", 3.0),
        Point(4, "awgn", 3.0, demapper="maxlog"),
        Point(4, "awgn", 3.0, demapper="maxlog", hardware=HardwareOptions(adc_bits=3)),
        Point(4, "awgn", 3.0, coding=CodingOptions(code="ldpc", code_rate=0.4, crc="CRC11")),
    ]
    row = {"bits_per_symbol": 4, "modulation": "qam", "snr_db": 3.0}
    assert [curve.label for curve in curves_of([BerSweep("a_b$", [row] * 4, points)])] == [
        r"a_b\$: 16-QAM, app demapper",
        r"a_b\$: 16-QAM, maxlog demapper",
        r"a_b\$: 16-QAM, maxlog demapper, ADC 3 bits",
        r"a_b\$: 16-QAM, LDPC 2/5, app demapper, CRC11",
    ]


def test_rows_and_points_must_fit():
    with pytest.raises(ValueError, match="points must have one entry for each row"):
        ber_figure([BerSweep("", ONE.rows, ONE.points[:1])])
    with pytest.raises(ValueError, match="at least one row"):
        ber_figure([])
