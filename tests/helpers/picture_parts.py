"""What is drawn in a picture, and rows of accuracies to draw."""

import matplotlib
from matplotlib.collections import FillBetweenPolyCollection


def accuracy_rows(temperatures=((0.7, 0.7),), gap=True, baselines=True):
    rows = []

    def add(path, snr, accuracy, label=None, temperatures=(None, None), gap=(None, None, None)):
        rows.append(
            {
                "snr_db": snr,
                "ebno_db": None if path == "noiseless" else snr - 6.0,
                "path": path,
                "accuracy": accuracy,
                "low": accuracy - 0.1,
                "high": accuracy + 0.05,
                "vq_temp": temperatures[0],
                "symbol_temp": temperatures[1],
                "label": label,
                "stopped_by": None if path == "noiseless" else "max bits",
            }
            | dict(zip(("gap", "gap_low", "gap_high"), gap, strict=True))
        )

    for snr in (8.0, -2.0):
        add("hard", snr, 0.6 + snr / 40)
        add("map", snr, 0.5 + snr / 40)
        for pair in temperatures:
            add("soft", snr, 0.55 + snr / 40, None, pair, (-0.05, -0.07, -0.02) if gap else (None,) * 3)
        if baselines:
            add("separate", snr, 0.3, "separate coding")
            add("noiseless", snr, 0.9, "no link")
    return rows


def lines(axes, marker="None"):
    """Lines with that marker; not those across the axes."""
    return [line for line in axes.lines if str(line.get_marker()) == marker and len(line.get_xdata()) > 2]


def arrows(axes):
    return [line for line in axes.lines if isinstance(line.get_marker(), matplotlib.path.Path)]


def markers(axes):
    names = ("None", "")
    return [
        line for line in axes.lines if isinstance(line.get_marker(), str) and line.get_marker() not in names
    ]


def bands(axes):
    return [one for one in axes.collections if isinstance(one, FillBetweenPolyCollection)]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def secondary(axes):
    (found,) = axes.child_axes
    return found
