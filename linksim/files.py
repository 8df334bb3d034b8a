"""Files that are written whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


@contextmanager
def whole(path: str | Path, replace: bool = True) -> Iterator[Path]:
    """Give a path to write beside the target; at the end without an error, rename it to the target.

    Args:
        path: the target.
        replace: whether to take the place of what stands there by then.

    Raises:
        FileExistsError: at the end, if something does and it is not to be replaced.
        OSError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a" / "b.txt"
        >>> with whole(target) as aside:
        ...     _ = aside.write_text("complete")
        >>> target.read_text()
        'complete'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        yield aside
        if not replace:
            with suppress(PermissionError, NotImplementedError):  # from file systems without links
                os.link(aside, target)
                return
        aside.replace(target)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(aside)):
            # A full disk is told without a name, a missing permission with that of the file beside.
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path, replace: bool = False) -> Iterator[Path]:
    """Give an empty folder to fill beside the target; at the end without an error, rename it to the target.

    Args:
        path: the target; a link to a folder stands for that folder.
        replace: whether to take the place of a folder that stands there by then, with all its content; an
            empty one is replaced anyway.

    Raises:
        FileExistsError: at the end, if something does and it is not to be replaced.
        OSError: if it cannot be written, or is the current folder.
    """
    target = Path(path).resolve()
    if Path.cwd().is_relative_to(target):
        raise OSError(f"cannot replace {path}, the current folder or one around it: give another")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Inside a folder that only its owner may enter, and whose name nobody else has.
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        aside, old = Path(beside) / "new", Path(beside) / "old"
        aside.mkdir()
        yield aside
        empty = target.is_dir() and not any(target.iterdir())
        if target.exists() and not empty and (not replace or not target.is_dir()):
            raise FileExistsError(f"{path} exists already")
        if target.exists():
            target.rename(old)
        try:
            aside.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise


def check_writable(*paths: str | Path | None) -> None:
    """Refuse early what could not be written in the end; makes and writes nothing.

    Args:
        paths: of files to be written; None is passed over.

    Raises:
        IsADirectoryError: if a folder stands where a file is to be written.
        NotADirectoryError: if a file stands where a folder is needed.
        PermissionError: if the folder may not be written to.
    """
    for path in paths:
        if path is None:
            continue
        if Path(path).is_dir():
            raise IsADirectoryError(f"cannot write {path}: it is a folder, give the name of a file")
        folder = Path(path).absolute().parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(f"cannot write {path}: {folder} is a file, not a folder")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"cannot write {path}: no permission to write to {folder}")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole, in UTF-8.

    Names of files that are no Unicode come as lone surrogates, which UTF-8 cannot hold: they become "?".
    """
    with whole(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="replace")


def write_json(path: str | Path, content: Any) -> None:
    """Write a JSON file whole, indented; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
