"""Trainings side by side."""

from pathlib import Path

from matplotlib.figure import Figure

from linksim_benchmarks.pictures.save import save
from linksim_benchmarks.pictures.style import PATH_COLORS, PATH_LABELS, Rows


def compare_picture(rows: Rows, path: Path) -> Path:
    """Test accuracy of every row of a comparison, hard beside soft, with intervals over its runs."""
    figure = Figure(figsize=(8, 1.5 + 0.5 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for offset, (name, path_name) in enumerate((("hard", "hard"), ("hard_map", "map"), ("soft", "soft"))):
        places = [number + 0.2 * (offset - 1) for number in range(len(rows))]
        values = [100 * row[name] for row in rows]
        errors = [
            0.0 if row[f"{name}_high"] is None else 100 * (row[f"{name}_high"] - row[name]) for row in rows
        ]
        style = {"fmt": "o", "capsize": 3, "color": PATH_COLORS[path_name], "label": PATH_LABELS[path_name]}
        axes.errorbar(values, places, xerr=errors, **style)
    axes.set_yticks(range(len(rows)), [row["settings"] for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="test accuracy in %", title="Trainings, mean and 95 % interval over seeds")
    axes.grid(alpha=0.3)
    axes.legend()
    return save(figure, path)
