"""`commpy`: CommPy's modem and channel, loops in Python over symbols, bits and points."""

import importlib
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from linksim_benchmarks.speed.peers.distribution import side_by_side
from linksim_benchmarks.speed.subject import Case, Subject

SIZES = (240,)
"""A loop gains nothing from longer batches, and at 256-QAM even this one takes a quarter of a second."""


def counter(case: Case, threads: int, seed: int) -> tuple[str, Callable[[int], int]]:
    """Version, and a function that counts the errors among so many bits."""
    modulation = importlib.import_module("commpy.modulation")
    channels = importlib.import_module("commpy.channels")
    np.random.seed(seed % 2**32)  # noqa: NPY002 - its channel draws from the global state
    generator = np.random.default_rng(seed)
    modem = modulation.QAMModem(2**case.bits_per_symbol)
    variance = modem.Es * case.noise_variance

    def batch(bits: int) -> int:
        sent = generator.integers(2, size=bits)
        # It measures the energy of the batch; this SNR makes the noise as strong as it is to be.
        symbols = modem.modulate(sent)
        snr_db = 10 * np.log10(np.mean(np.abs(symbols) ** 2) / variance)
        llr = modem.demodulate(channels.awgn(symbols, snr_db), "soft", variance)
        return int(np.count_nonzero((llr > 0) != (sent > 0)))

    return version("scikit-commpy"), batch


COMMPY = Subject("commpy", (side_by_side("commpy", "scikit-commpy", SIZES),), demappers=("app",))
