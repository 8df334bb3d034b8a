"""Faults to plant in a surrogate of the link that was written a second time (`helpers.planted_chain`).

That surrogate shares no code with linksim, so a finder of surrogate defects can be tested with faults that it
has no copy of: those that linksim has names for, at any strength, and others that it has no name for.

Faults act in the order of the chain: stale-codebook, assignment-floor | lsb-first, batch-padding, then
per-bit-grouping or distance-softmax, iq-imbalance, transmit-statistics | llr-scale, llr-clipping,
swapped-bits, then radius-1 or radius-2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

from helpers.planted_chain import Faults, transmit
from torch import Tensor

from linksim import Trace

if TYPE_CHECKING:
    from linksim import Draw, Link

NOTHING: Faults = MappingProxyType({})

KNOWN = {
    "per-bit-grouping": "symbol",
    "batch-padding": "symbol",
    "distance-softmax": "symbol",
    "llr-scale": "receiver",
    "radius-1": "receiver",
    "radius-2": "receiver",
    "transmit-statistics": "symbol",
}
"""Place of each fault that linksim has a name for; the names are those of `linksim.config.Defect`."""

UNKNOWN = {
    "stale-codebook": "VQ",
    "assignment-floor": "VQ",
    "iq-imbalance": "symbol",
    "lsb-first": "symbol",
    "llr-clipping": "receiver",
    "swapped-bits": "receiver",
}
"""Place of each fault that linksim has no name for."""

NAMED_STRENGTHS: dict[str, float | None] = {
    "per-bit-grouping": 1.0,
    "batch-padding": None,
    "distance-softmax": 1.0,
    "llr-scale": 2.0,
    "radius-1": None,
    "radius-2": None,
    "transmit-statistics": 1.0,
}
"""Strength at which a known fault is the defect of that name, with linksim's default `llr_scale_error`."""

STRENGTHS: dict[str, tuple[float | None, float | None, float | None]] = {
    "per-bit-grouping": (0.55, 0.8, 0.93),
    "batch-padding": (None, None, None),
    "distance-softmax": (0.6, 1.45, 2.7),
    "llr-scale": (0.45, 1.6, 3.3),
    "radius-1": (None, None, None),
    "radius-2": (None, None, None),
    "transmit-statistics": (0.6, 0.85, 1.3),
    "stale-codebook": (0.17, 0.36, 0.62),
    "assignment-floor": (0.07, 0.19, 0.34),
    "iq-imbalance": (0.13, 0.27, 0.44),
    "lsb-first": (None, None, None),
    "llr-clipping": (0.7, 1.3, 2.6),
    "swapped-bits": (None, None, None),
}
"""Strengths to plant, none of them a round default that a finder would try first; None without a strength."""

CONTRADICTIONS = (
    frozenset({"radius-1", "radius-2"}),
    # The softmax over distances sees bit probabilities only, so the other fault would change nothing.
    frozenset({"per-bit-grouping", "distance-softmax"}),
)
"""Pairs that do not go together."""

SHARES = ("per-bit-grouping", "assignment-floor")


def surrogate(link: Link, faults: Faults = NOTHING) -> Callable[[Tensor, Draw], Trace]:
    """The soft path of an uncoded link with square QAM, with faults of these strengths, as f(latents, draw).

    The link's codebook and temperatures are read anew on every call.

    Raises:
        ValueError: for a link beyond this chain, an unknown fault, a strength out of range, or faults that
            contradict each other.
    """
    check_link(link)
    check_faults(link, faults)
    planted = dict(faults)

    def run(latents: Tensor, draw: Draw) -> Trace:
        return transmit(link, planted, latents, draw)

    return run


def check_link(link: Link) -> None:
    config = link.config
    plain = (
        config.modulation == "qam"
        and config.bits_per_symbol in (2, 4, 6)
        and config.channel != "bsc"
        and config.csi_error == 0
        and (config.crc, config.code) == ("none", "none")
        and (config.dac_bits, config.pa_backoff_db, config.adc_bits, config.llr_bits) == (None,) * 4
        and config.demapper == "app"
        and config.decision != "radius"  # the soft twin of "map" is the posterior mean too
        and not config.defects
    )
    if not plain:
        raise ValueError(f"faults go into uncoded links of 4, 16 or 64-QAM without extras, got {config}")


def check_faults(link: Link, faults: Faults) -> None:
    for name, strength in faults.items():
        if name not in STRENGTHS:
            raise ValueError(f"unknown fault {name!r}: give one of {', '.join(STRENGTHS)}")
        if (strength is None) != (STRENGTHS[name][0] is None):
            raise ValueError(f"fault {name!r} with strength {strength}: see STRENGTHS")
        most = 1.0 if name in SHARES else math.inf
        if strength is not None and not (0 < strength <= most and math.isfinite(strength)):
            raise ValueError(f"fault {name!r} has strengths above 0 and up to {most:g}, got {strength}")
        if name in ("lsb-first", "swapped-bits") and link.layout.bits_per_token < 2:
            raise ValueError(f"fault {name!r} needs at least two bits per token")
    for pair in CONTRADICTIONS:
        if pair <= set(faults):
            raise ValueError(f"faults {' and '.join(sorted(pair))} contradict each other")
