"""Presets: settings that belong together, by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

Preset = Literal["basic", "conservative", "aggressive", "note", "legacy", "recommended"]

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "basic": {},
        "conservative": {
            "alignment_start_epoch": 25,
            "temp_freeze_floor": 0.8,
            "lambda_consistency": 0.3,
        },
        "aggressive": {
            "alignment_start_epoch": 15,
            "temp_freeze_floor": 0.6,
            "lambda_consistency": 1.0,
        },
        "note": {
            "lambda_marginal": 0.0,
            "lr_schedule": "constant",
            "gradient": "surrogate",
            "random_codebook": True,
        },
        "legacy": {
            "alignment_start_epoch": 10_000,
            "temp_freeze_floor": 0.1,
            "lambda_marginal": 0.0,
            "lr_schedule": "constant",
            "random_codebook": True,
            "defects": ("per-bit-grouping", "batch-padding", "distance-softmax", "radius-2"),
        },
        "recommended": {
            "alignment_start_epoch": 1,
            "temp_freeze_floor": 0.1,
            "backward_vq_temp": 0.7,
            "backward_symbol_temp": 0.7,
            "lambda_soft": 0.5,
            "lambda_consistency": 0.0,
            "lambda_vec": 0.0,
            "lambda_marginal": 0.2,
            "marginal_of": "usage",
        },
    }
)
"""What each preset changes against the defaults, in the settings of the trainer and of the link.

`note` is the two-phase recipe without later additions; `legacy` trains on the soft path alone, annealed by
0.97 an epoch (to 0.41 in epoch 30), over a surrogate with the approximations that the note suspects.
"""
