"""Runs a tutorial as a reader would: its blocks in order, in a fresh folder, in real processes.

- ```bash blocks run with `set -euo pipefail`; `linksim` and `python` are those of the environment.
- ```python blocks of one page are one session, as if typed into one interpreter. One whose first line is a
  comment with a file name, such as `# mine.py`, is saved as that file and not run.
- A ```text block right behind one of these is what it prints. A line `...` stands for any lines, `...` within
  a line for anything. Whole numbers and words must be equal, numbers with a point within 5 % or 0.05 of those
  shown. How many blanks and empty lines there are does not matter.
- Other blocks, such as ```console, are not run.
- `<!-- environment: tensorflow -->` chooses the environment of the Keras layer for the whole page.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
NUMBER = re.compile(r"-?\d+\.\d+")
END = "\x00end of block\x00"
TOLERANCE = 0.05
SECONDS = 600
"""For one block: two busy cores are several times as slow as idle ones."""

SESSION = f"""
import json, sys
names = {{"__name__": "__main__"}}
for line in sys.stdin:
    block = json.loads(line)
    exec(compile(block["source"], block["page"], "exec"), names)
    print({END!r}, flush=True)
"""


@dataclass(frozen=True)
class Block:
    """A block of a page: language, line of its first statement, content, what it prints (None: anything)."""

    language: str
    line: int
    source: str
    output: str | None


class TutorialError(AssertionError):
    """A block failed, or printed something else."""


def blocks_of(text):
    """What of a page is run, in order."""
    found, behind = [], None
    for match in BLOCK.finditer(text):
        language, source = match.groups()
        line = text[: match.start(2)].count("\n") + 1
        if language == "text" and found and behind is not None and not text[behind : match.start()].strip():
            found[-1] = Block(found[-1].language, found[-1].line, found[-1].source, source)
        behind = None
        if language in ("bash", "python"):
            found.append(Block(language, line, source, None))
            behind = match.end()
    return found


def environment_of(text):
    """ "tensorflow" or "default"."""
    named = re.search(r"<!-- environment: (\w+) -->", text)
    return named[1] if named else "default"


def run_page(page, folder, programs):
    """Run every block of a page in a folder.

    Raises:
        TutorialError: at the first block that fails, naming page and line.
    """
    text = page.read_text(encoding="utf-8")
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    with _session(folder, environment) as session:
        for block in blocks_of(text):
            where = f"{page}:{block.line}"
            name = FILE.match(block.source) if block.language == "python" else None
            if name:
                (folder / name[1]).write_text(block.source, encoding="utf-8")
                continue
            printed = (
                _bash(block, folder, environment, where)
                if block.language == "bash"
                else _python(block, session, page, where)
            )
            if block.output is not None and (wrong := difference(block.output, printed)):
                raise TutorialError(f"{where}: {wrong}\nprinted:\n{printed}")


def difference(shown, printed):
    """What of the output differs from what the page shows, in words; empty if nothing does."""
    lines = _lines(printed)
    at, skipping = 0, False
    for expected in _lines(shown):
        if expected == "...":
            skipping = True
            continue
        found = [i for i in range(at, len(lines)) if _fits(expected, lines[i])]
        if not found or (found[0] != at and not skipping):
            return f"not printed here: {expected!r}"
        at, skipping = found[0] + 1, False
    return "" if skipping or at == len(lines) else f"also printed: {lines[at]!r}"


def _lines(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _fits(expected, line):
    """Whether a line is as shown, up to the last places of its numbers."""
    parts = [re.escape(part) for part in NUMBER.split(expected)]
    pattern = r"(-?\d+\.\d+)".join(part.replace(re.escape("..."), ".*?") for part in parts)
    match = re.fullmatch(pattern, line)
    numbers = zip(NUMBER.findall(expected), match.groups(), strict=True) if match else ()
    return bool(match) and all(
        abs(float(one) - float(other)) <= TOLERANCE * max(1, abs(float(one))) for one, other in numbers
    )


def _bash(block, folder, environment, where):
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", block.source],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise TutorialError(f"{where}: still running after {SECONDS} s") from error
    finally:
        _kill(process)
    if process.returncode:
        raise TutorialError(f"{where}: exit code {process.returncode}\n{printed[-2000:]}\n{errors[-4000:]}")
    return printed


def _python(block, session, page, where):
    source = "\n" * (block.line - 1) + block.source  # so that a traceback names the line of the page
    printed = []
    limit = threading.Timer(SECONDS, session.kill)
    limit.start()
    try:
        session.stdin.write(json.dumps({"source": source, "page": str(page)}) + "\n")
        session.stdin.flush()
        for line in session.stdout:
            if line.rstrip("\n") == END:
                return "".join(printed)
            printed.append(line)
    finally:
        limit.cancel()
    raise TutorialError(f"{where}: an error, or more than {SECONDS} s\n{''.join(printed)[-4000:]}")


@contextmanager
def _session(folder, environment):
    """An interpreter that runs blocks one after the other; errors go where output goes."""
    process = subprocess.Popen(
        ["python", "-u", "-W", "ignore", "-c", SESSION],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.stdin.close()
        _kill(process)


def _kill(process):
    """End a process and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def programs(root, environment):
    """The folder of `python` and `linksim` of an environment."""
    if environment == "default":
        return Path(sys.executable).parent
    return root / f".venv-{environment}" / "bin"
