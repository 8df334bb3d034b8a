"""`liquid-dsp`: its modem and noise in a loop over symbols, a process per core: its generator has a lock."""

from linksim_benchmarks.speed.peers.program import Program
from linksim_benchmarks.speed.processes import ProcessChain
from linksim_benchmarks.speed.subject import Case, Subject

PROGRAM = Program("liquid_dsp.c", "gcc", ("liquid", "m"), "gcc libc6-dev libliquid-dev")
SIZES = (24_000,)
"""A loop over symbols without arrays: longer or shorter makes no difference."""


def _open(case: Case, threads: int, seed: int) -> ProcessChain:
    return PROGRAM.open(case, threads, seed, SIZES)


LIQUID_DSP = Subject(
    "liquid-dsp",
    (_open,),
    demappers=("maxlog",),
    widths=(2, 4, 6, 8),
    note="soft decisions of 8 bits from a few near points",
)
