"""What a finite word length costs in task accuracy: a trained model, all variants on the same draws."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linksim import Link
from linksim.evaluation import evaluating
from linksim.metrics.intervals import ratio
from linksim.seeds import stream
from linksim_benchmarks.accuracy import encode
from linksim_training.model import SemanticModel


def with_options(link: Link, **options: Any) -> Link:
    """A link with the same codebook and other options."""
    other = Link(replace(link.config, **options)).to(link.codebook.device, link.codebook.dtype)
    other.load_state_dict(link.state_dict())
    return other


def options_of(part: str, bits: int) -> dict[str, Any]:
    """What "llr", "adc" or "integer" (LLRs and decisions in integers) of that word length stands for."""
    if part == "integer":
        return {"llr_bits": bits, "arithmetic": "integer"}
    return {f"{part}_bits": bits}


@torch.no_grad()
def losses(
    model: SemanticModel,
    images: Tensor,
    labels: Tensor,
    snr_db: float,
    parts: Sequence[tuple[str, int]],
    draws: int,
    seed: int,
    on_draw: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Accuracy lost by each variant against floating point, paired by image and draw.

    Args:
        model: trained.
        images, labels: [n, …] and [n].
        snr_db: Es/N0 in dB.
        parts: pairs of part and word length, as `options_of` takes them.
        draws: transmissions of every image.
        seed: root of the random streams.
        on_draw: called after each transmission of all images.

    Returns:
        rows: modulation, part, bits, loss (percentage points), low, high (95 %, Student over images), limit
        (0.2 points), reference (accuracy in floating point, percent), frames.
    """
    link = model.link
    links = [link, *(with_options(link, **options_of(part, bits)) for part, bits in parts)]
    latents = torch.cat(encode(model, images))
    correct = np.zeros((len(links), len(labels)))
    with evaluating(model):
        for number in range(draws):
            draw = link.draw(len(latents), snr_db, stream(seed, "word length", repr(float(snr_db)), number))
            for row, variant in enumerate(links):
                embedding = variant.hard(latents, draw).embedding
                assert embedding is not None
                logits, _ = model.head(embedding)
                correct[row] += (logits.argmax(-1).cpu() == labels).numpy()
            if on_draw is not None:
                on_draw()
    trials = np.full(len(labels), draws)
    found = []
    for row, (part, bits) in enumerate(parts, start=1):
        loss, low, high = (100 * end for end in ratio(correct[0] - correct[row], trials))
        found.append(
            {
                "study": "task accuracy",
                "modulation": link.modem.modulation_name,
                "part": part,
                "bits": bits,
                "loss": loss,
                "low": low,
                "high": high,
                "unit": "points",
                "limit": 0.2,
                "reference": 100 * float(correct[0].sum() / trials.sum()),
                "frames": int(trials.sum()),
            }
        )
    return found
