"""Command-line arguments: dataclasses read by tyro, errors in one line, lists of numbers as ranges."""

import contextlib
import io
import re
from collections.abc import Sequence
from typing import TypeVar

import tyro

from linksim import checks

Arguments = TypeVar("Arguments")
MOST_POINTS = 10_000


def parse(
    kind: type[Arguments], arguments: Sequence[str], command: str, default: Arguments | None = None
) -> Arguments:
    """Read arguments into a dataclass.

    Args:
        kind: the dataclass; nested ones give the groups of `--help`.
        arguments: the words after the command's name.
        command: its name.
        default: values for what is not given; the dataclass's own if None.

    Raises:
        ValueError: in one line, if the arguments cannot be read.
        SystemExit: with code 0, after `--help`.
    """
    markers = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    complaint = io.StringIO()
    prog = f"linksim {command}"
    try:
        with contextlib.redirect_stderr(complaint):
            if default is None:
                return tyro.cli(kind, args=list(arguments), prog=prog, config=markers)
            return tyro.cli(kind, args=list(arguments), prog=prog, config=markers, default=default)
    except SystemExit as stop:
        if not stop.code:
            raise
        complaints = re.sub(r"^Error parsing [\w ]+: ", "", _first_sentence(complaint.getvalue()))
        raise ValueError(f"{complaints}; see {prog} --help") from None


def _first_sentence(box: str) -> str:
    """The words of a framed message below its title, up to the next rule.

    The title stands in the frame where standard output has characters to draw one, else above a rule.
    """
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip(" │\t") for line in box.splitlines()]
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line[:1] in "╭╰" or not line.strip("─-"):
            blocks.append([])
        else:
            blocks[-1].append(line)
    filled = [" ".join(" ".join(block).split()) for block in blocks if block]
    return filled[0] if "╭" in box else filled[1]


def numbers(name: str, words: Sequence[str]) -> list[float]:
    """Numbers from words such as "0", "5.5" or "0:14:2" (from, to, step; the end included).

    Raises:
        ValueError: naming the option, if there are none, or one cannot be read or is not finite.

    Example:
        >>> numbers("--snr-db", ["-6:0:2", "10"])
        [-6.0, -4.0, -2.0, 0.0, 10.0]
    """
    if not words:
        raise ValueError(f"{name} needs at least one number, or a range as in 0:14:1")
    return [value for word in words for value in _range(name, word)]


def _range(name: str, word: str) -> list[float]:
    try:
        parts = [checks.real(name, float(part)) for part in word.split(":")]
    except ValueError:
        parts = []
    if len(parts) == 1:
        return parts
    if len(parts) == 3:
        start, end, step = parts
        count = (end - start) / step if step else -1.0
        if 0 <= count < MOST_POINTS:
            return [round(start + i * step, 9) for i in range(int(count + 1e-9) + 1)]
    raise ValueError(f"{name} takes finite numbers, or ranges as in 0:14:1 (from, to, step), got {word!r}")
