"""Whether LLRs may be taken at their word."""

from typing import Any

from torch import Tensor

from linksim.expected_llr import has_plain_receiver, theory_arguments
from linksim.link import Link
from linksim.metrics.information import best_scale, bit_information, reliability
from linksim.metrics.intervals import ratio
from linksim.metrics.theory import bicm_capacity

MOST_POINTS = 64
"""Of a constellation of one's own, whose capacity is quickly computed."""


def capacity(link: Link, snr_db: float) -> float | None:
    """BICM capacity in bit per bit, of exact LLRs, for constellation and channel; None without a formula."""
    config, layout = link.config, link.layout
    own_points = config.modulation == "custom"
    # Pad bits leave fewer points to tell apart.
    if (
        not has_plain_receiver(link)
        or layout.pad_bits
        or (own_points and 2**config.bits_per_symbol > MOST_POINTS)
    ):
        return None
    arguments = theory_arguments(link)
    if own_points:
        arguments["constellation"] = link.modem.constellation().cpu().numpy()
    return bicm_capacity(config.bits_per_symbol, snr_db, **{**arguments, "demapper": "app"})


def reliability_rows(bits: Tensor, llr: Tensor) -> list[dict[str, float]]:
    """A row for each bin of |LLR|: llr, claimed, measured, low, high, bits.

    Args:
        bits: [images, ...] transmitted coded bits.
        llr: LLRs of the same shape.
    """
    return reliability(bits.flatten(1), llr.flatten(1))


def information_row(bits: Tensor, llr: Tensor) -> dict[str, Any]:
    """Mutual information in bit per bit: value, low, high; and best_scale, None if it cannot be told.

    Args:
        bits, llr: as for `reliability_rows`.
    """
    top, bottom = bit_information(bits.flatten(1), llr.flatten(1))
    value, low, high = ratio(top.cpu().numpy(), bottom.cpu().numpy())
    return {
        "value": value,
        "low": low,
        "high": high,
        "best_scale": best_scale(bits.flatten(1), llr.flatten(1)),
    }
