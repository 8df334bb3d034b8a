"""MNIST, Fashion-MNIST and CIFAR-10 in their own formats, read and downloaded by torchvision."""

import os
import pickle
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch

from linksim import checks

FOLDER_VARIABLE = "LINKSIM_DATA"
TIMEOUT_SECONDS = 20.0
LONGEST_REASON = 300
IDX_FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)

FAILURES = (
    AssertionError,  # torchvision's checks of a header
    AttributeError,
    EOFError,
    HTTPException,
    LookupError,
    OSError,  # no connection, a timeout, a folder that cannot be written to
    RuntimeError,  # torchvision's own: a download that failed, or a file of another checksum
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What torchvision raises where files are missing, broken, altered or out of reach."""


@dataclass(frozen=True)
class _Source:
    """Where a data set lies below the data folder.

    Attributes:
        reader: torchvision's class.
        place: the folder of its files.
        files: what to put there, in words.
        unchecked: files that torchvision reads whatever their checksum.
    """

    reader: str
    place: str
    files: str
    unchecked: tuple[str, ...] = ()


def _idx(reader: str) -> _Source:
    files = f"{', '.join(IDX_FILES)} (or the same with .gz)"
    return _Source(reader, f"{reader}/raw", files, unchecked=IDX_FILES)


SOURCES = {
    "mnist": _idx("MNIST"),
    "fashion-mnist": _idx("FashionMNIST"),
    "cifar10": _Source(
        "CIFAR10",
        "cifar-10-batches-py",
        "data_batch_1 to data_batch_5, test_batch and batches.meta from cifar-10-python.tar.gz, unchanged",
    ),
}


def data_folder(folder: str | Path | None) -> Path:
    """The given folder, or what LINKSIM_DATA names, or ~/.cache/linksim."""
    if folder is None:
        folder = os.environ.get(FOLDER_VARIABLE) or Path.home() / ".cache" / "linksim"
    return Path(folder).expanduser().absolute()


def read(name: str, folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Read a data set, and download it first if it is not there.

    Files of CIFAR-10 are pickles; torchvision compares their checksums with the published ones before it
    opens them, so that nothing but the published files is ever unpickled.

    Args:
        name: one of `SOURCES`.
        folder: the data folder.

    Returns:
        where the files lie, and x_train, y_train, x_test and y_test: uint8 images [n, h, w] or [n, h, w, c]
        and int64 labels [n].

    Raises:
        ValueError: if torchvision is missing, or the data set is neither there whole nor to be had.
    """
    source = SOURCES[name]
    place = folder / source.place
    reader = getattr(_torchvision_datasets(name), source.reader)
    arrays = {}
    try:
        with _limited_waiting():
            for part in ("train", "test"):
                content = reader(str(folder), train=part == "train", download=True)
                arrays[f"x_{part}"] = np.asarray(content.data)
                arrays[f"y_{part}"] = np.asarray(content.targets, dtype=np.int64)
    except FAILURES as error:
        reason = _one_line(error)
        if source.unchecked and all((place / file).is_file() for file in source.unchecked):
            raise ValueError(
                f"{place} does not hold a readable {name} ({reason}): delete it, or replace its files"
            ) from error
        raise ValueError(
            f"data set {name!r} is not whole in {place}, and downloading it failed ({reason}): put there "
            f"{source.files}, or use mnist5k, digits or an .npz file"
        ) from error
    return place, arrays


def _torchvision_datasets(name: str) -> Any:
    """The module torchvision.datasets."""
    for _ in range(10):
        try:
            from torchvision import datasets
        except ImportError as error:
            raise ValueError(
                f"data set {name!r} needs torchvision: pip install 'linksim[vision]', or use mnist5k, digits "
                "or an .npz file"
            ) from error
        except RuntimeError as error:
            # Where torch is a CPU build and torchvision one for CUDA, as package indexes serve them, its
            # compiled operators do not load, and it does not import because it looks for some of them by
            # name. Data sets need none; an empty declaration lets it go on, and a call still raises.
            missing = re.search(r"operator (torchvision::\w+) does not exist", str(error))
            if missing is None:
                raise ValueError(
                    f"data set {name!r} needs a torchvision that fits torch {torch.__version__} "
                    f"({_one_line(error)}): install the two together"
                ) from error
            torch.library.define(missing[1], "() -> ()")
        else:
            return datasets
    raise ValueError(
        f"data set {name!r} needs a torchvision that fits torch {torch.__version__}: install the two together"
    )


@contextmanager
def _limited_waiting() -> Iterator[None]:
    """Inside, new sockets of this process give up after `TIMEOUT_SECONDS` without an answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _one_line(error: Exception) -> str:
    # Where there are several mirrors, torchvision tells what came of each; the last is enough.
    last = " ".join(str(error).split()).rpartition(" got: ")[2]
    return checks.one_line(last or error, LONGEST_REASON)
