"""Checks of what is given to a routed link."""

from collections.abc import Sequence

import torch
from torch import Tensor

from linksim import checks
from linksim.config import LinkConfig
from linksim.inputs import check_input
from linksim.modes.header import MOST_MODES
from linksim.signals import Draw

MOST_CODEWORDS = 2**20


def check_mode(mode: Tensor | int, frames: int, modes: int) -> Tensor:
    """Return mode numbers as [frames] int64.

    Args:
        mode: one number, or one per frame.
        frames: B.
        modes: number of modes.

    Raises:
        TypeError: if it does not hold whole numbers.
        ValueError: if the shape does not fit, or there is no such mode.
    """
    try:
        chosen = torch.as_tensor(mode)
    except (TypeError, ValueError, RuntimeError) as error:  # strings, ragged lists, dictionaries
        raise TypeError(f"mode must hold whole numbers, got {mode!r}") from error
    if chosen.is_floating_point() or chosen.is_complex() or chosen.dtype == torch.bool:
        raise TypeError(f"mode must hold whole numbers, got {chosen.dtype}")
    if chosen.shape not in ((), (frames,)):
        raise ValueError(
            f"mode must be one number or one per frame, [{frames}], got shape {list(chosen.shape)}"
        )
    if bool(((chosen < 0) | (chosen >= modes)).any()):
        raise ValueError(f"mode must hold numbers from 0 to {modes - 1}")
    return chosen.long().expand(frames)


def check_index(configs: Sequence[LinkConfig], index: Tensor, draw: Draw, mode: Tensor) -> None:
    """Check indices [B, N], each frame's against the codebook of its mode.

    Raises:
        TypeError, ValueError: if they do not fit.
    """
    check_input(max(configs, key=lambda config: config.codebook_size), None, index, None, draw)
    sizes = torch.tensor([config.codebook_size for config in configs], device=index.device)[mode]
    wrong = torch.nonzero((index >= sizes.unsqueeze(1)).any(1)).squeeze(1).tolist()
    if wrong:
        first = wrong[0]
        raise ValueError(
            f"index must hold whole numbers from 0 to {int(sizes[first]) - 1} in a frame of mode "
            f"{int(mode[first])}, got {int(index[first].max())} in frame {first}"
        )


def check_modes(modes: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return modes as pairs of whole numbers.

    Raises:
        TypeError: if they are not pairs of whole numbers.
        ValueError: if there are none.
    """
    if isinstance(modes, str) or not isinstance(modes, Sequence):
        raise TypeError(f"modes must be a list of (K, m), as in [(64, 2), (64, 4)], got {modes!r}")
    if not len(modes):
        raise ValueError("modes must hold at least one (K, m), got none")
    if len(modes) > MOST_MODES:
        raise ValueError(f"modes must be at most {MOST_MODES}, got {len(modes)}")
    found = []
    for mode in modes:
        if not isinstance(mode, Sequence) or isinstance(mode, str) or len(mode) != 2:
            raise TypeError(f"a mode must be a pair (K, m), codebook size and bits per symbol, got {mode!r}")
        size, width = checks.whole("codebook size of a mode", mode[0], 2, MOST_CODEWORDS), mode[1]
        found.append((size, checks.whole("bits per symbol of a mode", width, 1, 10)))
    return tuple(found)
