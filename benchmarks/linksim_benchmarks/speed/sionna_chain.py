"""`sionna`: Sionna's own eager chain."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from linksim import sionna_bridge
from linksim_benchmarks.speed.in_process import Batch, side_by_side, together
from linksim_benchmarks.speed.subject import Case, Subject

PLACE: dict[str, Any] = {"precision": "single", "device": "cpu"}


def _version() -> str:
    try:
        return version("sionna-no-rt")
    except PackageNotFoundError:
        return version("sionna")


def _drawing_from(generator: torch.Generator, block: type[Any]) -> Any:
    """A block of Sionna's that draws from the generator instead of Sionna's global one, of the same kind."""
    return type(block.__name__, (block,), {"torch_rng": generator})(**PLACE)


def _make(case: Case, generator: torch.Generator) -> Batch:
    # Behind the bridge, whose import of Sionna leaves the global generators alone.
    from sionna.phy.mapping import BinarySource

    source, awgn = (_drawing_from(generator, block) for block in (BinarySource, sionna_bridge.AWGN))
    mapper = sionna_bridge.Mapper("qam", case.bits_per_symbol, **PLACE)
    demapper = sionna_bridge.Demapper(case.demapper, "qam", case.bits_per_symbol, **PLACE)
    variance = torch.tensor(case.noise_variance)

    def batch(bits: int) -> int:
        sent = source([1, bits])
        llr = demapper(awgn(mapper(sent), variance), variance)
        return int(((llr > 0) != (sent > 0)).sum())

    return batch


SIONNA = Subject("sionna", (together(_make, _version()), side_by_side(_make, _version())))
