"""The store of a study: one row per training, checked when read."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from linksim_benchmarks.montecarlo.chunk import versions
from linksim_benchmarks.montecarlo.store import Store
from linksim_benchmarks.study.training import RESULTS, Record

KIND = "study"


def configuration() -> dict[str, Any]:
    """What all trainings of a store have in common, wherever they are of."""
    numbers = {name: version for name, version in versions().items() if name not in ("python", "linksim")}
    return {"kind": KIND, "results": RESULTS, "versions": numbers}


def read(path: Path) -> dict[str, Record]:
    """Records by key; none if there is no file.

    Raises:
        ValueError: if the file is no store of a study, or damaged.
        OSError: if it cannot be read.
    """
    if not path.exists():
        return {}
    with closing(Store.read(path)) as store:
        _check(store.configuration(), path)
        return {key: {**record, "seconds": seconds} for key, _, _, record, seconds in store.rows()}


def opened(path: Path) -> Store:
    """A store to write to, made if there is none.

    Raises:
        ValueError: if another kind of file stands there, or its trainings ran with other versions.
        OSError: if it is in use or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return Store.resume(path, configuration()) if path.exists() else Store.create(path, configuration())


def add(store: Store, key: str, record: Record, seconds: float) -> None:
    """Keep what came of a training; it is on the disk when this returns."""
    store.add(key, 0, 0, record, seconds)
    store.commit()


def _check(found: Mapping[str, Any], path: Path) -> None:
    if found.get("kind") != KIND:
        raise ValueError(
            f"{path} is the store of another command ({found.get('kind')}): give another --store"
        )
