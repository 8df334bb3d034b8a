"""Test vectors: what the link makes of some images, signal by signal."""

import numpy as np
import torch
from torch import Tensor

from linksim import Draw, Link, Trace
from linksim_training.model import SemanticModel

SNRS_DB = (8.0, 20.0, 40.0, 80.0)
"""Es/N0 that is tried, until the decoder of a code finds the bits: what it makes of others is chaotic."""

SEED = 0


@torch.no_grad()
def vectors_of(model: SemanticModel, images: Tensor) -> dict[str, np.ndarray]:
    """Signals of the hard path on one draw, by name.

    Args:
        model: in evaluation mode, on the CPU.
        images: [T, c, h, w] in [0, 1].

    Returns:
        arrays with T as their first axis.
    """
    link = model.link
    latents = model.encoder(images)
    trace, draw = _decoded(link, latents)
    logits, features = model.head(_need(trace.embedding))
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
        "features": (features, "<f4"),
    }
    return {name: _need(tensor).numpy().astype(dtype) for name, (tensor, dtype) in signals.items()}


def _decoded(link: Link, latents: Tensor) -> tuple[Trace, Draw]:
    """A transmission whose decoder found the bits, if there is a code and an Es/N0 at which it does."""

    def sent(snr_db: float) -> tuple[Trace, Draw]:
        draw = link.draw(len(latents), snr_db, torch.Generator().manual_seed(SEED))
        return link.hard(latents, draw), draw

    trace, draw = sent(SNRS_DB[0])
    for snr_db in SNRS_DB[1:]:
        found = (_need(trace.information_llr) > 0) == _need(trace.information_bits).bool()
        if link.config.code == "none" or bool(found.all()):
            break
        trace, draw = sent(snr_db)
    return trace, draw


def heard(model: SemanticModel, trace: Trace, drawn: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Gain and noise variance [B, S] that the channel tells the receiver of a transmission."""
    symbols = _need(trace.transmitted)
    _, gain, noise_variance = model.link.channel.apply(symbols, drawn)
    return gain.expand(symbols.shape), noise_variance.expand(symbols.shape)


def _need(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor
