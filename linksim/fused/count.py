"""The uncoded chain from bits to errors in one pass: map, noise, LLR, decision, count stay in registers."""

import torch
from torch import Tensor

from linksim import checks
from linksim.config import DEMAPPERS
from linksim.fused.certificate import certified
from linksim.fused.demodulate import half_spacing
from linksim.modem import Modem

SLACK = 64
"""Bytes beyond the packed bits that the compiled loop may read."""


def packed_bits(frames: int, count: int, generator: torch.Generator) -> Tensor:
    """[frames, ⌈count/8⌉] bytes of random bits, the first one of a byte being its most significant."""
    shape = (frames, -(-count // 8))
    return torch.empty(shape, dtype=torch.uint8, device=generator.device).random_(generator=generator)


def unpacked(bits: Tensor, count: int) -> Tensor:
    """[frames, count] zeros and ones (uint8), the first bits of each row of `packed_bits`."""
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=bits.device)
    return ((bits.unsqueeze(-1) >> shifts) & 1).flatten(1)[:, :count]


def count_errors(
    bits: Tensor,
    noise: tuple[Tensor, Tensor],
    weight: Tensor,
    noise_variance: Tensor,
    bits_per_symbol: int,
    demapper: str = "app",
) -> Tensor:
    """Wrong decisions on the bits of every frame, the receiver having divided by the gain.

    The same count as mapping the bits, adding `weight` times noise, computing LLRs and comparing their signs
    with the bits, but for LLRs below 1e-4, whose sign may hang on rounding.

    Args:
        bits: [F, bytes] uint8 as from `packed_bits`, S·m of them used.
        noise: real and imaginary parts, float32, [F, S] each, on the CPU.
        weight: [F, 1] or [F, S] complex64 that the noise is multiplied with.
        noise_variance: float32, of the shape of `weight`; what the LLRs are computed for.
        bits_per_symbol: m, even.
        demapper: "app" or "maxlog".

    Returns:
        [F] int32 errors.

    Raises:
        ValueError: if shapes do not fit.
    """
    real, imaginary = (part.contiguous() for part in noise)
    frames, symbols = real.shape
    checks.one_of("demapper", demapper, DEMAPPERS)
    checks.bits_per_symbol(bits_per_symbol, "qam")
    needed = symbols * bits_per_symbol
    if bits.shape[0] != frames or bits.shape[1] * 8 < needed:
        raise ValueError(
            f"bits must hold {needed} bits for each of {frames} frames, got {list(bits.shape)} bytes"
        )
    if weight.shape not in ((frames, 1), (frames, symbols)) or noise_variance.shape != weight.shape:
        raise ValueError(
            f"weight and noise_variance must have shape [{frames}, 1] or [{frames}, {symbols}], got "
            f"{list(weight.shape)} and {list(noise_variance.shape)}"
        )
    library = certified(bits_per_symbol, demapper)
    if library is None:
        added = torch.complex(real, imaginary) * weight
        return _by_tensors(bits, added, noise_variance, bits_per_symbol, demapper)
    half = half_spacing(bits_per_symbol)
    scaled, scale = weight.contiguous() / half, half**2 / noise_variance.contiguous()
    padded = torch.cat([bits.flatten(), bits.new_zeros(SLACK)])
    errors = torch.empty(frames, dtype=torch.int32)
    library.linksim_count(
        *(bits_per_symbol // 2, demapper == "app", frames, symbols, padded.data_ptr(), bits.shape[1]),
        *(real.data_ptr(), imaginary.data_ptr(), scaled.data_ptr(), scale.data_ptr()),
        *(weight.shape[1] > 1, errors.data_ptr()),
    )
    return errors


def _by_tensors(bits: Tensor, added: Tensor, variance: Tensor, bits_per_symbol: int, demapper: str) -> Tensor:
    """The same where there are no compiled loops."""
    modem = Modem(bits_per_symbol, demapper, "fused")
    sent = unpacked(bits, added.shape[1] * bits_per_symbol)
    llr = modem.demodulate(modem.modulate(sent) + added, variance)
    return ((llr > 0) != (sent > 0)).sum(1, dtype=torch.int32)


@torch.inference_mode()
def count_random_errors(
    frames: int,
    frame_bits: int,
    bits_per_symbol: int,
    demapper: str,
    snr_db: float,
    generator: torch.Generator,
) -> Tensor:
    """Draw bits and white Gaussian noise, and count the errors of every frame.

    Args:
        frames: how many.
        frame_bits: bits of each, a multiple of m.
        bits_per_symbol: m, even.
        demapper: "app" or "maxlog".
        snr_db: Es/N0 in dB.
        generator: of bits and noise, on the CPU.

    Returns:
        [frames] int32 errors.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> errors = count_random_errors(1000, 240, 4, "app", 10.0, torch.Generator().manual_seed(0))
        >>> 0.05 < errors.sum().item() / 240_000 < 0.07
        True
    """
    checks.bits_per_symbol(bits_per_symbol, "qam")
    checks.whole("frames", frames, 1)
    if checks.whole("frame_bits", frame_bits, 1) % bits_per_symbol:
        raise ValueError(f"frame_bits must be a multiple of {bits_per_symbol}, got {frame_bits}")
    bits = packed_bits(frames, frame_bits, generator)
    shape = (frames, frame_bits // bits_per_symbol)
    noise = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    variance = torch.full((frames, 1), 10 ** (-checks.real("snr_db", snr_db) / 10))
    weight = (variance / 2).sqrt().to(torch.complex64)
    return count_errors(bits, noise, weight, variance, bits_per_symbol, demapper)
