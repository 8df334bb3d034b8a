"""What every mode makes of every image, on the same draws."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.evaluation import evaluating, placed
from linksim.seeds import stream
from linksim_training.routed_model import RoutedModel

TOGETHER = 500


@dataclass(frozen=True)
class Outcomes:
    """Transmissions of n images at one Es/N0.

    Attributes:
        snr_db: Es/N0 in dB.
        correct: [modes, draws, n] whether the class was right.
        latents: [n, N, D], normalised.
        symbols, bits: [modes] of a frame, the header included.
    """

    snr_db: float
    correct: NDArray[np.bool_]
    latents: Tensor
    symbols: NDArray[np.float64]
    bits: NDArray[np.float64]


@torch.inference_mode()
def outcomes(
    model: RoutedModel,
    images: Tensor,
    labels: Tensor,
    snr_db: list[float],
    draws: int,
    seed: int,
    on_share: Callable[[float], None] = lambda share: None,
) -> list[Outcomes]:
    """Send every image in every mode.

    A frame's draw is the same in all modes, so that they can be compared in pairs.

    Args:
        model: whose modes.
        images: [n, c, h, w].
        labels: [n].
        snr_db: Es/N0 in dB.
        draws: transmissions of every image in every mode at every Es/N0.
        seed: root of the random streams.
        on_share: called with the share that is done.
    """
    link, found = model.link, []
    symbols, bits = link.symbols.double().cpu().numpy(), link.bits.double().cpu().numpy()
    with evaluating(model):
        latents = torch.cat([model.encoder(placed(part, link.codebook)) for part in images.split(TOGETHER)])
        normalised = link.link_of(0).quantize.normalise(latents)
        for place, snr in enumerate(snr_db):
            correct = np.empty((len(link.modes), draws, len(images)), dtype=bool)
            for number in range(draws):
                generator = stream(seed, "modes", f"{snr:g}", number)
                for start in range(0, len(images), TOGETHER):
                    rows = slice(start, start + TOGETHER)
                    draw = link.draw(len(latents[rows]), snr, generator)
                    for mode in range(len(link.modes)):
                        logits = model.logits(link.mode(mode).hard(latents[rows], draw))
                        right = logits.argmax(-1).cpu() == labels[rows]
                        correct[mode, number, rows] = right.numpy()
                on_share((place + (number + 1) / draws) / len(snr_db))
            found.append(Outcomes(snr, correct, normalised, symbols, bits))
    return found
