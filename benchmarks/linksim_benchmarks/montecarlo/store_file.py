"""The file of a store: whether it is one, may be written, or was left half written, and what SQLite says."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from linksim import checks

APPLICATION_ID = 0x4C4B5331  # "LKS1"


def check_writable(*places: Path) -> None:
    """Respect marks that root could pass over; what does not exist yet is passed over."""
    for place in places:
        if place.exists() and not place.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(f"{place} is read-only: make it writable, or give another --out")


def roll_back(path: Path) -> None:
    """Undo what a process killed while it committed left half written, which reading alone may not."""
    if not path.with_name(f"{path.name}-journal").exists():
        return
    address = f"{path.absolute().as_uri()}?mode=rw"
    # If someone writes, or nobody may, there is nothing to undo here; reading says what is wrong, if so.
    with (
        suppress(sqlite3.DatabaseError),
        closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=0)) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def check_header(path: Path) -> None:
    """Refuse a file that is no store, by its first bytes.

    Raises:
        ValueError: if it is none.
        OSError: if it cannot be read, or is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not the store of a sweep")
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\0" or len(header) < 100:
        raise ValueError(
            f"{path} is not the store of a sweep, or damaged; it was left as it is: give another --out"
        )
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ValueError(f"{path} is a database of another program; it was left as it is: give another --out")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What SQLite or reading says, in words that say what to do.

    Raises:
        BlockingIOError: if another process uses the file.
        OSError: if it cannot be used.
        ValueError: if its content is damaged.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            reason = f"{path} is in use by another process: wait for it, or give another --out"
            raise BlockingIOError(reason) from error
        reason = f"cannot use the store {path}: {checks.one_line(error)}; if that lasts, give another --out"
        raise OSError(reason) from error
    except (sqlite3.DatabaseError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        said = checks.one_line(error)
        raise ValueError(
            f"{path} is damaged ({said}); it was left as it is: delete it to start anew"
        ) from error
