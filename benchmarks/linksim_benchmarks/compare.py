"""Trainings side by side: runs that differ in their seed alone are one row."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from linksim.metrics.intervals import ratio
from linksim_training.options.monitoring import Monitoring

LEVEL = 0.95
NOT_COMPARED = (
    *("seed", "preset", "device", "devices", "num_nodes", "strategy", "threads", "skip_noiseless"),
    *(field.name for field in fields(Monitoring) if "warning" in field.name or "share" in field.name),
)
"""What does not decide on the result, and the preset, whose settings are compared one by one."""

Run = dict[str, Any]

FIGURES: dict[str, Callable[[Run], float | None]] = {
    "hard": lambda run: run["summary"]["hard"]["accuracy"],
    "hard_map": lambda run: run["summary"].get("hard_map", {}).get("accuracy"),
    "soft": lambda run: run["summary"]["soft"]["accuracy"],
    "gap": lambda run: run["summary"]["gap"]["value"],
    "noiseless": lambda run: run["summary"].get("noiseless", {}).get("accuracy"),
    "last_soft": lambda run: run["rows"][-1]["val"]["soft_accuracy"],
    "last_hard": lambda run: run["rows"][-1]["val"]["hard_accuracy"],
    "last_map": lambda run: run["rows"][-1]["val"].get("map_accuracy"),
    "below_best": lambda run: _below_best(run["rows"]),
    "perplexity": lambda run: run["rows"][-1]["val"]["perplexity"],
}
"""Figures of a run: test accuracies of the deployed checkpoint, and validation figures of the last epoch."""


def load_run(folder: Path) -> Run:
    """Settings, rows and summary of a finished run of `linksim train`.

    Raises:
        FileNotFoundError: if the folder does not hold a finished run.
        ValueError: if a file of it cannot be read.
    """
    content: Run = {"folder": str(folder)}
    for name, key in (("config.json", "config"), ("metrics.jsonl", "rows"), ("summary.json", "summary")):
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{folder} holds no finished run of linksim train: {name} is missing")
        text = path.read_text(encoding="utf-8")
        try:
            content[key] = (
                [json.loads(line) for line in text.splitlines()] if key == "rows" else json.loads(text)
            )
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
    return content


def compare(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One row per group of runs with equal settings but for the seed.

    Each figure is the mean over the group with Student's 95 % interval over its runs (None for one run);
    `below_best` is the largest of the group instead, and `warnings` counts the runs that had each.

    Raises:
        ValueError: if a run does not have what is compared, or is given twice.
    """
    settings = [_settings(run) for run in runs]
    names = {name: None for one in settings for name in one}
    differing = [name for name in names if len({json.dumps(one.get(name)) for one in settings}) > 1]
    seeds = [
        (run["config"].get("training", {}).get("seed"), one) for run, one in zip(runs, settings, strict=True)
    ]
    for number, one in enumerate(seeds):
        if one in seeds[:number]:
            raise ValueError(
                f"{runs[number]['folder']} and {runs[seeds.index(one)]['folder']} have equal settings and "
                "seed: give each run once"
            )
    groups: dict[str, list[Run]] = {}
    for run, own in zip(runs, settings, strict=True):
        groups.setdefault(label({name: own.get(name) for name in differing}), []).append(run)
    return [_row(name, group) for name, group in groups.items()]


def label(settings: Mapping[str, Any]) -> str:
    """Settings as words, such as "snr_db=8"."""
    words = []
    for name, value in settings.items():
        text = " ".join(map(str, value)) or "none" if isinstance(value, list) else f"{value}"
        words.append(f"{name}={text}")
    return ", ".join(words) or "all runs"


def _settings(run: Run) -> dict[str, Any]:
    config = run["config"]
    try:
        flat = {name: value for name, value in config.items() if name not in ("link", "training")}
        flat.update(config["link"])
        flat.update(config["training"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{run['folder']}/config.json does not hold the settings of a run") from error
    return {name: value for name, value in flat.items() if name not in NOT_COMPARED}


def _row(name: str, group: Sequence[Run]) -> dict[str, Any]:
    row: dict[str, Any] = {"settings": name, "runs": len(group)}
    for figure, of_run in FIGURES.items():
        try:
            values = [value for run in group if (value := of_run(run)) is not None]
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{group[0]['folder']} lacks {error}: it is of another version") from error
        mean, low, high = _mean(values)
        if figure == "below_best":
            mean, low, high = max(values), None, None
        row[figure], row[f"{figure}_low"], row[f"{figure}_high"] = mean, low, high
    warnings: dict[str, int] = {}
    for run in group:
        for warning in dict.fromkeys(name for one in run["rows"] for name in one.get("warnings", ())):
            warnings[warning] = warnings.get(warning, 0) + 1
    row["warnings"] = " ".join(f"{warning}:{count}" for warning, count in warnings.items())
    return row


def _mean(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    if not values:
        return None, None, None
    mean, low, high = ratio(values, [1.0] * len(values), LEVEL)
    return (mean, low, high) if len(values) > 1 else (mean, None, None)


def _below_best(rows: Sequence[Mapping[str, Any]]) -> float:
    hard = [row["val"]["hard_accuracy"] for row in rows]
    return max(hard) - hard[-1]
