"""How the time of a link grows with frames, tokens, codewords and bits per symbol."""

from typing import Any

import numpy as np
import torch

from linksim import Link, LinkConfig
from linksim.config import BACKENDS
from linksim.seeds import stream
from linksim_benchmarks.step_cost import SNR_DB, Step, interleaved

BASE = {"frames": 64, "tokens": 16, "codebook_size": 64, "bits_per_symbol": 4}
"""The sizes of a step of the default training."""
VARIED = {
    "frames": (16, 64, 256, 1024),
    "tokens": (4, 16, 64, 256),
    "codebook_size": (16, 64, 256, 1024, 4096),
    "bits_per_symbol": (2, 4, 6, 8, 10),
}


def growth_rows(rounds: int, seed: int, advance: Step = lambda: None) -> list[dict[str, Any]]:
    """A row for each size, one at a time being another than in `BASE`, and backend.

    Args:
        rounds: transmissions of each kind; those of a varied size take turns.
        seed: of latents, codebook and draws.
        advance: called after every round, for progress.

    Returns:
        dictionaries with varied, value, backend, hard_ms (median of the hard path, without gradients),
        soft_ms (of the soft path and its gradient).
    """
    rows = []
    for varied, values in VARIED.items():
        steps = {}
        for value in values:
            sizes = {**BASE, varied: value}
            for backend in BACKENDS:
                hard, soft = transmissions(sizes, backend, seed)
                steps |= {(value, backend, "hard"): hard, (value, backend, "soft"): soft}
        names = {"/".join(map(str, key)): key for key in steps}
        seconds = interleaved({name: steps[key] for name, key in names.items()}, rounds, advance)
        milliseconds = {key: 1e3 * float(np.median(seconds[name])) for name, key in names.items()}
        rows += [
            {
                "varied": varied,
                "value": value,
                "backend": backend,
                "hard_ms": milliseconds[value, backend, "hard"],
                "soft_ms": milliseconds[value, backend, "soft"],
            }
            for value in values
            for backend in BACKENDS
        ]
    return rows


def transmissions(sizes: dict[str, int], backend: str, seed: int) -> tuple[Step, Step]:
    """The hard path, and the soft path with its gradient, on the same latents and draw."""
    own = {name: value for name, value in sizes.items() if name != "frames"}
    link = Link(LinkConfig(**own, backend=backend))  # type: ignore[arg-type]
    generator = stream(seed, "link cost")
    shape = (sizes["frames"], link.config.tokens, link.config.embedding_dim)
    latents = torch.randn(shape, generator=generator, requires_grad=True)
    draw = link.draw(sizes["frames"], SNR_DB, generator)

    def hard() -> None:
        with torch.no_grad():
            link.hard(latents, draw)

    def soft() -> None:
        latents.grad = None
        embedding = link.soft(latents, draw).embedding
        assert embedding is not None
        embedding.square().mean().backward()

    return hard, soft
