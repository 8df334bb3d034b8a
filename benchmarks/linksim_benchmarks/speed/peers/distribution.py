"""Simulators of the Python package index: whether one is installed, and a process of it on each core."""

from importlib.metadata import PackageNotFoundError, version

from linksim_benchmarks.speed.processes import ProcessChain, worker_command
from linksim_benchmarks.speed.subject import Case, Opener, Unavailable


def require(distribution: str) -> None:
    """Look for a distribution.

    Raises:
        Unavailable: if it is not installed.
    """
    try:
        version(distribution)
    except PackageNotFoundError:
        raise Unavailable(f"not installed: pip install {distribution}") from None


def side_by_side(module: str, distribution: str, sizes: tuple[int, ...]) -> Opener:
    """A way to run the chain of a module beside this one: a process on each thread."""

    def opened(case: Case, threads: int, seed: int) -> ProcessChain:
        require(distribution)
        commands = [worker_command(module, case, 1, seed + lane) for lane in range(threads)]
        return ProcessChain(commands, sizes)

    return opened
