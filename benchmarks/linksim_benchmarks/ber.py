"""Bit and frame error rate through the stages of a link."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from linksim import Link, LinkConfig, Modem
from linksim.config import ChannelOptions, CodingOptions, HardwareOptions
from linksim.metrics.evm import error_vector
from linksim.metrics.intervals import clopper_pearson, clustered_proportion
from linksim.metrics.theory import bit_error_rate
from linksim.seeds import stream

FRAME_BITS = 240
"""Information bits per frame, a multiple of the bits per symbol of every QAM, so that nothing is padded."""

CHUNK_BITS = 240_000
"""Bits of a chunk; each chunk has its own random stream."""

LEVEL = 0.95


@dataclass(frozen=True)
class Point:
    """One point of a sweep: modulation, channel, Es/N0, and what stands between bits and channel."""

    bits_per_symbol: int
    channel: str
    snr_db: float
    demapper: str = "app"
    backend: str = "sionna"
    modulation: str = "qam"
    channel_options: ChannelOptions = field(default_factory=ChannelOptions)
    coding: CodingOptions = field(default_factory=CodingOptions)
    hardware: HardwareOptions = field(default_factory=HardwareOptions)
    frame_bits: int = FRAME_BITS

    def __post_init__(self) -> None:
        # The random stream is named after the point, so equal points must be written alike.
        object.__setattr__(self, "bits_per_symbol", int(self.bits_per_symbol))
        object.__setattr__(self, "snr_db", float(self.snr_db))

    def config(self) -> LinkConfig:
        """A link whose frames carry `frame_bits` information bits, each a token of its own.

        Raises:
            ValueError: if there is no such link.
        """
        return LinkConfig(
            tokens=self.frame_bits,
            codebook_size=2,
            embedding_dim=1,
            bits_per_symbol=self.bits_per_symbol,
            modulation=self.modulation,  # type: ignore[arg-type]  # checked by LinkConfig
            channel=self.channel,  # type: ignore[arg-type]
            demapper=self.demapper,  # type: ignore[arg-type]
            backend=self.backend,  # type: ignore[arg-type]
            **vars(self.channel_options),
            **vars(self.coding),
            **vars(self.hardware),
        )

    def theory(self) -> float | None:
        """Bit error rate from theory; None with a code, finite words or imperfect channel knowledge."""
        hardware = self.hardware
        parts = (hardware.dac_bits, hardware.pa_backoff_db, hardware.adc_bits, hardware.llr_bits)
        if self.coding.code != "none" or self.channel_options.csi_error or any(p is not None for p in parts):
            return None
        return bit_error_rate(
            self.modulation,
            self.bits_per_symbol,
            self.snr_db,
            self.channel,
            self.demapper,
            rician_k=self.channel_options.rician_k,
        )


def modulation_name(row: Mapping[str, Any]) -> str:
    """Such as 16-QAM or 8-PSK, of a row."""
    return Modem(row["bits_per_symbol"], modulation=row["modulation"]).modulation_name


@dataclass(frozen=True)
class Counts:
    """What was counted, frame by frame: wrong information bits, and frames that failed their CRC.

    Attributes:
        bit_errors: [frames].
        detected: [frames] booleans; None without a CRC.
        error_energy, reference_energy: of the error vector of all transmitted symbols.
    """

    bit_errors: np.ndarray
    detected: np.ndarray | None
    error_energy: float
    reference_energy: float


@torch.inference_mode()
def count(point: Point, bits: int, seed: int) -> Counts:
    """Transmit random bits and count what goes wrong.

    Args:
        point: what to simulate.
        bits: at least this many information bits, rounded up to whole frames.
        seed: root of the random streams; a point's result does not depend on other points.
    """
    link = Link(point.config())
    per_chunk = max(1, CHUNK_BITS // point.frame_bits)
    remaining = -(-bits // point.frame_bits)
    wrong, detected, error_energy, reference_energy = [], [], 0.0, 0.0
    chunk = 0
    while remaining:
        frames = min(per_chunk, remaining)
        remaining -= frames
        generator = stream(seed, "ber", repr(point), chunk)
        chunk += 1
        sent = torch.randint(2, (frames, point.frame_bits), generator=generator)
        trace = link.hard(bits=sent, draw=link.draw(frames, point.snr_db, generator))
        assert trace.information_llr is not None
        assert trace.transmitted is not None
        assert trace.symbols is not None
        wrong.append(((trace.information_llr > 0) != (sent > 0)).sum(1).numpy())
        if trace.crc_ok is not None:
            detected.append(~trace.crc_ok.numpy())
        if trace.transmitted is not trace.symbols:
            error, reference = error_vector(trace.transmitted, trace.symbols)
            error_energy += float(error.sum())
            reference_energy += float(reference.sum())
    return Counts(
        np.concatenate(wrong),
        np.concatenate(detected) if detected else None,
        error_energy,
        reference_energy,
    )


def simulate(point: Point, bits: int, seed: int) -> dict[str, Any]:
    """Simulate a point: counts, rates with intervals, closed form where there is one.

    Under fading the bits of a frame share a gain, and behind a decoder they fail together, so the interval of
    the bit error rate then takes frames as independent, not bits.

    Returns:
        a row: bits_per_symbol, channel, ebno_db, snr_db, bits, bit_errors, ber, low, high, frames,
        frame_errors, theory (None where there is no closed form), modulation, code, code_rate, crc, fer,
        fer_low, fer_high, undetected (frames with errors that passed the CRC; None without one),
        evm_percent (of the transmitted symbols behind converters and amplifier).
    """
    counts = count(point, bits, seed)
    errors = counts.bit_errors
    total, wrong = point.frame_bits * len(errors), int(errors.sum())
    failed = errors > 0
    if point.channel in ("awgn", "bsc") and point.coding.code == "none":
        low, high = clopper_pearson(wrong, total, LEVEL)
    else:
        _, low, high = clustered_proportion(errors, np.full(len(errors), point.frame_bits), LEVEL)
    fer_low, fer_high = clopper_pearson(int(failed.sum()), len(errors), LEVEL)
    undetected = None if counts.detected is None else int((failed & ~counts.detected).sum())
    evm = (counts.error_energy / counts.reference_energy) ** 0.5 if counts.reference_energy else 0.0
    return {
        "bits_per_symbol": point.bits_per_symbol,
        "channel": point.channel,
        "ebno_db": round(point.config().layout.ebno_db(point.snr_db), 9) + 0.0,
        "snr_db": point.snr_db,
        "bits": total,
        "bit_errors": wrong,
        "ber": wrong / total,
        "low": low,
        "high": high,
        "frames": len(errors),
        "frame_errors": int(failed.sum()),
        "theory": point.theory(),
        "modulation": point.modulation,
        "code": point.coding.code,
        "code_rate": None if point.coding.code == "none" else point.coding.code_rate,
        "crc": point.coding.crc,
        "fer": float(failed.mean()),
        "fer_low": fer_low,
        "fer_high": fer_high,
        "undetected": undetected,
        "evm_percent": 100 * evm,
    }
