"""Checks of what comes in from users: each names the argument, the value and the fix."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

LONGEST_REASON = 400


def one_line(reason: Exception | str, longest: int = LONGEST_REASON) -> str:
    """A reason, such as what an exception says, in one line for an error message; else its type's name."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    text = text if len(text) <= longest else text[:longest] + " ..."
    # What a file from outside says must not move the cursor of a terminal.
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return `value` as an int if it is a whole number in [least, most].

    Raises:
        TypeError: if it is not a whole number.
        ValueError: if it lies outside the range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    value = int(value)
    if value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {bounds}, got {value}")
    return value


def real(
    name: str, value: Any, least: float = -math.inf, above: float = -math.inf, most: float = math.inf
) -> float:
    """Return `value` as a float if it is finite, in [least, most] and greater than `above`.

    Raises:
        TypeError: if it is not a number.
        ValueError: if it is NaN, infinite or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a finite number, got one beyond 1e308") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value}")
    if value < least:
        raise ValueError(f"{name} must be at least {least:g}, got {value:g}")
    if value <= above:
        raise ValueError(f"{name} must be greater than {above:g}, got {value:g}")
    if value > most:
        raise ValueError(f"{name} must be at most {most:g}, got {value:g}")
    return value


def flag(name: str, value: Any) -> bool:
    """Return the value if it is True or False.

    Raises:
        TypeError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, True or False, got {value!r}")
    return value


def one_of(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is among `choices`.

    Raises:
        ValueError: with the list of choices, if it is not.
    """
    choices = list(choices)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return value


MOST_BITS = {"psk": 6, "qam": 10, "custom": 10}


def bits_per_symbol(value: Any, modulation: str = "qam") -> int:
    """Return a valid number of bits per symbol: 2, 4, 6, 8 or 10 for square QAM, 1 to 6 for PSK.

    Raises:
        TypeError: if it is not a whole number.
        ValueError: if it is out of range, or odd for square QAM.
    """
    value = whole("bits_per_symbol", value, 1, MOST_BITS[modulation])
    if modulation == "qam" and value % 2:
        raise ValueError(
            f"bits_per_symbol must be even for square QAM (2, 4, 6, 8 or 10), got {value}; "
            "modulation='psk' takes 1 (BPSK) to 6, and points of one's own go with modulation='custom'"
        )
    return value
