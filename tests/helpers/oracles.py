"""Checks of a link against independent references; each raises AssertionError if the link is wrong."""

from linksim.verification.broken import near as assert_near
from linksim.verification.oracles import (
    check_llr,
    check_llr_sign,
    check_modulation,
    check_posterior,
    check_quantize_formula,
    check_reaches_receiver,
    check_sharpening,
    check_symbol_enumeration,
)
from linksim.verification.statistics import (
    LEVEL,
    check_ber,
    check_noise,
    check_variance,
    chi_square_interval,
    measured_ber,
)

__all__ = [
    "LEVEL",
    "assert_near",
    "check_ber",
    "check_llr",
    "check_llr_sign",
    "check_modulation",
    "check_noise",
    "check_posterior",
    "check_quantize_formula",
    "check_reaches_receiver",
    "check_sharpening",
    "check_symbol_enumeration",
    "check_variance",
    "chi_square_interval",
    "measured_ber",
]
