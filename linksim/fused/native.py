"""The compiled loops of `kernel.c` and `dimension.h`: built at first use, kept between runs."""

import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path

from linksim import files

SOURCE = Path(__file__).with_name("kernel.c")
SOURCES = (SOURCE, SOURCE.with_name("dimension.h"))
COMPILERS = ("gcc", "cc")
# Without -ffast-math: it would reorder the sums that round to whole numbers.
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-std=gnu11")
PLATFORM_FLAGS = ("-shared", "-fPIC", "-w")
LONGEST_COMPILATION_S = 120

_POINTER, _LONG, _INT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
_MANY = (_INT, _INT, _LONG)
SIGNATURES = {
    "linksim_demodulate": (*_MANY, _POINTER, ctypes.c_float, _POINTER, _LONG, _POINTER),
    "linksim_differentiate": (
        *(*_MANY, _POINTER, ctypes.c_float, _POINTER, _LONG),
        *(_POINTER, _POINTER, _POINTER),
    ),
    "linksim_count": (*_MANY, _LONG, _POINTER, _LONG, *(_POINTER,) * 4, _LONG, _POINTER),
}


class CompilationError(RuntimeError):
    """Why there are no compiled loops on this machine."""


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled loops; None, with one warning, where they cannot be had.

    A call of a function in it releases Python's lock, so threads run side by side.
    """
    try:
        return _load(compiled())
    except (CompilationError, OSError) as error:
        warnings.warn(
            f"backend 'fused' runs without compiled loops, with the same LLRs, 2 to 30 times slower: {error}",
            RuntimeWarning,
            stacklevel=3,
        )
        return None


def compiled() -> Path:
    """The compiled library, compiled now unless an earlier run has left it.

    It is kept under a name that tells source, compiler and processor apart, so machines may share a home.

    Raises:
        CompilationError: if there is no compiler, or it fails.
    """
    compiler = find_compiler()
    target = cache_folder() / f"kernel-{_fingerprint(compiler)}.so"
    if not target.exists():
        _compile(compiler, target)
    return target


def find_compiler() -> str:
    """Path of the C compiler: that of the environment variable CC, or the first on the search path.

    Raises:
        CompilationError: if there is none.
    """
    named = os.environ.get("CC")
    for name in (named,) if named else COMPILERS:
        path = shutil.which(name)
        if path is not None:
            return path
    wanted = f"CC={named} is not there" if named else "no C compiler was found"
    raise CompilationError(f"{wanted}; install gcc")


def cache_folder() -> Path:
    """Where compiled libraries are kept: $LINKSIM_CACHE, or a folder of this user's caches.

    What is loaded from it is run, so a folder that others may write to is passed over for a new one.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    folder = Path(os.environ.get("LINKSIM_CACHE") or Path(base) / "linksim")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except OSError:
        return _own_folder()
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if mine and not shared and os.access(folder, os.W_OK) else _own_folder()


@lru_cache(maxsize=1)
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="linksim-"))


def _fingerprint(compiler: str) -> str:
    found = Path(compiler).resolve()
    changed = found.stat()
    sources = [source.read_bytes() for source in SOURCES]
    parts = (sources, str(found), changed.st_size, changed.st_mtime_ns, FLAGS, _processor())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _processor() -> str:
    """What the compiler is told to use: the processor's instructions, where the system tells them."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return f"{platform.machine()} {platform.processor()}"


def _compile(compiler: str, target: Path) -> None:
    failure = ""
    with files.whole(target) as aside:
        # Some compilers for ARM know only the second; the third does everywhere.
        for tuning in (("-march=native",), ("-mcpu=native",), ()):
            command = [compiler, *FLAGS, *PLATFORM_FLAGS, *tuning, "-o", str(aside), str(SOURCE)]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, check=False, timeout=LONGEST_COMPILATION_S
                )
            except subprocess.TimeoutExpired as error:
                raise CompilationError(f"{compiler} took more than {LONGEST_COMPILATION_S} s") from error
            if done.returncode == 0:
                return
            failure = failure or (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
        raise CompilationError(f"{compiler} refuses the loops: {failure}")


def _load(path: Path) -> ctypes.CDLL:
    found = ctypes.CDLL(str(path))
    for name, arguments in SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, None
    return found
