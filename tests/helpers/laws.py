"""The laws of a link as functions: each takes a link and signals and raises AssertionError if broken."""

from linksim.verification.broken import TOLERANCE, magnitude
from linksim.verification.broken import close as assert_close
from linksim.verification.independence import (
    check_draw_alone,
    check_frame_independence,
    check_hard_ignores_temperature,
    check_soft_frame_independence,
)
from linksim.verification.laws import (
    check_decide_law,
    check_gradients_finite,
    check_map_law,
    check_quantize_law,
    check_quantize_limit,
    check_whole_link_law,
    lift,
)

__all__ = [
    "TOLERANCE",
    "assert_close",
    "check_decide_law",
    "check_draw_alone",
    "check_frame_independence",
    "check_gradients_finite",
    "check_hard_ignores_temperature",
    "check_map_law",
    "check_quantize_law",
    "check_quantize_limit",
    "check_soft_frame_independence",
    "check_whole_link_law",
    "lift",
    "magnitude",
]
