"""Pictures of accuracy sweeps: what is drawn where."""

import numpy as np
import pytest
from helpers.picture_parts import accuracy_rows, bands, legend, markers, secondary

from linksim_benchmarks.pictures.accuracy import AccuracySweep, accuracy_figure


def test_accuracies_and_their_gap():
    rows = accuracy_rows()
    figure = accuracy_figure([AccuracySweep("", rows, 8.0)])
    figure.draw_without_rendering()
    top, below = figure.axes
    hard = markers(top)[0]
    np.testing.assert_allclose(hard.get_xydata(), [[-2, 55], [8, 80]])
    corners = bands(top)[0].get_paths()[0].vertices
    np.testing.assert_allclose(sorted(set(corners[np.isclose(corners[:, 0], 8), 1])), [70, 85])
    (gap,) = markers(below)
    np.testing.assert_allclose(gap.get_xydata(), [[-2, -5], [8, -5]])
    corners = bands(below)[0].get_paths()[0].vertices
    assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx((-7, -2))
    assert any(list(line.get_ydata()) == [0, 0] for line in below.lines)
    np.testing.assert_allclose(secondary(top).get_xlim(), np.array(top.get_xlim()) - 6)
    noiseless = [line for line in top.lines if list(line.get_ydata()) == [90, 90]]
    assert len(noiseless) == 1
    assert noiseless[0].get_linestyle() == "--"
    assert legend(figure) == [
        "hard (deployed)",
        "hard, MAP receiver",
        "soft (surrogate)",
        "separate coding",
        "no link",
        "trained at 8 dB",
    ]


def test_accuracies_without_gap_have_one_panel():
    assert len(accuracy_figure([AccuracySweep("", accuracy_rows(gap=False))]).axes) == 1


def test_columns_of_older_rows_suffice():
    rows = [
        {"snr_db": snr, "ebno_db": snr - 2, "path": "hard", "accuracy": 0.5, "low": 0.4, "high": 0.6}
        for snr in (1.0, 2.0)
    ]
    assert legend(accuracy_figure([AccuracySweep("", rows)])) == ["hard (deployed)"]


def test_accuracies_over_each_other():
    sweeps = [
        AccuracySweep("a", accuracy_rows(((0.1, 0.1), (1.0, 0.7))), 8.0),
        AccuracySweep("b", accuracy_rows(baselines=False), (-2.0, 4.0)),
    ]
    figure = accuracy_figure(sweeps, axis="ebno")
    found = legend(figure)
    assert "a: soft (surrogate), T 1/0.7" in found
    assert "b: soft (surrogate), T 0.7/0.7" in found
    assert found[-2:] == ["trained at 8 dB", "trained at −2 to 4 dB"]
    assert any(list(line.get_xdata()) == [2.0, 2.0] for line in figure.axes[0].lines)
    keys = dict(zip(found, figure.legends[0].legend_handles, strict=True))
    assert keys["a: hard (deployed)"].get_color() == keys["b: hard (deployed)"].get_color()
    assert keys["a: hard (deployed)"].get_linestyle() != keys["b: hard (deployed)"].get_linestyle()


def test_the_second_axis_is_the_models_if_a_baseline_has_another_rate():
    rows = accuracy_rows()
    for row in rows:
        row["ebno_db"] = row["snr_db"] - 4 if row["path"] == "separate" else row["ebno_db"]
    top = accuracy_figure([AccuracySweep("", rows)]).axes[0]
    assert secondary(top).get_xlabel().endswith("model")


def test_no_rows():
    with pytest.raises(ValueError, match="at least one row"):
        accuracy_figure([AccuracySweep("", [])])
