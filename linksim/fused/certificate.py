"""Compiled loops are used for a configuration once they have given the right LLRs there."""

import math
import warnings
from ctypes import CDLL
from functools import lru_cache

import torch
from torch import Tensor

from linksim import separable_qam, sionna_bridge
from linksim.fused.demodulate import demodulate
from linksim.fused.native import library
from linksim.seeds import stream

SYMBOLS = 512
SNRS_DB = (-20.0, 0.0, 10.0, 20.0, 40.0, 60.0)
RELATIVE, ABSOLUTE, PER_INVERSE_VARIANCE = 1e-4, 1e-4, 1e-6
"""Tolerances of float32 LLRs; the last one times 1/N0, the metric of which is rounded."""


@lru_cache(maxsize=64)
def certified(bits_per_symbol: int, demapper: str) -> CDLL | None:
    """The compiled loops, if they are right for this configuration; else None, with one warning.

    A few thousand random symbols from -20 to 60 dB are compared with float64 sums over the levels, once in a
    process.
    """
    found = library()
    if found is None:
        return None
    with torch.inference_mode(False), torch.no_grad():
        worst = largest_error(found, bits_per_symbol, demapper)
    if worst <= 1:
        return found
    warnings.warn(
        f"the compiled loops of backend 'fused' miss the LLRs of {2**bits_per_symbol}-QAM here, {worst:.3g} "
        "times the tolerance, and are not used: it has the right LLRs still, but slowly",
        RuntimeWarning,
        stacklevel=3,
    )
    return None


def largest_error(found: CDLL, bits_per_symbol: int, demapper: str, symbols: int = SYMBOLS) -> float:
    """Largest error of an LLR over its tolerance, 1e-4 of it + 1e-4 + 1e-6/N0.

    Half of the symbols are received as noise leaves them, half anywhere in and around the constellation.

    Args:
        found: the compiled loops.
        bits_per_symbol: m.
        demapper: "app" or "maxlog".
        symbols: at each SNR.
    """
    generator = stream(0, "certificate", bits_per_symbol)
    mapper = sionna_bridge.mapper(None, bits_per_symbol, "double", "cpu")
    points = mapper.constellation()
    levels = separable_qam.levels(points)
    worst = 0.0
    for snr_db in SNRS_DB:
        received = received_symbols(points, symbols, snr_db, generator)
        variance = torch.tensor(10 ** (-snr_db / 10))
        found_llr = demodulate(found, received, variance, bits_per_symbol, demapper)
        right = separable_qam.demodulate(received.to(points.dtype), variance.double(), levels, demapper)
        worst = max(worst, error_in_tolerances(found_llr, right, variance))
    return worst


def received_symbols(points: Tensor, count: int, snr_db: float, generator: torch.Generator) -> Tensor:
    """[count] complex64: points with noise, then as many anywhere within 1.3 times the largest point."""
    half = count // 2
    sent = points[torch.randint(len(points), (half,), generator=generator)]
    noise = torch.randn(half, dtype=points.dtype, generator=generator) * 10 ** (-snr_db / 20)
    reach = 1.3 * points.real.max()
    anywhere = (2 * torch.rand(count - half, 2, generator=generator).double() - 1) * reach
    return torch.cat([sent + noise, torch.view_as_complex(anywhere)]).to(torch.complex64)


def error_in_tolerances(found: Tensor, right: Tensor, variance: Tensor) -> float:
    """Largest |found − right| over 1e-4·|right| + 1e-4 + 1e-6/N0; infinite if one is not a number."""
    allowed = RELATIVE * right.abs() + ABSOLUTE + PER_INVERSE_VARIANCE / variance
    worst = float(((found - right).abs() / allowed).max())
    return math.inf if math.isnan(worst) else worst
