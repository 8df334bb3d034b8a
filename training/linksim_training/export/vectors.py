"""Test vectors: what the link makes of some images, signal by signal."""

import numpy as np
import torch
from torch import Tensor

from linksim import Trace
from linksim_training.model import SemanticModel

SNR_DB = 8.0
SEED = 0


@torch.no_grad()
def vectors_of(model: SemanticModel, images: Tensor, snr_db: float = SNR_DB) -> dict[str, np.ndarray]:
    """Signals of the hard path on one draw, by name.

    Args:
        model: in evaluation mode, on the CPU.
        images: [T, c, h, w] in [0, 1].
        snr_db: Es/N0 of the draw.

    Returns:
        arrays with T as their first axis; `linksim.deploy.self_test` says which.
    """
    link = model.link
    latents = model.encoder(images)
    draw = link.draw(len(images), snr_db, torch.Generator().manual_seed(SEED))
    trace = link.hard(latents, draw)
    logits, _ = model.head(_need(trace.embedding))
    gain, noise_variance = heard(model, trace, draw.channel)
    signals = {
        "images": (images, "<f4"),
        "latents": (latents, "<f4"),
        "index": (trace.index, "<i4"),
        "bits": (trace.bits, "|u1"),
        "symbols": (trace.symbols, "<c8"),
        "received": (trace.received, "<c8"),
        "noise_variance": (noise_variance, "<f4"),
        "gain": (gain, "<c8"),
        "llr": (trace.llr, "<f4"),
        "embedding": (trace.embedding, "<f4"),
        "logits": (logits, "<f4"),
    }
    return {name: _need(tensor).numpy().astype(dtype) for name, (tensor, dtype) in signals.items()}


def heard(model: SemanticModel, trace: Trace, drawn: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Gain and noise variance [B, S] that the channel tells the receiver of a transmission."""
    symbols = _need(trace.transmitted)
    _, gain, noise_variance = model.link.channel.apply(symbols, drawn)
    return gain.expand(symbols.shape), noise_variance.expand(symbols.shape)


def _need(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor
