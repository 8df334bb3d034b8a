"""Accuracy of a trained model against SNR, every path on the same draws."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from linksim.evaluation import evaluating, placed
from linksim.metrics.intervals import clopper_pearson, clustered_proportion
from linksim.seeds import stream
from linksim_training.evaluate import both_paths
from linksim_training.model import SemanticModel

PATHS = ("hard", "map", "soft")
BATCH = 500
LEVEL = 0.95


@torch.no_grad()
def encode(model: SemanticModel, images: Tensor) -> list[Tensor]:
    """Latents of all images, in batches; they do not depend on the SNR."""
    with evaluating(model):
        return [model.encoder(placed(batch, model.link.codebook)) for batch in images.split(BATCH)]


@torch.no_grad()
def correct_counts(
    model: SemanticModel, latents: Sequence[Tensor], labels: Tensor, snr_db: float, draws: int, seed: int
) -> dict[str, Tensor]:
    """How often each image is classified correctly.

    Args:
        model: what to test.
        latents: from `encode`.
        labels: [n].
        snr_db: Es/N0 in dB.
        draws: transmissions of every image.
        seed: root of the random streams; an SNR's result does not depend on the other SNRs.

    Returns:
        path → [n] counts out of `draws`.
    """
    counts = {path: torch.zeros(len(labels), dtype=torch.int64) for path in PATHS}
    for number in range(draws):
        generator = stream(seed, "accuracy", repr(float(snr_db)), number)
        first = 0
        for batch in latents:
            outputs = both_paths(model, batch, model.link.draw(len(batch), snr_db, generator))
            own = slice(first, first + len(batch))
            for path in PATHS:
                counts[path][own] += outputs[path].logits.argmax(-1).cpu() == labels[own]
            first += len(batch)
    return counts


def sweep(
    model: SemanticModel,
    images: Tensor,
    labels: Tensor,
    snr_db: Sequence[float],
    paths: Sequence[str],
    draws: int,
    seed: int,
    on_point: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Accuracy at every SNR, as rows.

    With several draws, the transmissions of one image are not independent, so the interval takes images as
    independent instead.

    Returns:
        dictionaries with snr_db, ebno_db, path, samples, correct, accuracy, low, high, vq_temp, symbol_temp;
        the temperatures are None on the hard path, which ignores them.
    """
    latents = encode(model, images)
    rows = []
    for snr in snr_db:
        counts = correct_counts(model, latents, labels, snr, draws, seed)
        for path in paths:
            right, total = int(counts[path].sum()), draws * len(labels)
            if draws == 1:
                low, high = clopper_pearson(right, total, LEVEL)
            else:
                trials = torch.full_like(counts[path], draws)
                _, low, high = clustered_proportion(counts[path].numpy(), trials.numpy(), LEVEL)
            rows.append(
                {
                    "snr_db": float(snr),
                    "ebno_db": model.link.layout.ebno_db(snr),
                    "path": path,
                    "samples": total,
                    "correct": right,
                    "accuracy": right / total,
                    "low": low,
                    "high": high,
                    "vq_temp": model.link.vq_temp if path == "soft" else None,
                    "symbol_temp": model.link.symbol_temp if path == "soft" else None,
                }
            )
        if on_point is not None:
            on_point()
    return rows
