"""Making draws: everything random about the transmission of some frames."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from linksim import checks
from linksim.frame import FrameLayout
from linksim.inputs import check_snr
from linksim.signals import Draw
from linksim.stages.channel import Channel


def draw_frames(
    channel: Channel,
    layout: FrameLayout,
    frames: int,
    snr_db: float | Tensor,
    generator: torch.Generator | Sequence[torch.Generator],
    like: Tensor,
    *,
    symbols: int | None = None,
    gumbel: bool = False,
) -> Draw:
    """Draw for a link; arguments that are not listed are those of `Link.draw`.

    Args:
        channel: whose randomness it is.
        layout: of the frames.
        frames, snr_db, generator, gumbel: as for `Link.draw`.
        like: a tensor of the link, for the precision and the device of the draw.
        symbols: per frame, if others than those of the layout.

    Raises:
        TypeError, ValueError: as `Link.draw`.
    """
    frames = checks.whole("frames", frames, 1)
    snr = check_snr(snr_db, frames, like.dtype)
    count = layout.symbols if symbols is None else symbols

    def drawn(snr: Tensor, generator: torch.Generator) -> Draw:
        shape, device = (len(snr), layout.tokens), generator.device
        draw = Draw(
            snr_db=snr,
            channel=channel.draw(len(snr), count, snr, generator),
            uniforms=torch.rand(shape, dtype=snr.dtype, generator=generator, device=device),
        )
        if gumbel:
            waiting = torch.empty((*shape, layout.codebook_size), dtype=snr.dtype, device=device)
            draw = replace(draw, gumbel=-waiting.exponential_(generator=generator).log())
        return draw.to(like.device)

    if isinstance(generator, torch.Generator):
        return drawn(snr, generator)
    generators = list(generator) if isinstance(generator, Sequence) else [generator]
    if not all(isinstance(one, torch.Generator) for one in generators):
        raise TypeError("generator must be a torch.Generator or a list of them, one per frame")
    if len(generators) != frames:
        raise ValueError(f"generator must hold one generator per frame, {frames}, got {len(generators)}")
    return Draw.cat([drawn(snr[i : i + 1], one) for i, one in enumerate(generators)])
