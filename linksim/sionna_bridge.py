"""The one door to Sionna: its blocks, with explicit randomness, on any device and precision.

Importing Sionna reseeds torch's global generators, so the import stands inside a fork of their state. Blocks
keep the device and precision they were made with, so they are made on demand, one per device and precision.
"""

import warnings
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
    from sionna.phy.channel import AWGN, BinarySymmetricChannel, RayleighBlockFading
    from sionna.phy.fec.crc import CRCDecoder, CRCEncoder
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
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


@lru_cache(maxsize=128)
@_not_inference
def crc_encoder(name: str, bits: int, precision: Precision, device: str) -> CRCEncoder:
    """Sionna's CRC encoder: appends the check bits to [..., bits] bits.

    It keeps a matrix for the length seen last, so lengths have encoders of their own.
    """
    return CRCEncoder(name, precision=precision, device=device)


@lru_cache(maxsize=128)
@_not_inference
def crc_decoder(name: str, bits: int, precision: Precision, device: str) -> CRCDecoder:
    """Sionna's CRC decoder of [..., bits and check bits]: strips these, says which rows, [..., 1], passed."""
    return CRCDecoder(crc_encoder(name, bits, precision, device), precision=precision, device=device)


@lru_cache(maxsize=32)
@_not_inference
def ldpc_encoder(message_bits: int, coded_bits: int, precision: Precision, device: str) -> LDPC5GEncoder:
    """Sionna's LDPC encoder of 3GPP TS 38.212 with rate matching, without interleaver."""
    with warnings.catch_warnings():
        # The layout bounds the rate itself; rounding may exceed 948/1024 in the last digit.
        warnings.simplefilter("ignore", UserWarning)
        return LDPC5GEncoder(message_bits, coded_bits, precision=precision, device=device)


@lru_cache(maxsize=32)
@_not_inference
def ldpc_decoder(message_bits: int, coded_bits: int, precision: Precision, device: str) -> LDPC5GDecoder:
    """Sionna's belief propagation (flooding, exact check nodes).

    Called with LLRs, `num_iter` and the messages `msg_v2c` to go on from, it returns the LLRs of the message
    bits and the messages; iterations in several calls are the same as in one.
    """
    encoder = ldpc_encoder(message_bits, coded_bits, precision, device)
    return LDPC5GDecoder(encoder, hard_out=False, return_state=True, precision=precision, device=device)


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


class _SeededFlips(BinarySymmetricChannel):
    """Sionna's binary symmetric channel drawing from a given generator instead of Sionna's global one."""

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


def bit_flips(probability: Tensor, bits: int, generator: torch.Generator) -> Tensor:
    """[frames, bits] float64 ones where a bit flips, zeros elsewhere.

    Args:
        probability: [frames, 1] of a flip, on the device of the generator.
        bits: per frame.
        generator: what they are drawn from.
    """
    flips = _SeededFlips(precision="double", device=device_name(generator.device))
    flips.generator = generator
    silence = torch.zeros(probability.shape[0], bits, dtype=torch.float64, device=generator.device)
    return flips(silence, probability.double())
