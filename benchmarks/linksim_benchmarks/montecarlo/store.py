"""One SQLite file per sweep, a row per chunk, so that a sweep that was killed goes on where it was.

The rows of a point are chunks as workers finished them, among them a last one that a limit cut short and the
same one in full, if the limit was raised: `PointState` says which of them make up a result. Changes are
committed every second; what is lost with a killed process is counted again, with the same result. Whoever
writes holds SQLite's write lock from opening to closing; others may read meanwhile.
"""

import json
import sqlite3
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from linksim import files
from linksim.provenance import configuration_hash
from linksim_benchmarks.montecarlo.store_file import (
    APPLICATION_ID,
    check_header,
    check_writable,
    explained,
    roll_back,
)
from linksim_benchmarks.montecarlo.work import Counts

FORMAT = 1
COMMIT_S = 1.0
READ_TIMEOUT_S = 5.0
COMMIT_TIMEOUT_S = 30.0

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE settings (
    name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE chunks (
    point TEXT NOT NULL, chunk INTEGER NOT NULL, frames INTEGER NOT NULL,
    counts TEXT NOT NULL, seconds REAL NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (point, chunk, frames)
) WITHOUT ROWID;
"""


class Store:
    """The chunks of a sweep in a file. Made by `create`, `resume` or `read`; a context that closes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._committed = time.monotonic()

    @classmethod
    def create(cls, path: Path, configuration: Mapping[str, Any]) -> Self:
        """Make a store for a configuration, in place of what stands there, and open it for writing.

        Where nothing stands and another process makes one meanwhile, that one is opened.

        Raises:
            ValueError: if that one holds another configuration.
            OSError: if the file cannot be written, or is in use.
        """
        check_writable(path.absolute().parent)
        with (
            suppress(FileExistsError),
            files.whole(path, replace=path.exists()) as aside,
            explained(path),
            closing(sqlite3.connect(aside, isolation_level=None)) as connection,
        ):
            connection.executescript(_SCHEMA)
            cls(path, connection).set_note("configuration", configuration)
        return cls.resume(path, configuration)

    @classmethod
    def resume(cls, path: Path, configuration: Mapping[str, Any]) -> Self:
        """Open a store for writing, to go on.

        Raises:
            ValueError: if it is no store, damaged, or holds another configuration.
            OSError: if it is in use or cannot be written; in any case it is left as it was.
        """
        store = cls._for_writing(path)
        try:
            with explained(path):
                store._check()
                difference = _difference(store.configuration(), json.loads(json.dumps(configuration)))
            if difference:
                raise ValueError(
                    f"{path} holds another sweep ({difference}): give another --out, or --overwrite it"
                )
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open a store for reading, also while a sweep writes it.

        Raises:
            ValueError: if it is no store, or damaged.
            OSError: if it cannot be read.
        """
        check_header(path)
        roll_back(path)
        with explained(path):
            address = f"{path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=READ_TIMEOUT_S)
            store = cls(path, connection)
            try:
                connection.execute("BEGIN")
                store._check()
            except BaseException:
                connection.close()
                raise
            return store

    @classmethod
    def check_replaceable(cls, path: Path) -> None:
        """Refuse to replace what is not a store, or one in use.

        Raises:
            ValueError: if something else stands there.
            OSError: if a sweep is writing it, or it cannot be written.
        """
        cls._for_writing(path).close()

    @classmethod
    def _for_writing(cls, path: Path) -> Self:
        check_header(path)
        check_writable(path, path.absolute().parent)
        with explained(path):
            address = f"{path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=0)
            try:
                connection.execute("BEGIN IMMEDIATE")
            except BaseException:
                connection.close()
                raise
            store = cls(path, connection)
            # From here on only readers can be in the way, and those are brief.
            store._wait_for_others(COMMIT_TIMEOUT_S)
            return store

    def _check(self) -> None:
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found != FORMAT:
            raise ValueError(
                f"{self.path} has format {found}, this version of linksim knows {FORMAT}: "
                "give another --out, or --overwrite it"
            )
        for (said,) in self._connection.execute("PRAGMA quick_check(1)"):
            if said != "ok":
                raise sqlite3.DatabaseError(said)
        size = 1
        for name in ("page_count", "page_size"):
            size *= self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        if size != self.path.stat().st_size:
            raise sqlite3.DatabaseError("truncated")
        self.configuration()
        for name, value, checksum in self._connection.execute("SELECT name, value, checksum FROM settings"):
            if checksum != _checksum(name, value):
                raise ValueError(f"{name!r} does not have its checksum")
        for _ in self.rows():
            pass

    def configuration(self) -> dict[str, Any]:
        """What the sweep counts."""
        configuration = self.note("configuration")
        if not isinstance(configuration, dict):
            raise ValueError("the configuration is not a table of names and values")
        return configuration

    def set_note(self, name: str, value: Any) -> None:
        """Keep something beside the chunks, such as the last stop rule, as JSON."""
        text = json.dumps(value, sort_keys=True)
        row = (name, text, _checksum(name, text))
        with explained(self.path):
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", row)

    def note(self, name: str) -> Any:
        """What was kept under that name, or None."""
        row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def rows(self, point: str | None = None) -> Iterator[tuple[str, int, int, dict[str, Any], float]]:
        """Stored chunks of a point, or of all: point, chunk, frames, counts, seconds; by point and chunk.

        Raises:
            ValueError: at a row whose checksum is wrong.
        """
        where, values = ("", ()) if point is None else ("WHERE point = ?", (point,))
        query = f"SELECT point, chunk, frames, counts, seconds, checksum FROM chunks {where} ORDER BY 1, 2, 3"
        for key, chunk, frames, counts, seconds, checksum in self._connection.execute(query, values):
            if checksum != _checksum(key, chunk, frames, counts, seconds):
                raise ValueError(f"chunk {chunk} of point {key} does not have its checksum")
            yield key, chunk, frames, json.loads(counts), seconds

    def chunks(self, point: str) -> dict[tuple[int, int], tuple[dict[str, Any], float]]:
        """Counts and seconds of a point's stored chunks, by number and frames."""
        return {(chunk, frames): (counts, seconds) for _, chunk, frames, counts, seconds in self.rows(point)}

    def add(self, point: str, chunk: int, frames: int, counts: Counts, seconds: float) -> None:
        """Store a chunk; it is safe on disk at the next commit, at most about a second later."""
        text = json.dumps(dict(counts), sort_keys=True, separators=(",", ":"), allow_nan=False)
        values = (point, chunk, frames, text, float(seconds))
        row = (*values, _checksum(*values))
        with explained(self.path):
            self._connection.execute("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)", row)
        if time.monotonic() - self._committed > COMMIT_S:
            with suppress(BlockingIOError):  # someone reads: the next time, then
                self.commit(0.0)
            self._committed = time.monotonic()

    def commit(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Put everything added so far on the disk.

        Args:
            timeout_s: how long to wait for those who read.

        Raises:
            OSError: if they take longer, or it cannot be written; a later commit may still succeed.
        """
        with explained(self.path):
            if self._connection.in_transaction:
                self._wait_for_others(timeout_s)
                self._connection.execute("COMMIT")
            self._wait_for_others(COMMIT_TIMEOUT_S)
            self._connection.execute("BEGIN IMMEDIATE")

    def _wait_for_others(self, timeout_s: float) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {timeout_s * 1000:.0f}")

    def close(self) -> None:
        """Close without committing what was added since the last commit."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checksum(*values: str | int | float) -> int:
    return zlib.crc32(repr(values).encode())


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """In words, the first thing in which two configurations differ; empty if they are the same."""
    if configuration_hash(stored) == configuration_hash(wanted):
        return ""
    for name in dict.fromkeys(("kind", *stored, *wanted)):
        there, here = stored.get(name), wanted.get(name)
        if there == here:
            continue
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            return f"{name}: {_difference(there, here)}"
        if name == "points" and isinstance(there, list) and isinstance(here, list):
            if len(there) != len(here):
                return f"the number of points is {len(there)} there, {len(here)} here"
            number = next(n for n, (one, other) in enumerate(zip(there, here, strict=True)) if one != other)
            return f"{name}, number {number + 1}: {_difference(there[number], here[number])}"
        return f"{name} is {there} there, {here} here"
    return "another configuration"
