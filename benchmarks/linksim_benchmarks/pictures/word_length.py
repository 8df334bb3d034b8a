"""What finite word lengths cost."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from linksim_benchmarks.pictures.save import save
from linksim_benchmarks.pictures.style import Rows


def word_length_picture(rows: Rows, path: Path) -> Path:
    """Loss against word length, a panel per study, a line with error bars per modulation and part."""
    studies = list(dict.fromkeys(row["study"] for row in rows))
    figure = Figure(figsize=(6 * len(studies), 4.5), layout="constrained")
    for axes, study in zip(figure.subplots(1, len(studies), squeeze=False)[0], studies, strict=True):
        of_study = [row for row in rows if row["study"] == study]
        for modulation, part in dict.fromkeys((row["modulation"], row["part"]) for row in of_study):
            own = [row for row in of_study if (row["modulation"], row["part"]) == (modulation, part)]
            own.sort(key=lambda row: row["bits"])
            loss = np.array([row["loss"] for row in own])
            ends = [loss - [row["low"] for row in own], [row["high"] for row in own] - loss]
            bits, label = [row["bits"] for row in own], f"{modulation} {part}"
            axes.errorbar(bits, loss, yerr=np.maximum(ends, 0), marker="o", capsize=2, label=label)
        limit, unit = of_study[0]["limit"], of_study[0]["unit"]
        axes.axhline(limit, color="grey", linestyle=":", label=f"{limit:g} {unit}")
        axes.set(xlabel="word length in bits", ylabel=f"loss in {unit}", title=study)
        axes.set_yscale("symlog", linthresh=limit)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return save(figure, path)
