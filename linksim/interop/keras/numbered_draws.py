"""Draws of numbered frames: what is random about a frame depends on the stream and on its number alone."""

import torch
from torch import Tensor

from linksim.link import Link
from linksim.seeds import stream
from linksim.signals import Draw

BLOCK = 64
"""Frames that are drawn together. A generator for each frame would cost as much as sending the frames."""

Snr = float | tuple[float, float]
"""Es/N0 in dB of all frames, or the range that each frame draws its own from."""


def numbered_draw(
    link: Link,
    seed: int,
    names: tuple[str | int, ...],
    numbers: Tensor,
    snr_db: Tensor | Snr,
    *,
    gumbel: bool = False,
) -> Draw:
    """The draw of some frames.

    Args:
        link: whose draw it is.
        seed: of all streams.
        names: of the stream.
        numbers: [B] int64, at least 0; a number may occur again.
        snr_db: [B] Es/N0 in dB, or one number, or a range that the frames draw theirs from.
        gumbel: whether the draw holds Gumbel noise.

    Returns:
        the draw of B frames, on the CPU.

    Raises:
        ValueError: if a number is negative, or an Es/N0 out of range.
    """
    if bool((numbers < 0).any()):
        raise ValueError(f"frame must hold numbers from 0 on, got {int(numbers.min())}")
    parts, order = [], []
    for block in numbers.div(BLOCK, rounding_mode="floor").unique().tolist():
        members = (numbers.div(BLOCK, rounding_mode="floor") == block).nonzero().squeeze(1)
        rows = numbers[members] % BLOCK
        # The same frame at two SNRs takes two draws of its block.
        alone = len(rows.unique()) == len(rows)
        for chosen in (slice(None),) if alone else (slice(i, i + 1) for i in range(len(rows))):
            generator = stream(seed, *names, "draw", block)
            snr = _block_snr(link, snr_db, members[chosen], rows[chosen], generator)
            parts.append(link.draw(BLOCK, snr, generator, gumbel=gumbel)[rows[chosen]])
        order.append(members)
    return Draw.cat(parts)[torch.cat(order).argsort()]


def _block_snr(
    link: Link, snr_db: Tensor | Snr, members: Tensor, rows: Tensor, generator: torch.Generator
) -> Tensor | float:
    """Es/N0 of the frames of a block, those that are not asked for included."""
    if isinstance(snr_db, tuple):
        low, high = snr_db
        uniforms = torch.rand(BLOCK, generator=generator, dtype=torch.float64)
        return (low + (high - low) * uniforms).to(link.codebook.dtype)
    if isinstance(snr_db, Tensor):
        return torch.zeros(BLOCK, dtype=snr_db.dtype).index_copy(0, rows, snr_db[members])
    return snr_db
