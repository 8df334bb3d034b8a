"""Checks of the tensors that are given to a link."""

import torch
from torch import Tensor

from linksim import checks
from linksim.config import LinkConfig
from linksim.signals import Draw

MOST_DB = 200.0
"""Beyond this, N0 leaves the range of float32."""


def check_snr(snr_db: float | Tensor, frames: int, dtype: torch.dtype) -> Tensor:
    """Return [frames] Es/N0 in dB.

    Args:
        snr_db: one number, or one per frame.
        frames: B.
        dtype: of the result.

    Raises:
        ValueError: if the shape does not fit or a value is not finite.
    """
    if isinstance(snr_db, Tensor):
        snr = snr_db.detach().to(dtype, copy=True)
    else:
        snr = torch.tensor(checks.real("snr_db", snr_db), dtype=dtype)
    if snr.dim() > 1 or (snr.dim() == 1 and snr.shape[0] != frames):
        raise ValueError(
            f"snr_db must be one number or one per frame, [{frames}], got shape {list(snr.shape)}"
        )
    allowed = snr.abs() <= MOST_DB
    if not bool(allowed.all()):
        wrong = snr.flatten()[~allowed.flatten()]
        raise ValueError(f"snr_db must be finite, from -{MOST_DB:g} to {MOST_DB:g}, got {float(wrong[0]):g}")
    return snr.expand(frames)


def check_share(share: Tensor, frames: int) -> None:
    """Check shares of the hard path.

    Raises:
        TypeError: unless it is a tensor.
        ValueError: unless it has one number from 0 to 1 per frame.
    """
    if not isinstance(share, Tensor):
        raise TypeError(
            f"forward must be 'hard', 'soft' or a tensor of one share per frame, got {type(share).__name__}"
        )
    if share.shape != (frames,):
        raise ValueError(f"forward must hold one share per frame, [{frames}], got shape {list(share.shape)}")
    if not bool(((share >= 0) & (share <= 1)).all()):
        raise ValueError(f"forward must hold shares from 0 to 1, got {share.min():g} to {share.max():g}")


def check_input(
    config: LinkConfig, latents: Tensor | None, index: Tensor | None, bits: Tensor | None, draw: Draw | None
) -> Draw:
    """Check what is to be transmitted and return the draw.

    Raises:
        TypeError: unless exactly one of latents, index and bits is given, and a draw.
        ValueError: if shapes or values do not fit the configuration.
    """
    inputs = {"latents": latents, "index": index, "bits": bits}
    given = [(name, value) for name, value in inputs.items() if value is not None]
    if len(given) != 1:
        names = ", ".join(name for name, _ in given) or "none"
        raise TypeError(f"give exactly one of latents, index and bits, got {names}")
    if not isinstance(draw, Draw):
        raise TypeError(f"draw must come from link.draw(...), got {type(draw).__name__}")
    name, value = given[0]
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    tail = {
        "latents": (config.tokens, config.embedding_dim),
        "index": (config.tokens,),
        "bits": (config.layout.information_bits,),
    }[name]
    if value.dim() != len(tail) + 1 or tuple(value.shape[1:]) != tail:
        raise ValueError(f"{name} must have shape [B, {', '.join(map(str, tail))}], got {list(value.shape)}")
    if value.shape[0] != len(draw):
        raise ValueError(f"{name} has {value.shape[0]} frames, but the draw has {len(draw)}")
    if name == "latents":
        if not bool(torch.isfinite(value).all()):
            raise ValueError(
                "latents must be finite; NaN or infinity comes from the encoder, in training mostly from a "
                "learning rate (--lr) that is too high"
            )
    else:
        _check_values(name, value, config.codebook_size if name == "index" else 2)
    return draw


def _check_values(name: str, value: Tensor, limit: int) -> None:
    if name == "index" and (value.is_floating_point() or value.dtype == torch.bool):
        raise TypeError(f"index must hold integers, got {value.dtype}")
    if value.dtype == torch.bool:
        return
    value = value.double()
    if not bool(((value >= 0) & (value < limit) & (value == value.round())).all()):
        raise ValueError(f"{name} must hold whole numbers from 0 to {limit - 1}")
