"""Comparisons that raise `Broken` and otherwise say how close things were."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.signals import Trace

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-6}
"""Of the laws, by precision."""


class Broken(AssertionError):
    """Something that must hold of the simulator does not; the message says what, in one line."""


@contextmanager
def during(name: str) -> Iterator[None]:
    """Inside, the message of `Broken` begins with a name, such as that of a configuration."""
    try:
        yield
    except Broken as error:
        raise Broken(f"{name}: {error}") from None


def require(holds: object, message: str) -> None:
    """Raise `Broken` with that message unless `holds` is true."""
    if not holds:
        raise Broken(message)


def same(name: str, actual: Tensor, expected: Tensor) -> None:
    """Equal in shape and in every value, or `Broken`."""
    require(actual.shape == expected.shape, _shapes(name, actual.shape, expected.shape))
    differing = int((actual != expected).sum())
    require(not differing, f"{name}: {differing} of {actual.numel()} values differ")


def close(name: str, actual: Tensor, expected: Tensor, tolerance: float, scale: float = 1.0) -> float:
    """Same shape and dtype, finite, and nowhere further apart than tolerance·scale, or `Broken`.

    Returns:
        the largest distance over `scale`.
    """
    require(actual.shape == expected.shape, _shapes(name, actual.shape, expected.shape))
    require(actual.dtype == expected.dtype, f"{name}: {actual.dtype} instead of {expected.dtype}")
    require(torch.isfinite(actual).all(), f"{name} is not finite")
    error = float((actual - expected).detach().abs().max())
    require(error <= tolerance * scale, f"{name}: off by {error:.2g}, allowed {tolerance * scale:.2g}")
    return error / scale


def near(name: str, actual: Tensor, expected: NDArray, relative: float = 0.0, absolute: float = 0.0) -> float:
    """Nowhere further from a NumPy reference than relative·|reference| + absolute, or `Broken`.

    Returns:
        the largest distance over what was allowed.
    """
    values = actual.detach().cpu().numpy()
    require(values.shape == expected.shape, _shapes(name, values.shape, expected.shape))
    require(np.isfinite(values).all(), f"{name} is not finite")
    error, allowed = np.abs(values - expected), relative * np.abs(expected) + absolute
    beyond = int((~(error <= allowed)).sum())
    worst = f"off by up to {float(error.max()):.2g}"
    require(not beyond, f"{name}: {worst}, {beyond} of {error.size} values by more than allowed")
    return float((error[allowed > 0] / allowed[allowed > 0]).max(initial=0))


def magnitude(tensor: Tensor) -> float:
    """Largest magnitude, at least 1."""
    return max(1.0, float(tensor.detach().abs().max()))


def signal(trace: Trace, name: str) -> Tensor:
    """A signal of a trace; `Broken` if the trace lacks it."""
    value = getattr(trace, name)
    if value is None:
        raise Broken(f"the trace has no {name}")
    return value


def _shapes(name: str, actual: tuple[int, ...], expected: tuple[int, ...]) -> str:
    return f"{name}: shape {list(actual)} instead of {list(expected)}"
