"""Sweeps read back from their stores: finished, cut short, or still running."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from linksim.config import ChannelOptions, CodingOptions, HardwareOptions
from linksim_benchmarks import accuracy_rows, ber_rows
from linksim_benchmarks.ber import Point
from linksim_benchmarks.image_point import ImagePoint, PathSetting
from linksim_benchmarks.montecarlo.engine import counted
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store
from linksim_benchmarks.montecarlo.work import Sweep, Work

Kind = Literal["ber", "accuracy"]
OPTIONS = {"channel_options": ChannelOptions, "coding": CodingOptions, "hardware": HardwareOptions}
SWEEP_NAMES = ("kind", "seed", "points")


@dataclass(frozen=True)
class Stored:
    """What a store holds.

    Attributes:
        kind: "ber" or "accuracy".
        rows: as the command that made it writes them.
        points: of a bit error rate sweep, one for each row.
        finished: whether every point was counted until the stop rule held.
        configuration: what the sweep counts.
        trained_at: Es/N0 of the training in dB, or both ends of its range, of an accuracy sweep.
        constant_rows: of its noiseless bound, for pictures.
    """

    kind: Kind
    rows: list[dict[str, Any]]
    points: list[Point] = field(default_factory=list)
    finished: bool = True
    configuration: dict[str, Any] = field(default_factory=dict)
    trained_at: Any = None
    constant_rows: list[dict[str, Any]] = field(default_factory=list)


def load_stored(path: Path) -> Stored:
    """Read a sweep from its store, also while it is running.

    Args:
        path: of the store.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no store, damaged, or of another kind.
    """
    with Store.read(path) as store:
        configuration, rule, interval = store.configuration(), store.note("rule"), store.note("interval")
        constant_rows, trained_at = store.note("constant_rows"), store.note("trained_at")
        kind = configuration.get("kind")
        if kind not in POINTS:
            raise ValueError(f"{path} holds a sweep of the kind {kind!r}: give one of {', '.join(POINTS)}")
        if rule is None:
            raise ValueError(f"{path} does not say when its points stop: run its sweep again")
        try:
            points = [POINTS[kind](content, configuration) for content in configuration["points"]]
            settings = {name: one for name, one in configuration.items() if name not in SWEEP_NAMES}
            sweep = Sweep(kind, points, configuration["seed"], settings)
            progress = counted(sweep, StopRule(**rule), store)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} was written by another version of linksim, or is damaged") from error
    method, finished = interval or "clopper-pearson", not progress.open()
    if kind == "ber":
        rows, of_rows = ber_rows.rows(progress, method), ber_rows.points_of(progress)
        return Stored("ber", rows, of_rows, finished, configuration)
    rows = accuracy_rows.rows(progress, method)
    return Stored("accuracy", rows, [], finished, configuration, trained_at, constant_rows or [])


def _paths(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """The hard path first, on which stopping looks."""
    given = configuration.get("paths", ["hard"])
    return tuple(sorted(given, key=lambda path: path != "hard"))


def _ber_point(content: Mapping[str, Any], configuration: Mapping[str, Any]) -> Point:
    given = dict(content)
    for name, options in OPTIONS.items():
        given[name] = options(**given[name])
    return Point(**given, paths=_paths(configuration))


def _image_point(content: Mapping[str, Any], configuration: Mapping[str, Any]) -> ImagePoint:
    settings = configuration["paths"][content["subject"]]
    return ImagePoint(**content, settings=tuple(PathSetting(**setting) for setting in settings))


POINTS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Work]] = {
    "ber": _ber_point,
    "accuracy": _image_point,
}
