"""Uncoded bit error rate through the stages of a link."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from linksim import Link, LinkConfig
from linksim.metrics.intervals import clopper_pearson, clustered_proportion
from linksim.metrics.theory import qam_ber
from linksim.seeds import stream

FRAME_BITS = 240
"""Information bits per frame, a multiple of every bits_per_symbol, so that nothing is padded."""

CHUNK_BITS = 240_000
"""Bits of a chunk; each chunk has its own random stream."""

LEVEL = 0.95


@dataclass(frozen=True)
class Point:
    """One point of a sweep: modulation, channel and Es/N0."""

    bits_per_symbol: int
    channel: str
    snr_db: float
    demapper: str = "app"
    backend: str = "sionna"

    def __post_init__(self) -> None:
        # The random stream is named after the point, so equal points must be written alike.
        object.__setattr__(self, "bits_per_symbol", int(self.bits_per_symbol))
        object.__setattr__(self, "snr_db", float(self.snr_db))

    def link(self) -> Link:
        """A link that sends FRAME_BITS uncoded bits per frame, one token per symbol."""
        m = self.bits_per_symbol
        return Link(
            LinkConfig(
                tokens=FRAME_BITS // m,
                codebook_size=2**m,
                embedding_dim=1,
                bits_per_symbol=m,
                channel=self.channel,
                demapper=self.demapper,
                backend=self.backend,
            )
        )


@torch.inference_mode()
def frame_errors(point: Point, bits: int, seed: int) -> np.ndarray:
    """Bit errors of each frame.

    Args:
        point: what to simulate.
        bits: at least this many information bits, rounded up to whole frames.
        seed: root of the random streams; a point's result does not depend on other points.

    Returns:
        [frames] counts out of FRAME_BITS each.
    """
    link = point.link()
    remaining = -(-bits // FRAME_BITS)
    counts = []
    for chunk in range(-(-bits // CHUNK_BITS)):
        frames = min(CHUNK_BITS // FRAME_BITS, remaining)
        remaining -= frames
        generator = stream(seed, "ber", repr(point), chunk)
        index = torch.randint(link.config.codebook_size, (frames, link.layout.tokens), generator=generator)
        draw = link.draw(frames, point.snr_db, generator)
        sent, symbols = link.map.hard(index)
        llr = link.demap(*link.channel.apply(symbols, draw.channel))
        counts.append(((llr > 0) != (sent > 0.5)).sum(1).numpy())
    return np.concatenate(counts)


def simulate(point: Point, bits: int, seed: int) -> dict[str, Any]:
    """Simulate a point: counts, rate with interval, closed form.

    Under fading the bits of a frame share a gain, so the interval takes frames as independent, not bits.

    Returns:
        a row: bits_per_symbol, channel, ebno_db, snr_db, bits, bit_errors, ber, low, high, frames,
        frame_errors, theory.
    """
    errors = frame_errors(point, bits, seed)
    total, wrong = FRAME_BITS * len(errors), int(errors.sum())
    if point.channel == "awgn":
        low, high = clopper_pearson(wrong, total, LEVEL)
    else:
        _, low, high = clustered_proportion(errors, np.full(len(errors), FRAME_BITS), LEVEL)
    return {
        "bits_per_symbol": point.bits_per_symbol,
        "channel": point.channel,
        "ebno_db": round(point.link().layout.ebno_db(point.snr_db), 9) + 0.0,
        "snr_db": point.snr_db,
        "bits": total,
        "bit_errors": wrong,
        "ber": wrong / total,
        "low": low,
        "high": high,
        "frames": len(errors),
        "frame_errors": int((errors > 0).sum()),
        "theory": qam_ber(point.bits_per_symbol, point.snr_db, point.channel, point.demapper),
    }
