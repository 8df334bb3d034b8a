"""The manifest of a bundle: what it holds, read from a file that may come from anyone."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linksim import checks
from linksim.config import ARITHMETICS, WORD_LENGTHS, LinkConfig

FORMAT = "linksim bundle 1"
NAME = "manifest.json"
MAX_BYTES = 2**20
MOST_PIXELS = 2**24
"""Of an image, all channels together."""
MOST_VALUES = 2**22
"""Of a codebook, and of what a receiver computes for one frame, such as its posterior."""

MOST_CODEWORDS = 2**16
"""And most tokens."""

MOST_DISTANCES = 2**25
"""From the symbols of a frame to the points of the constellation, for each bit; the longest frame of a code
of 3GPP TS 38.212 has 25,344 bits, which as 1024-QAM are 26 million."""

MOST_OUTPUTS = 2**20
"""Classes, or receiver features."""

LARGEST = 1e30
"""Of a coordinate of a codeword, and of what is received; squares beyond leave float64."""

DEEPEST = 32
"""Levels of lists and objects."""


@dataclass(frozen=True)
class Entry:
    """What the manifest says of a file: its size, its SHA-256, and of a table, dtype and shape."""

    bytes: int
    sha256: str
    dtype: str | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class IntegerWords:
    """Word lengths and steps of the integer receiver.

    Attributes:
        llr_bits, llr_step: of the LLRs.
        weight_bits: of the posterior weights.
        codebook_bits, codebook_step: of the codebook.
    """

    llr_bits: int
    llr_step: float
    weight_bits: int
    codebook_bits: int
    codebook_step: float


@dataclass(frozen=True)
class Manifest:
    """A manifest whose every value was checked.

    Attributes:
        image_shape: channels, height, width.
        white: value of the brightest pixel of an image of whole numbers.
        classes: number of them.
        features: number of receiver features.
        link: settings of the link.
        receiver: "float" or "integer", the one that the model was trained for.
        integer: word lengths of the integer receiver.
        files: by name.
        content: all that the file says, also what is for readers only.
    """

    image_shape: tuple[int, int, int]
    white: int
    classes: int
    features: int
    link: LinkConfig
    receiver: str
    integer: IntegerWords
    files: dict[str, Entry]
    content: dict[str, Any]


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a bundle.

    Raises:
        FileNotFoundError: if the folder has none.
        ValueError: naming the value, if it is no manifest of a bundle that this version can run.
    """
    path = folder / NAME
    check_inside(folder, path)
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no bundle: it has no {NAME}; linksim export makes bundles")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes, the limit for a manifest")
    try:
        content = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable as JSON: {checks.one_line(error)}") from error
    try:
        return parse(content)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: {checks.one_line(error)}") from error


def parse(content: Any) -> Manifest:
    """Check the content of a manifest.

    Raises:
        TypeError, ValueError: naming the value that is wrong.
    """
    content = _mapping("the manifest", content)
    _check_depth(content)
    if content.get("format") != FORMAT:
        raise ValueError(
            f"format must be {FORMAT!r}, got {checks.one_line(repr(content.get('format')), 60)}: this "
            "version of linksim runs no other"
        )
    model = _mapping("model", _need(content, "model"))
    settings = _mapping("link", _need(content, "link"))
    try:
        link = LinkConfig(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"link: {checks.one_line(error)}") from error
    shape = _shape("model.image_shape", _need(model, "image_shape", "model."))
    if len(shape) != 3 or 0 in shape or shape[0] * shape[1] * shape[2] > MOST_PIXELS:
        raise ValueError(
            f"model.image_shape must be [channels, height, width], at most {MOST_PIXELS} values together, "
            f"got {list(shape)}"
        )
    _check_sizes(link)
    files = _mapping("files", _need(content, "files"))
    return Manifest(
        image_shape=(shape[0], shape[1], shape[2]),
        white=checks.whole("model.white", _need(model, "white", "model."), 1, 65535),
        classes=checks.whole("model.classes", _need(model, "classes", "model."), 1, MOST_OUTPUTS),
        features=checks.whole("model.features", _need(model, "features", "model."), 1, MOST_OUTPUTS),
        link=link,
        receiver=checks.one_of("receiver", _need(content, "receiver"), ARITHMETICS),
        integer=_integer(_mapping("integer_receiver", _need(content, "integer_receiver"))),
        files={_name(name): _entry(name, entry) for name, entry in files.items()},
        content=content,
    )


