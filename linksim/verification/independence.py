"""A frame's result depends neither on the frames beside it, nor, on the hard path, on temperatures."""

from collections.abc import Sequence

import torch
from torch import Tensor

from linksim.link import Link
from linksim.signals import Draw, Trace
from linksim.verification.broken import close, magnitude, require, same, signal

EXACT_FIELDS = ("index", "information_bits", "bits", "symbols")
CLOSE_FIELDS = ("transmitted", "received", "llr", "information_llr", "posterior")
SOFT_FIELDS = ("assignment", "information_bits", "bits", "symbol_probabilities", "symbols")
ROUNDING = 1e-5
"""Of results computed in batches of different sizes, relative to their scale."""


def check_frame_independence(link: Link, latents: Tensor, draw: Draw) -> float:
    """Each frame's hard result is the same alone as inside the batch, floats to 1e-5 of their scale.

    Rounding may break a tie between two codewords either way; that is no dependence.

    Returns:
        the largest error relative to that scale.
    """
    together, error = link.hard(latents, draw), 0.0
    for frame in range(len(draw)):
        alone = link.hard(latents[frame : frame + 1], draw[frame : frame + 1])
        for field in EXACT_FIELDS:
            _check_exact(field, alone, together, frame)
        if together.crc_ok is not None:
            _check_exact("crc_ok", alone, together, frame)
        error = max(error, _check_close(CLOSE_FIELDS, alone, together, frame))
        error = max(error, _check_decision(alone, together, frame))
    return error


def check_soft_frame_independence(
    link: Link, latents: Tensor, draw: Draw, vq_temp: float, symbol_temp: float
) -> float:
    """Each frame's soft symbols are the same alone as inside the batch, to 1e-5 of their scale."""
    together, error = link.soft(latents, draw, vq_temp=vq_temp, symbol_temp=symbol_temp), 0.0
    for frame in range(len(draw)):
        own, own_draw = latents[frame : frame + 1], draw[frame : frame + 1]
        alone = link.soft(own, own_draw, vq_temp=vq_temp, symbol_temp=symbol_temp)
        error = max(error, _check_close(SOFT_FIELDS, alone, together, frame))
    return error


def _check_exact(field: str, alone: Trace, together: Trace, frame: int) -> None:
    expected = signal(together, field)[frame]
    same(f"{field} of frame {frame} alone and in the batch", signal(alone, field)[0], expected)


def _check_decision(alone: Trace, together: Trace, frame: int) -> float:
    index = signal(alone, "decoded_index")[0]
    posterior = signal(together, "posterior")[frame]
    lost = posterior.amax(-1) - posterior.gather(-1, index.unsqueeze(-1)).squeeze(-1)
    require(lost.max() <= ROUNDING, f"decoded index of frame {frame} depends on the batch")
    agree = index == signal(together, "decoded_index")[frame]
    embedding, expected = signal(alone, "embedding")[0], signal(together, "embedding")[frame]
    name, scale = f"embedding of frame {frame} alone and in the batch", magnitude(expected)
    return close(name, embedding[agree], expected[agree], ROUNDING, scale) if agree.any() else 0.0


def _check_close(fields: Sequence[str], alone: Trace, together: Trace, frame: int) -> float:
    error = 0.0
    for field in fields:
        name = f"{field} of frame {frame} alone and in the batch"
        expected = signal(together, field)[frame]
        error = max(error, close(name, signal(alone, field)[0], expected, ROUNDING, magnitude(expected)))
    return error


def check_draw_alone(link: Link, snr_db: Tensor, seeds: Sequence[int]) -> None:
    """With one generator per frame, the draw of a frame is the one it gets alone."""

    def generator(seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    together = link.draw(len(seeds), snr_db, [generator(seed) for seed in seeds])
    for frame, seed in enumerate(seeds):
        alone = link.draw(1, float(snr_db[frame]), generator(seed))
        inside = together[frame]
        same("snr_db", alone.snr_db, inside.snr_db)
        same(f"uniforms of frame {frame} alone and in the batch", alone.uniforms, inside.uniforms)
        require(alone.channel.keys() == inside.channel.keys(), "a channel draws other things for one frame")
        for name, value in alone.channel.items():
            same(f"{name} of frame {frame} alone and in the batch", value, inside.channel[name])


def check_hard_ignores_temperature(link: Link, latents: Tensor, draw: Draw) -> None:
    """The hard path is the same at every temperature, bit for bit."""
    before = link.hard(latents, draw)
    remembered = link.vq_temp, link.symbol_temp
    try:
        for link.vq_temp, link.symbol_temp in ((0.05, 2.0), (2.0, 0.05)):
            after = link.hard(latents, draw)
            for field in (*EXACT_FIELDS, *CLOSE_FIELDS, "decoded_index", "embedding"):
                same(f"{field} at other temperatures", signal(after, field), signal(before, field))
    finally:
        link.vq_temp, link.symbol_temp = remembered
