"""The one door to Sionna: its blocks, with explicit randomness, on any device and precision.

Importing Sionna reseeds torch's global generators, so the import stands inside a fork of their state. Blocks
keep the device and precision they were made with, so they are made on demand, one per device and precision.
"""

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
    from sionna.phy.channel import AWGN, RayleighBlockFading
    from sionna.phy.mapping import Constellation, Demapper, Mapper

Precision = Literal["single", "double"]

_PRECISIONS: dict[torch.dtype, Precision] = {torch.float32: "single", torch.float64: "double"}


def precision_of(dtype: torch.dtype) -> Precision:
    """Sionna's name for the precision of a real or complex dtype.

    Raises:
        TypeError: unless it is one of float32, float64, complex64, complex128.
    """
    real = dtype.to_real() if dtype.is_complex else dtype
    if real not in _PRECISIONS:
        raise TypeError(f"signals must be in float32 or float64 precision, got {dtype}")
    return _PRECISIONS[real]


def device_name(device: torch.device) -> str:
    """Sionna's name for a device, with the index that it insists on."""
    return f"cuda:{device.index or 0}" if device.type == "cuda" else device.type


# Cached blocks outlive their first use: made in inference mode, their tensors must serve training too.
_not_inference = torch.inference_mode(False)


@lru_cache(maxsize=128)
@_not_inference
def _constellation(
    points: tuple[complex, ...] | None, width: int, precision: Precision, device: str
) -> Constellation:
    if points is None:
        return Constellation("qam", width, precision=precision, device=device)
    values = torch.tensor(points, dtype=torch.complex128)
    return Constellation("custom", width, points=values, precision=precision, device=device)


@lru_cache(maxsize=128)
@_not_inference
def mapper(points: tuple[complex, ...] | None, width: int, precision: Precision, device: str) -> Mapper:
    """Sionna's mapper for a labelled point set, or for Gray QAM if `points` is None."""
    constellation = _constellation(points, width, precision, device)
    return Mapper(constellation=constellation, precision=precision, device=device)


@lru_cache(maxsize=128)
@_not_inference
def demapper(
    method: str, points: tuple[complex, ...] | None, width: int, precision: Precision, device: str
) -> Demapper:
    """Sionna's demapper; LLRs are ln P(b=1)/P(b=0)."""
    constellation = _constellation(points, width, precision, device)
    return Demapper(method, constellation=constellation, precision=precision, device=device)


class _SeededAWGN(AWGN):
    """Sionna's AWGN drawing from a given generator instead of Sionna's global one."""

    generator: torch.Generator

    @property
    def torch_rng(self) -> torch.Generator:
        return self.generator


class _SeededRayleigh(RayleighBlockFading):
    """Sionna's block fading drawing from a given generator instead of Sionna's global one."""

    generator: torch.Generator

    @property
    def torch_rng(self) -> torch.Generator:
        return self.generator


def unit_noise(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """Complex Gaussian noise of unit variance, one half per real dimension.

    Args:
        shape: of the result.
        dtype: float32 or float64, the precision of the result.
        generator: what it is drawn from; the result lies on its device.
    """
    awgn = _SeededAWGN(precision=precision_of(dtype), device=device_name(generator.device))
    awgn.generator = generator
    silence = torch.zeros(shape, dtype=awgn.cdtype, device=generator.device)
    return awgn(silence, 1.0)


def rayleigh_gain(frames: int, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """[frames, 1] complex Gaussian gains of unit mean power, one per frame."""
    fading = _SeededRayleigh(1, 1, 1, 1, precision=precision_of(dtype), device=device_name(generator.device))
    fading.generator = generator
    gain, _ = fading(batch_size=frames, num_time_steps=1)
    return gain.reshape(frames, 1)