def check_inside(folder: Path, path: Path) -> None:
    """Refuse a file that lies, through a link or otherwise, outside its bundle.

    Raises:
        ValueError: if it does, or if links lead in a circle.
    """
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} leads nowhere: put the file itself there") from error
    if not inside:
        raise ValueError(f"{path} leads out of the bundle: put the file itself there")


def _check_depth(content: Any) -> None:
    """Refuse what would exhaust the stack of what reads or shows it."""
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"values are nested more than {DEEPEST} levels deep")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(one, depth + 1) for one in inner]


def _check_sizes(link: LinkConfig) -> None:
    """Refuse a link for one frame of which a receiver would need much memory."""
    layout, tokens = link.layout, link.tokens
    sizes = {
        "tokens": (tokens, MOST_CODEWORDS),
        "codebook_size": (link.codebook_size, MOST_CODEWORDS),
        "codebook_size times embedding_dim": (link.codebook_size * link.embedding_dim, MOST_VALUES),
        "tokens times codebook_size": (tokens * link.codebook_size, MOST_VALUES),
        "tokens times embedding_dim": (tokens * link.embedding_dim, MOST_VALUES),
    }
    for name, (size, most) in sizes.items():
        if size > most:
            raise ValueError(f"link: {name} must be at most {most}, got {checks.one_line(str(size), 40)}")
    distances = layout.symbols * 2**link.bits_per_symbol * link.bits_per_symbol
    if distances > MOST_DISTANCES:
        raise ValueError(
            f"link: a frame of {layout.symbols} symbols of {link.bits_per_symbol} bits needs {distances} "
            f"distances, more than {MOST_DISTANCES}: give fewer tokens or bits_per_symbol"
        )


def _integer(words: dict[str, Any]) -> IntegerWords:
    place = "integer_receiver."

    def length(name: str) -> int:
        return checks.whole(f"{place}{name}", _need(words, name, place), *WORD_LENGTHS[name])

    def step(name: str, most: float) -> float:
        return checks.real(f"{place}{name}", _need(words, name, place), above=0, most=most)

    return IntegerWords(
        llr_bits=length("llr_bits"),
        llr_step=step("llr_step", 1e6),
        weight_bits=length("weight_bits"),
        codebook_bits=length("codebook_bits"),
        codebook_step=step("codebook_step", LARGEST),
    )


def _name(name: str) -> str:
    """A file name as bundles have them; nothing that could lead out of the folder."""
    if not re.fullmatch(r"([a-z_]{1,40}/)?[a-z_]{1,40}\.(npy|onnx)", name):
        raise ValueError(
            f"files: {checks.one_line(repr(name), 80)} is no name of a file in a bundle, such as "
            "'tables/codebook.npy'"
        )
    return name


def _entry(name: str, entry: Any) -> Entry:
    entry = _mapping(f"files[{name!r}]", entry)
    place = f"files[{name!r}]."
    digest = _need(entry, "sha256", place)
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(
            f"{place}sha256 must be 64 hexadecimal digits, got {checks.one_line(repr(digest), 80)}"
        )
    dtype, shape = entry.get("dtype"), entry.get("shape")
    if dtype is not None and not isinstance(dtype, str):
        raise TypeError(f"{place}dtype must be a text, got {checks.one_line(repr(dtype), 80)}")
    return Entry(
        bytes=checks.whole(f"{place}bytes", _need(entry, "bytes", place), 0),
        sha256=digest,
        dtype=dtype,
        shape=None if shape is None else _shape(f"{place}shape", shape),
    )


def _shape(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > 4:
        raise TypeError(f"{name} must be a list of whole numbers, got {checks.one_line(repr(value), 80)}")
    return tuple(checks.whole(name, size, 0, 2**40) for size in value)


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object with named values, got {checks.one_line(repr(value), 80)}")
    return value


def _need(content: dict[str, Any], name: str, place: str = "") -> Any:
    if name not in content:
        raise ValueError(f"{place}{name} is missing")
    return content[name]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
