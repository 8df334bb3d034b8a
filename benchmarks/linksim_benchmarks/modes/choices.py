"""Which mode a policy sends each image in."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from linksim_benchmarks.modes.outcomes import Outcomes

Choice = NDArray[np.intp]
"""[draws, n] modes."""


def fixed(sent: Outcomes, mode: int) -> Choice:
    """One mode for all."""
    return np.full(sent.correct.shape[1:], mode)


@torch.inference_mode()
def routed(sent: Outcomes, router: nn.Module) -> Choice:
    """What a router picks from latents and SNR."""
    snr = torch.full((len(sent.latents),), sent.snr_db)
    modes = router(sent.latents, snr).argmax(-1).cpu().numpy()
    return np.broadcast_to(modes, sent.correct.shape[1:])


def picked(sent: Outcomes, choice: Choice) -> NDArray[np.bool_]:
    """[draws, n] whether the class was right in the modes of a choice."""
    return np.take_along_axis(sent.correct, choice[None], axis=0)[0]
