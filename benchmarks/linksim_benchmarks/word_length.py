"""What a finite word length costs in dB: frame error rate of an LDPC code, all variants on the same noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from linksim import Link, LinkConfig
from linksim.config import HardwareOptions
from linksim.seeds import stream

TARGET = 1e-2
"""Frame error rate at which the loss is read."""

CHUNK_FRAMES = 250
GRID = (4e-2, 1.5e-2, 5e-3)
"""Frame error rates of the floating-point receiver between which the curves are fitted."""

RESAMPLES = 300
LEVEL = 0.95

Failures = NDArray[np.float64]


@dataclass(frozen=True)
class Variant:
    """A receiver of finite word length.

    Attributes:
        part: "float", "llr" or "adc".
        bits: its word length; None for "float".
    """

    part: str = "float"
    bits: int | None = None

    def hardware(self) -> HardwareOptions:
        """The options that it stands for."""
        return HardwareOptions() if self.bits is None else HardwareOptions(**{f"{self.part}_bits": self.bits})


def coded_link(bits_per_symbol: int, frame_bits: int, code_rate: float) -> LinkConfig:
    """LDPC-coded QAM over white Gaussian noise, one token per information bit."""
    return LinkConfig(
        tokens=frame_bits,
        codebook_size=2,
        embedding_dim=1,
        bits_per_symbol=bits_per_symbol,
        code="ldpc",
        code_rate=code_rate,
    )


@torch.inference_mode()
def failures(
    config: LinkConfig, variants: Sequence[Variant], snr_db: Sequence[float], chunk: int, seed: int
) -> Failures:
    """Which frames of a chunk fail.

    The bits and the noise before scaling are the same for every variant and SNR.

    Returns:
        [variants, SNRs, CHUNK_FRAMES] ones and zeros.
    """
    links = [Link(replace(config, **vars(variant.hardware()))) for variant in variants]
    failed = np.empty((len(variants), len(snr_db), CHUNK_FRAMES))
    for column, snr in enumerate(snr_db):
        generator = stream(seed, "word length", config.bits_per_symbol, chunk)
        sent = torch.randint(2, (CHUNK_FRAMES, config.tokens), generator=generator)
        draw = links[0].draw(CHUNK_FRAMES, snr, generator)
        for row, link in enumerate(links):
            decoded = link.hard(bits=sent, draw=draw).information_llr
            assert decoded is not None
            failed[row, column] = ((decoded > 0) != (sent > 0)).any(1).numpy()
    return failed


def snr_grid(config: LinkConfig, seed: int) -> list[float]:
    """Es/N0 in dB at which the floating-point receiver has about the frame error rates of `GRID`."""
    snr_db, rates = [2.0 * config.bits_per_symbol - 4], []
    while True:
        rates.append(float(failures(config, [Variant()], snr_db[-1:], -len(snr_db), seed).mean()))
        if rates[-1] < GRID[-1]:
            break
        snr_db.append(snr_db[-1] + (0.3 if rates[-1] < 0.8 else 1.0))
    low = max(next(number for number, rate in enumerate(rates) if rate < 0.8), 0)
    fit = fitted(np.array(rates[low:]), snr_db[low:])
    return [round(float(crossing(*fit, rate)), 2) for rate in GRID]


def fitted(failed: Failures, snr_db: Sequence[float]) -> tuple[float, Failures]:
    """The logarithm of the frame error rate as a straight line in dB.

    Fitted by maximum likelihood of Poisson counts, which gives points without failures their due.

    Args:
        failed: [..., SNRs] share of frames that failed, of equally many at each SNR.
        snr_db: [SNRs].

    Returns:
        centre in dB, and [..., 2] logarithm of the rate there and slope per dB.
    """
    centre = float(np.mean(snr_db))
    design = np.stack([np.ones(len(snr_db)), np.asarray(snr_db) - centre], -1)
    start = np.log(failed.mean(-1).clip(1e-9))
    line = np.stack([start, np.full_like(start, -3.0)], -1)
    for _ in range(50):
        rate = np.exp((line @ design.T).clip(-30, 5))
        gradient = (failed - rate) @ design
        information = np.einsum("...s,si,sj->...ij", rate, design, design) + 1e-12 * np.eye(2)
        line = line + np.linalg.solve(information, gradient[..., None])[..., 0].clip(-1, 1)
    return centre, line


def crossing(centre: float, line: Failures, rate: float) -> Failures:
    """[...] Es/N0 in dB at which a line from `fitted` crosses a frame error rate."""
    return centre + (np.log(rate) - line[..., 0]) / line[..., 1]


def losses(
    config: LinkConfig,
    variants: Sequence[Variant],
    frames: int,
    seed: int,
    on_chunk: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Loss of each variant against floating point at a frame error rate of `TARGET`.

    Args:
        config: the link with a receiver in floating point.
        variants: receivers of finite word length.
        frames: to transmit at each SNR, rounded up to whole chunks.
        seed: root of the random streams.
        on_chunk: called after each chunk.

    Returns:
        rows: modulation, part, bits, loss (dB), low, high (95 % by resampling frames, which are paired),
        limit (0.1 dB), reference (Es/N0 in dB of the floating-point receiver at the target), frames.
    """
    snr_db = snr_grid(config, seed)
    every = [Variant(), *variants]
    parts = []
    for chunk in range(-(-frames // CHUNK_FRAMES)):
        parts.append(failures(config, every, snr_db, chunk, seed))
        if on_chunk is not None:
            on_chunk()
    failed = np.concatenate(parts, 2)
    count = failed.shape[2]
    value = crossing(*fitted(failed.mean(2), snr_db), TARGET)
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
    means = np.einsum("vsf,rf->rvs", failed, weights, optimize=True)
    resampled = crossing(*fitted(means, snr_db), TARGET)
    difference = resampled[:, 1:] - resampled[:, :1]
    low, high = np.quantile(difference, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [
        {
            "study": "frame error rate",
            "modulation": f"{2**config.bits_per_symbol}-QAM",
            "part": variant.part,
            "bits": variant.bits,
            "loss": float(value[number + 1] - value[0]),
            "low": float(low[number]),
            "high": float(high[number]),
            "unit": "dB",
            "limit": 0.1,
            "reference": float(value[0]),
            "frames": count,
        }
        for number, variant in enumerate(variants)
    ]
