"""What a checkpoint of several modes does on the images that it comes with: accuracy, usage, symbols."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from linksim.seeds import stream
from linksim_envs.semantic_rate_core import make_task, routed_link_of

SNR_DB = tuple(float(one) for one in range(0, 21, 2))
DRAWS = 5


@torch.inference_mode()
def measure(
    checkpoint: str | Path | None = None, snr_db: Sequence[float] = SNR_DB, draws: int = DRAWS, seed: int = 0
) -> list[dict[str, Any]]:
    """Send every image of the test part in every mode, on common draws.

    Args:
        checkpoint: as for `SemanticRateEnv`; by default the one that comes along.
        snr_db: Es/N0 in dB.
        draws: of the channel, for each image at each SNR.
        seed: of the draws.

    Returns:
        a row for each SNR with "snr_db", "modes" (share of right classes in each mode), "accuracy" (of
        frames in the router's modes), "usage" (share of frames that the router sends in each mode), and
        "symbols" (their mean, header included).

    Raises:
        FileNotFoundError, TypeError, ValueError: as `SemanticRateEnv`.
    """
    task = make_task(None, None, None, checkpoint)
    link = routed_link_of(task)
    latents = task.latents(link).repeat(draws, 1, 1)
    labels, frames = np.tile(task.labels, draws), np.arange(len(latents))
    rows = []
    for one in snr_db:
        draw = link.draw(len(latents), float(one), stream(seed, "reference", f"{one:g}"))
        chosen = link.route(latents, draw.snr_db).mode.cpu().numpy()
        modes = range(len(link.modes))
        right = np.stack(
            [task.classes(link.hard(latents, draw, mode=mode).embedding) == labels for mode in modes]
        )
        rows.append(
            {
                "snr_db": float(one),
                "modes": [float(share) for share in right.mean(1)],
                "accuracy": float(right[chosen, frames].mean()),
                "usage": [float((chosen == mode).mean()) for mode in modes],
                "symbols": float(link.symbols.cpu().double().numpy()[chosen].mean()),
            }
        )
    return rows
