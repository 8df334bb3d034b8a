"""`kaira`: Kaira's modulator, channel and demodulator, in a process or in one per core."""

import importlib
import warnings
from collections.abc import Callable
from importlib.metadata import version

import torch

from linksim_benchmarks.speed.peers.distribution import require, side_by_side
from linksim_benchmarks.speed.processes import ProcessChain, worker_command
from linksim_benchmarks.speed.subject import Case, Subject

SIZES: tuple[int, ...] = (6_000, 24_000, 60_000, 240_000)


def counter(case: Case, threads: int, seed: int) -> tuple[str, Callable[[int], int]]:
    """Version, and a function that counts the errors among so many bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modulations = importlib.import_module("kaira.modulations")
        channels = importlib.import_module("kaira.channels")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    modulator = modulations.QAMModulator(2**case.bits_per_symbol)
    demodulator = modulations.QAMDemodulator(2**case.bits_per_symbol)
    channel = channels.AWGNChannel(avg_noise_power=case.noise_variance)

    @torch.inference_mode()
    def batch(bits: int) -> int:
        sent = torch.randint(2, (1, bits), dtype=torch.float32)
        llr = demodulator(channel(modulator(sent)), case.noise_variance)
        return int(((llr < 0) != (sent > 0)).sum())  # its LLRs are ln P(0)/P(1)

    return version("pykaira"), batch


def _together(case: Case, threads: int, seed: int) -> ProcessChain:
    require("pykaira")
    return ProcessChain([worker_command("kaira", case, threads, seed)], SIZES, threads)


KAIRA = Subject(
    "kaira", (_together, side_by_side("kaira", "pykaira", SIZES)), demappers=("maxlog",), widths=(2, 4, 6, 8)
)
