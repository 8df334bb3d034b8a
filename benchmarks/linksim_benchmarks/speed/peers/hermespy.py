"""`hermespy`: HermesPy's bit source and 3GPP mapping, NumPy operations on whole batches."""

import importlib
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from linksim_benchmarks.speed.peers.distribution import side_by_side
from linksim_benchmarks.speed.subject import Case, Subject

SIZES = (2_400, 12_000, 60_000, 240_000)


def counter(case: Case, threads: int, seed: int) -> tuple[str, Callable[[int], int]]:
    """Version, and a function that counts the errors among so many bits."""
    mapping = importlib.import_module("hermespy.modem.tools.psk_qam_mapping")
    sources = importlib.import_module("hermespy.modem.bits_source")
    source = sources.RandomBitsSource(seed=seed)
    modem = mapping.PskQamMapping(2**case.bits_per_symbol, soft_output=True)
    generator = np.random.default_rng(seed)
    deviation = np.sqrt(case.noise_variance / 2)

    def batch(bits: int) -> int:
        sent = source.generate_bits(bits)
        symbols = modem.get_symbols(sent)
        # As its class AWGN draws noise, without the copy of the signal that it makes.
        shape = symbols.shape
        noise = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
        llr = modem.detect_bits(symbols + deviation * noise, case.noise_variance)
        return int(np.count_nonzero((llr > 0) != (sent > 0)))

    return version("hermespy"), batch


HERMESPY = Subject(
    "hermespy", (side_by_side("hermespy", "hermespy", SIZES),), demappers=("maxlog",), widths=(2, 4, 6, 8)
)
