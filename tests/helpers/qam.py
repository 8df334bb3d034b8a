"""Modulation and demodulation from the formulas alone."""

from linksim.verification.formulas import (
    WIDTHS,
    collect,
    label_bits,
    llr,
    number_of,
    psk_points,
    qam_points,
    qam_symbol,
)

__all__ = [
    "WIDTHS",
    "collect",
    "label_bits",
    "llr",
    "number_of",
    "psk_points",
    "qam_points",
    "qam_symbol",
]
