"""Whether the LLRs of both paths may be taken at their word."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from linksim.expected_llr import has_plain_receiver
from linksim.link import Link
from linksim.metrics.information import best_scale, bit_information, reliability
from linksim.metrics.intervals import ratio
from linksim.metrics.theory.bicm import bicm_capacity


def capacity(link: Link, snr_db: float) -> float | None:
    """BICM capacity in bit per bit of constellation and channel; None where there is no formula."""
    config = link.config
    if not has_plain_receiver(link) or link.layout.pad_bits:  # pad bits leave fewer points to tell apart
        return None
    return bicm_capacity(
        config.bits_per_symbol,
        snr_db,
        modulation=config.modulation,
        channel=config.channel,
        rician_k=config.rician_k,
        demapper=config.demapper,
    )


def reliability_rows(bits: Tensor, llrs: Mapping[str, Tensor]) -> Iterator[dict[str, Any]]:
    """A row for each path and bin of |LLR|: path, llr, claimed, measured, low, high, bits.

    Args:
        bits: [images, ...] transmitted coded bits.
        llrs: path → LLRs of the same shape.
    """
    for path, llr in llrs.items():
        for found in reliability(bits.flatten(1), llr.flatten(1)):
            yield {"path": path, **found}


def information_rows(
    bits: Tensor, llrs: Mapping[str, Tensor], bound: float | None
) -> Iterator[dict[str, Any]]:
    """A row for each path: path, value, low, high, best_scale, capacity.

    Args:
        bits, llrs: as for `reliability_rows`.
        bound: what uniform bits would get at most, in bit per bit.
    """
    for path, llr in llrs.items():
        top, bottom = bit_information(bits.flatten(1), llr.flatten(1))
        value, low, high = ratio(top.numpy(), bottom.numpy())
        scale = best_scale(bits.flatten(1), llr.flatten(1))
        yield {
            "path": path,
            "value": value,
            "low": low,
            "high": high,
            "best_scale": scale,
            "capacity": bound,
        }
