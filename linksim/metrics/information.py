"""What LLRs tell about bits, and whether they may be taken at their word.

An LLR of L claims that its bit is 1 with probability 1/(1 + exp(-L)). Noise of unknown power, converters,
max-log demapping and short words make such claims too bold or too timid. The functions here hold them against
the bits that were sent. LLRs are ln P(b=1)/P(b=0); the textbook sign is the opposite.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special
from torch import Tensor

from linksim import checks
from linksim.metrics.intervals import clustered_proportion

Array = NDArray[np.float64]
Signal = Tensor | NDArray[Any]

SCALES = 1e-3, 1e3
"""Least and largest factor that `best_scale` returns."""
LEAST_WRONG = 10
"""LLRs of the wrong sign from which on `best_scale` ventures a factor."""


def bit_information(bits: Signal, llr: Signal) -> tuple[Tensor, Tensor]:
    """Information that the LLRs of each frame give about its bits, and number of its bits.

    The first is Σ 1 - log2(1 + exp(-(2b-1)·llr)) over the bits. Summed over frames, the ratio is the
    information in bit per bit that LLRs give when taken at their word: for equally probable bits the
    generalised mutual information at scale 1 (Martinez et al., IEEE Trans. Inf. Theory 55(6):2756, 2009), and
    for exact LLRs the mutual information; `linksim.metrics.theory.bicm.bicm_capacity` has its expectation. It
    is negative where LLRs that are too bold are wrong too often. `linksim.metrics.intervals.ratio` gives its
    interval.

    Args:
        bits: [B, L] zeros and ones of any type, a tensor or an array.
        llr: [B, L] finite real LLRs.

    Returns:
        two [B] float64 tensors without gradient, on the device of `llr`.

    Raises:
        TypeError: an argument is neither a tensor nor an array, or the LLRs are no real numbers.
        ValueError: a shape or a value is none of the above, or there are no bits.

    >>> import torch
    >>> bits, llr = torch.tensor([[1, 0, 1, 0]]), torch.tensor([[9.0, -2.0, 0.0, 1.0]])
    >>> told, count = bit_information(bits, llr)
    >>> f"{told.item():.3f} bit of {count.item():.0f}"
    '0.922 bit of 4'
    """
    bits, llr = _checked(bits, llr)
    lost = torch.logaddexp(_agreement(bits, llr).neg(), llr.new_zeros(()))  # ln(1 + exp(-x)), for any x
    return llr.shape[1] - lost.sum(1) / math.log(2), torch.full_like(llr[:, 0], llr.shape[1])


def best_scale(bits: Signal, llr: Signal) -> float | None:
    """Factor by which LLRs must be multiplied to tell most about the bits.

    It maximises the mean of 1 - log2(1 + exp(-(2b-1)·s·llr)) over s; for equally probable bits the maximum is
    the generalised mutual information (Martinez et al., IEEE Trans. Inf. Theory 55(6):2756, 2009). A factor
    below 1 says that the LLRs are too bold, above 1 too timid. Decoding by belief propagation needs the right
    scale; min-sum decoding is indifferent to a common factor.

    Args:
        bits: [B, L] zeros and ones of any type, a tensor or an array.
        llr: [B, L] finite real LLRs.

    Returns:
        s from 1e-3 to 1e3, or None where fewer than ten LLRs have the wrong sign: these bound the factor from
        above, and without any it would be infinite. 1e-3 means that the LLRs tell nothing or the opposite
        (perhaps their sign follows the textbook) or are over 1000 times too large, 1e3 that they are over
        1000 times too small.

    Raises:
        TypeError: an argument is neither a tensor nor an array, or the LLRs are no real numbers.
        ValueError: a shape or a value is none of the above, or there are no bits.

    >>> import torch
    >>> bits = torch.tensor([[1] * 90 + [0] * 10])
    >>> f"{best_scale(bits, torch.ones(1, 100)):.3f}"  # ln(90 / 10)
    '2.197'
    """
    agreement: Array = _agreement(*_checked(bits, llr)).flatten().cpu().numpy()
    if np.count_nonzero(agreement < 0) < LEAST_WRONG:
        return None
    weight = agreement / np.abs(agreement).max()  # so that no sum overflows

    def slope(log_scale: float) -> float:
        """Derivative of the information but for a factor; it falls from plus to minus at the best scale."""
        with np.errstate(over="ignore"):
            return float(weight @ special.expit(-math.exp(log_scale) * agreement))

    low, high = (math.log(scale) for scale in SCALES)
    if slope(low) <= 0:
        return SCALES[0]
    if slope(high) >= 0:
        return SCALES[1]
    return math.exp(optimize.root_scalar(slope, bracket=(low, high), method="brentq", xtol=1e-6).root)


def reliability(bits: Signal, llr: Signal, bins: int = 20, level: float = 0.95) -> list[dict[str, float]]:
    """How often decisions are right, by the magnitude of the LLR, beside how often the LLRs claim they are.

    The bins have equally many bits, as far as equal magnitudes allow, which are never parted. The decision is
    1 where the LLR is positive, else 0. The bits of a frame may depend on each other.

    Args:
        bits: [B, L] zeros and ones of any type, a tensor or an array.
        llr: [B, L] finite real LLRs.
        bins: number of bins, at least 1. There are fewer where there are fewer bits or magnitudes.
        level: confidence level between 0 and 1, both excluded.

    Returns:
        One dictionary per bin, in the order of the magnitude:
        - `llr`: mean of |LLR|,
        - `claimed`: mean of 1/(1 + exp(-|LLR|)),
        - `measured`: share of the decisions that are right,
        - `low`, `high`: ends of its interval, by `linksim.metrics.intervals.clustered_proportion`,
        - `bits`: their number.

    Raises:
        TypeError: an argument is neither a tensor nor an array, the LLRs are no real numbers, or `bins` is no
            whole number.
        ValueError: a shape or a value is none of the above, or there are no bits.

    >>> import torch
    >>> bits = torch.tensor([[1, 1], [1, 0], [0, 0]])
    >>> llr = torch.tensor([[2.0, -2.0], [4.0, -4.0], [-2.0, -4.0]])
    >>> for row in reliability(bits, llr, bins=2):
    ...     print(f"{row['bits']} bits: claimed {row['claimed']:.2f}, measured {row['measured']:.2f}")
    3 bits: claimed 0.88, measured 0.67
    3 bits: claimed 0.98, measured 1.00
    """
    sent, given = _checked(bits, llr)
    bins = checks.whole("bins", bins, 1)
    frames, length = given.shape
    right = ((given > 0) == (sent > 0)).flatten().cpu().numpy()
    size: Array = given.abs().flatten().cpu().numpy()
    bins = min(bins, len(size))
    # The least magnitude of each bin; what equals it belongs to the bin.
    least = np.unique(np.sort(size)[np.arange(bins) * len(size) // bins])
    bins = len(least)
    where = np.searchsorted(least, size, side="right") - 1
    cell = where * frames + np.repeat(np.arange(frames), length)
    tried = np.bincount(cell, minlength=bins * frames).reshape(bins, frames)
    succeeded = np.bincount(cell[right], minlength=bins * frames).reshape(bins, frames)
    count = tried.sum(axis=1)
    magnitude = np.bincount(where, size) / count
    claimed = np.bincount(where, special.expit(size)) / count
    rows = []
    for at in range(bins):
        has = tried[at] > 0
        measured, low, high = clustered_proportion(succeeded[at, has], tried[at, has], level)
        rows.append(
            {
                "llr": float(magnitude[at]),
                "claimed": float(claimed[at]),
                "measured": measured,
                "low": low,
                "high": high,
                "bits": int(count[at]),
            }
        )
    return rows


def _agreement(bits: Tensor, llr: Tensor) -> Tensor:
    """(2b-1)·llr: positive where the LLR has the sign of its bit."""
    return (2 * bits - 1) * llr


def _checked(bits: Any, llr: Any) -> tuple[Tensor, Tensor]:
    """Both as [B, L] float64 tensors without gradient, on the device of the LLRs."""
    sent, given = _tensor("bits", bits), _tensor("llr", llr)
    if given.dtype == torch.bool or given.is_complex():
        raise TypeError(f"llr must hold real numbers, ln P(b=1)/P(b=0), got {given.dtype}")
    if given.dim() != 2 or given.numel() == 0:
        raise ValueError(
            f"llr must have shape [B, L] with at least one frame and one bit, got {list(given.shape)}"
        )
    if sent.shape != given.shape:
        raise ValueError(f"bits must have the shape of llr, {list(given.shape)}, got {list(sent.shape)}")
    if not bool(((sent == 0) | (sent == 1)).all()):
        wrong = sent[(sent != 0) & (sent != 1)][0].item()
        raise ValueError(f"bits must be zeros and ones, got {wrong:g}: give the bits that were sent")
    if not bool(torch.isfinite(given).all()):
        wrong = given[~torch.isfinite(given)][0].item()
        raise ValueError(f"llr must be finite, got {wrong:g}: clip LLRs of bits that are certain")
    return sent.to(given.device, torch.float64), given.double()


def _tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, np.ndarray):
        try:
            return torch.from_numpy(np.array(value, order="C"))  # a copy, since a tensor must be writable
        except TypeError:
            raise TypeError(f"{name} must hold numbers, got an array of {value.dtype}") from None
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor or a NumPy array, got {type(value).__name__}")
    return value.detach()
