"""`itpp`: IT++ on vectors, a process per core: its random numbers have a global state."""

from linksim_benchmarks.speed.peers.program import Program
from linksim_benchmarks.speed.processes import ProcessChain
from linksim_benchmarks.speed.subject import Case, Subject

PROGRAM = Program("itpp.cpp", "g++", ("itpp",), "g++ libitpp-dev")
SIZES = (2_400, 12_000, 60_000)


def _open(case: Case, threads: int, seed: int) -> ProcessChain:
    return PROGRAM.open(case, threads, seed, SIZES)


ITPP = Subject("itpp", (_open,))
