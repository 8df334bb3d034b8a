"""A study as rows: trainings, means over them, differences to the reference, and what tuning chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linksim.metrics.crossed import CrossedMean, crossed_mean, holm
from linksim_benchmarks.study.methods import METHODS
from linksim_benchmarks.study.plan import Place, Plan
from linksim_benchmarks.study.training import PATHS, Record, Training, unpacked
from linksim_benchmarks.study.tuning import candidates, label, validation_accuracy

LEVEL = 0.95
CHECKPOINTS = ("by_hard", "by_soft")
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Tested:
    """A study whose trainings are done.

    Attributes:
        plan: what was asked for.
        trainings: by variation, method, Es/N0 and seed.
        records: of all of them, by key.
    """

    plan: Plan
    trainings: Mapping[Place, Training]
    records: Mapping[str, Record]

    def record(self, *place: Any) -> Record:
        """What came of a training; arguments as in `Place`."""
        return self.records[self.trainings[place].key]

    def correct(
        self, variation: str, method: str, snr_db: float, path: str, by: str = "by_hard"
    ) -> np.ndarray:
        """[seeds, images] share of the draws in which each test image is classified correctly.

        Args:
            variation, method, snr_db: which trainings.
            path: "mean", "map" or "soft".
            by: checkpoint.
        """
        return np.stack(
            [
                unpacked(self.record(variation, method, snr_db, seed)[by]["test"][path]) / self.plan.draws
                for seed in self.plan.seeds
            ]
        )


def training_rows(study: Tested) -> Rows:
    """One row per training.

    Returns:
        variation, method, snr_db, ebno_db, seed; of the checkpoint that the hard path's validation chooses
        "epoch", "hard_accuracy" (posterior mean), "map_accuracy", "soft_accuracy" and "gap"; the same of the
        one that the soft path's chooses, ending in "_by_soft"; "last_below_best" of the hard validation
        accuracy, "perplexity" of the last epoch, "findings", "seconds".
    """
    rows = []
    for (variation, method, snr_db, seed), training in study.trainings.items():
        record = study.records[training.key]
        row: dict[str, Any] = {
            "variation": variation,
            "method": method,
            "snr_db": snr_db,
            "ebno_db": training.link.layout.ebno_db(snr_db),
            "seed": seed,
        }
        for by, ending in zip(CHECKPOINTS, ("", "_by_soft"), strict=True):
            counts = {path: unpacked(text) for path, text in record[by]["test"].items()}
            hard, map_, soft = (
                float(counts[path].mean()) / training.draws for path in ("mean", "map", "soft")
            )
            row |= {
                f"epoch{ending}": record[by]["epoch"],
                f"hard_accuracy{ending}": hard,
                f"map_accuracy{ending}": map_,
                f"soft_accuracy{ending}": soft,
                f"gap{ending}": soft - hard,
            }
        hard_curve = record["curves"]["hard_accuracy"]
        row["last_below_best"] = max(hard_curve) - hard_curve[-1]
        row["perplexity"] = record["curves"]["perplexity"][-1]
        row["findings"] = " ".join(record["findings"])
        row["seconds"] = record["seconds"]
        rows.append(row)
    return rows


def mean_rows(study: Tested) -> Rows:
    """One row per variation, method and Es/N0.

    Returns:
        "hard", "map", "soft" and "gap" (soft minus hard), and of the checkpoint that the soft path chooses
        "hard_by_soft", "map_by_soft" and "gap_by_soft", each with "_low" and "_high": intervals for other
        seeds and other images (`linksim.metrics.crossed`).
    """
    rows = []
    for variation, method, snr_db in _groups(study):
        row: dict[str, Any] = {"variation": variation, "method": method, "snr_db": snr_db}
        row["seeds"] = len(study.plan.seeds)
        for by, ending in zip(CHECKPOINTS, ("", "_by_soft"), strict=True):
            mean, map_, soft = (study.correct(variation, method, snr_db, path, by) for path in PATHS)
            for name, table in (("hard", mean), ("map", map_), ("soft", soft), ("gap", soft - mean)):
                row |= _figure(f"{name}{ending}", crossed_mean(table, LEVEL))
        own = [study.record(variation, method, snr_db, seed) for seed in study.plan.seeds]
        row["perplexity"] = float(np.mean([one["curves"]["perplexity"][-1] for one in own]))
        rows.append(row)
    return rows


def pair_rows(study: Tested, reference: str) -> Rows:
    """Every other method minus the reference, on the hard path with the same seeds, images and draws.

    Returns:
        "difference" with "_low" and "_high", "half_width", "p_value" by itself, and "p_together", by Holm's
        procedure over all comparisons of the study; "verdict": "ahead", "behind" or "open" by the interval.
    """
    rows = []
    for variation, method, snr_db in _groups(study):
        if method == reference:
            continue
        ours, theirs = (study.correct(variation, name, snr_db, "mean") for name in (method, reference))
        one = crossed_mean(ours - theirs, LEVEL)
        rows.append(
            {
                "variation": variation,
                "method": method,
                "minus": reference,
                "snr_db": snr_db,
                **_figure("difference", one),
                "half_width": one.half_width,
                "p_value": one.p_value,
                "verdict": "ahead" if one.low > 0 else "behind" if one.high < 0 else "open",
            }
        )
    together = holm([row["p_value"] for row in rows])
    return [{**row, "p_together": float(p)} for row, p in zip(rows, together, strict=True)]


def tuning_rows(
    plan: Plan,
    tuning: Mapping[tuple[str, int], Sequence[Training]],
    records: Mapping[str, Record],
    tuned: Mapping[str, Mapping[str, Any]],
) -> Rows:
    """Validation accuracy of every candidate at every Es/N0 and seed, and which was taken."""
    return [
        {
            "method": method,
            "candidate": label(change),
            "snr_db": training.snr_db,
            "seed": training.seed,
            "validation_accuracy": validation_accuracy(records[training.key], training.draws),
            "taken": change == tuned[method],
        }
        for (method, number), group in tuning.items()
        for change in [candidates(METHODS[method])[number]]
        for training in group
    ]


def curve_rows(study: Tested) -> Rows:
    """Validation figures of every epoch, means over the seeds: "hard", "map", "soft", "gap", "perplexity"."""
    rows = []
    for variation, method, snr_db in _groups(study):
        own = [study.record(variation, method, snr_db, seed)["curves"] for seed in study.plan.seeds]
        figures = {name: np.mean([curves[name] for curves in own], axis=0) for name in own[0]}
        hard, map_, soft, perplexity = (
            figures[name] for name in ("hard_accuracy", "map_accuracy", "soft_accuracy", "perplexity")
        )
        rows += [
            {
                "variation": variation,
                "method": method,
                "snr_db": snr_db,
                "epoch": epoch + 1,
                "hard": float(hard[epoch]),
                "map": float(map_[epoch]),
                "soft": float(soft[epoch]),
                "gap": float(soft[epoch] - hard[epoch]),
                "perplexity": float(perplexity[epoch]),
            }
            for epoch in range(len(hard))
        ]
    return rows


def _groups(study: Tested) -> list[tuple[str, str, float]]:
    return list(
        dict.fromkeys((variation, method, snr_db) for variation, method, snr_db, _ in study.trainings)
    )


def _figure(name: str, one: CrossedMean) -> dict[str, float]:
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
