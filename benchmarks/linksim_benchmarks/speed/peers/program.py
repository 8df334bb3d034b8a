"""Programs that run the chain of a library in C or C++: compiled here, one process of them per core."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from linksim.checks import one_line
from linksim_benchmarks.speed.processes import ProcessChain
from linksim_benchmarks.speed.subject import Case, Unavailable

FOLDER = Path(__file__).parent / "programs"
FLAGS = ("-O3", "-march=native", "-DNDEBUG")


@dataclass(frozen=True)
class Program:
    """A source and how it is compiled.

    Attributes:
        source: name in the folder `programs`.
        compiler: its command.
        libraries: that it is linked with.
        install: packages of Debian that bring all this.
    """

    source: str
    compiler: str
    libraries: tuple[str, ...]
    install: str

    def open(self, case: Case, threads: int, seed: int, sizes: tuple[int, ...]) -> ProcessChain:
        """A process on each thread.

        Raises:
            Unavailable: if compiler or library are not installed.
        """
        words = [str(case.bits_per_symbol), case.demapper, repr(case.noise_variance)]
        path = str(_compiled(self))
        commands = [[path, *words, str(seed % 2**31 + lane)] for lane in range(threads)]
        return ProcessChain(commands, sizes)


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when Python ends."""
    return tempfile.TemporaryDirectory(prefix="linksim-speed-")


@lru_cache(maxsize=8)
def _compiled(program: Program) -> Path:
    if shutil.which(program.compiler) is None:
        raise Unavailable(f"there is no {program.compiler}: apt-get install {program.install}")
    target = Path(_folder().name) / Path(program.source).stem
    libraries = [f"-l{name}" for name in program.libraries]
    command = [program.compiler, *FLAGS, str(FOLDER / program.source), "-o", str(target), *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if "error" in line]
        reason = one_line((complaints or [f"{program.compiler} fails"])[0])
        raise Unavailable(f"not installed ({reason}): apt-get install {program.install}")
    return target
