"""Uncoded bit error rates against closed forms."""

import torch

from linksim.config import LinkConfig
from linksim.link import Link
from linksim.metrics.theory import bit_error_rate
from linksim.seeds import stream
from linksim.verification.broken import during
from linksim.verification.random_inputs import random_index
from linksim.verification.statistics import check_ber

RICIAN_K = 3.0
BLOCK_FRAMES = 16_000
"""Frames under block fading: bits of a frame share their gain, so that there must be many."""

Points = list[tuple[str, int, float, str]]
"""Modulation, bits per symbol, Es/N0 in dB, demapper."""

AWGN: Points = [
    ("qam", 2, 5.0, "app"),
    ("qam", 4, 3.0, "app"),
    ("qam", 4, 12.0, "maxlog"),
    ("qam", 6, 16.0, "app"),
    ("psk", 1, 4.0, "app"),
    ("psk", 3, 9.0, "maxlog"),
]
FADING: Points = [("qam", 2, 8.0, "app"), ("qam", 4, 14.0, "app"), ("qam", 6, 18.0, "maxlog")]


def ber_awgn(seed: int) -> str:
    """Bit error rates in white Gaussian noise within 99.9 % intervals of the closed form."""
    return _rates("awgn", AWGN, seed)


def ber_rayleigh(seed: int) -> str:
    """Bit error rates over block Rayleigh fading within 99.9 % intervals of the closed form."""
    return _rates("rayleigh", FADING, seed)


def ber_rician(seed: int) -> str:
    """Bit error rates over block Rician fading, K = 3, within 99.9 % intervals of the closed form."""
    return _rates("rician", FADING, seed)


def _rates(channel: str, points: Points, seed: int) -> str:
    errors = []
    for modulation, width, snr_db, demapper in points:
        config = LinkConfig(
            tokens=2 * width if channel != "awgn" else 24,
            codebook_size=2,
            embedding_dim=1,
            bits_per_symbol=width,
            modulation=modulation,  # type: ignore[arg-type]
            channel=channel,  # type: ignore[arg-type]
            demapper=demapper,  # type: ignore[arg-type]
            rician_k=RICIAN_K,
        )
        expected = bit_error_rate(modulation, width, snr_db, channel, demapper, rician_k=RICIAN_K)
        generator = stream(seed, "verify", "ber", repr(config), str(snr_db))
        frames = BLOCK_FRAMES if channel != "awgn" else 5000
        link = Link(config)
        with during(f"2^{width}-{modulation.upper()} at {snr_db:g} dB, {demapper}"), torch.inference_mode():
            draw = link.draw(frames, snr_db, generator)
            errors.append(check_ber(link, random_index(link, frames, generator), draw, expected))
    return f"{len(points)} points of {min(errors)} to {max(errors)} bit errors"
