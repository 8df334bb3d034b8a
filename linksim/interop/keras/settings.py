"""Checks of what a layer is told, and its plain form for saving."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from numbers import Real
from types import MappingProxyType
from typing import Any

import torch

from linksim import checks
from linksim.config import LinkConfig
from linksim.gradients import Backward, backward_weights
from linksim.inputs import check_snr
from linksim.interop.keras.numbered_draws import Snr

MIXED: Mapping[str, float] = MappingProxyType({"surrogate": 0.5, "straight-through": 0.5})
"""The gradient of the trainer: half the soft path's, half the identity's."""

WEIGHT_DTYPES = ("float32", "float64")


def link_config(config: Any) -> LinkConfig:
    """A configuration, or the dictionary of one.

    Raises:
        TypeError: if it is neither, or a number has the wrong type.
        ValueError: if a name or value is unknown, or the link needs parts that no configuration holds.
    """
    if isinstance(config, Mapping):
        known = {field.name for field in fields(LinkConfig)}
        unknown = sorted(map(str, set(config) - known))
        if unknown:
            raise ValueError(f"config has no {', '.join(unknown)}: its names are the fields of LinkConfig")
        config = LinkConfig(**config)
    if not isinstance(config, LinkConfig):
        raise TypeError(f"config must be a LinkConfig or its dictionary, got {type(config).__name__}")
    if config.modulation == "custom":
        raise ValueError(
            "config must have modulation 'qam' or 'psk', since a layer saves no points, got 'custom'"
        )
    return config


def snr_setting(snr_db: Any) -> Snr | None:
    """Es/N0 in dB, a range (low, high), or None.

    Raises:
        TypeError: if it is none of these.
        ValueError: if it is not finite or out of range, or the range begins with its higher end.
    """
    if snr_db is None:
        return None
    if isinstance(snr_db, Sequence) and not isinstance(snr_db, str):
        if len(snr_db) != 2:
            raise ValueError(f"snr_db must be a number or two, lowest and highest, got {len(snr_db)}")
        low, high = (_one_snr(one) for one in snr_db)
        if low > high:
            raise ValueError(f"snr_db must have the lowest value first, got {low:g} and {high:g}")
        return low, high
    return _one_snr(snr_db)


def gradient_setting(backward: Any) -> Backward:
    """A gradient by name, or weights of several, as plain numbers.

    Raises:
        TypeError, ValueError: as `Link.forward`, and for what a layer has not: weights of single frames, and
            "score-function".
    """
    if isinstance(backward, Mapping):
        for name, weight in backward.items():
            if not isinstance(weight, Real):
                raise TypeError(
                    f"backward[{name!r}] must be one number for all frames, got {type(weight).__name__}"
                )
    if isinstance(backward, str) and backward == "score-function":
        raise ValueError(
            "backward 'score-function' needs the loss of each frame, which a layer does not see: give "
            "'reinmax' or 'gumbel', or train with linksim_training"
        )
    backward_weights(backward, 1)
    if isinstance(backward, Mapping):
        return {name: float(weight) for name, weight in backward.items()}
    return backward


def dtype_setting(dtype: str) -> str:
    """Precision of the weights, which is that of the link.

    Raises:
        ValueError: if a link does not run in it.
    """
    if dtype not in WEIGHT_DTYPES:
        raise ValueError(
            f"dtype must keep weights in {' or '.join(WEIGHT_DTYPES)}, since the link never runs in less: "
            f"give 'mixed_float16' or 'mixed_bfloat16' for half precision around it, got {dtype!r}"
        )
    return dtype


def temperature(name: str, value: Any) -> float:
    """A temperature.

    Raises:
        TypeError, ValueError: if it is not a positive number.
    """
    return checks.real(name, value, above=0)


def _one_snr(value: Any) -> float:
    return float(check_snr(checks.real("snr_db", value), 1, torch.float64)[0])
