"""Arrays in NumPy's .npy and .npz formats, from files that may come from anyone."""

import io
import math
import tokenize
import warnings
import zipfile

import numpy as np

from linksim import checks

MAX_HEADER = 1000
MOST_AXES, MOST_SIZE = 8, 2**40
KINDS = "biufc"
"""Truth values, whole, real and complex numbers."""

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(content: bytes, place: str) -> np.ndarray:
    """An array in NumPy's .npy format.

    Args:
        content: of the file.
        place: the file, for messages.

    Returns:
        a read-only array of numbers.

    Raises:
        ValueError: if it is no such array, holds anything but numbers, or is shorter or longer than it says.
    """
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in HEADERS:
            raise ValueError(f"version {version} of the format is not among {list(HEADERS)}")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of headers that only look like Python of some version
            shape, fortran, dtype = HEADERS[version](stream, max_header_size=MAX_HEADER)
    except (
        ArithmeticError,
        LookupError,
        MemoryError,
        RecursionError,
        SyntaxError,
        tokenize.TokenError,
        TypeError,
        ValueError,
        Warning,
    ) as error:
        raise ValueError(f"{place} is not in NumPy's .npy format: {checks.one_line(error, 100)}") from error
    if dtype.kind not in KINDS:
        raise ValueError(f"{place} must hold numbers, got {checks.one_line(str(dtype), 80)}")
    if len(shape) > MOST_AXES or not all(0 <= size <= MOST_SIZE for size in shape):
        raise ValueError(
            f"{place} must have at most {MOST_AXES} axes of at most {MOST_SIZE} numbers, got "
            f"{checks.one_line(str(shape), 80)}"
        )
    count, start = math.prod(shape), stream.tell()
    if len(content) - start != count * dtype.itemsize:
        raise ValueError(f"{place} holds more or less than its header says")
    return np.frombuffer(content, dtype, count, start).reshape(shape, order="F" if fortran else "C")


def read_npz(content: bytes, place: str, most_bytes: int) -> dict[str, np.ndarray]:
    """All arrays of an archive in NumPy's .npz format, by name.

    Raises:
        ValueError: as `read_npy`, if it is no archive, or if it unpacks to more than `most_bytes`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            declared = sum(member.file_size for member in members)
            if declared > most_bytes:
                raise ValueError(f"it unpacks to {declared} bytes, more than the limit of {most_bytes}")
            unpacked = {}
            for member in members:
                with archive.open(member) as stream:  # a member that holds more than it declares ends there
                    unpacked[member.filename.removesuffix(".npy")] = stream.read(member.file_size + 1)
    except Exception as error:  # what a damaged archive makes the reader raise has no common class
        raise ValueError(f"{place} is not a readable .npz file: {checks.one_line(error, 100)}") from error
    return {name: read_npy(one, f"{place}: {name}") for name, one in unpacked.items()}
