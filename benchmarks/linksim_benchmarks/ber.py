"""Points of a bit error rate sweep, and how a chunk of one is counted."""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from linksim import Link, LinkConfig, Modem
from linksim.channel_options import CHANNEL_KINDS, ChannelName, idle_options
from linksim.config import ChannelOptions, CodingOptions, HardwareOptions
from linksim.fused.count import packed_bits, unpacked
from linksim.metrics.evm import error_vector
from linksim.metrics.theory import bit_error_rate
from linksim_benchmarks import fused_chain
from linksim_benchmarks.ber_tally import BerTally

FRAME_BITS = 240
"""Information bits per frame, a multiple of the bits per symbol of every QAM, so that nothing is padded."""

CHUNK_BITS = 240_000
"""Information bits of a chunk."""

PATHS = ("hard", "soft")

NAMED_ALWAYS = {"rician_k", "csi_error"}
"""Options of channels that belong to the name of every point. Of others only those with an effect do, so that
a new option changes neither random numbers nor stores of the channels without it."""


@dataclass(frozen=True)
class Point:
    """One point of a sweep: modulation, channel, Es/N0, and what stands between bits and channel."""

    bits_per_symbol: int
    channel: ChannelName
    snr_db: float
    demapper: str = "app"
    backend: str = "sionna"
    modulation: str = "qam"
    channel_options: ChannelOptions = field(default_factory=ChannelOptions)
    coding: CodingOptions = field(default_factory=CodingOptions)
    hardware: HardwareOptions = field(default_factory=HardwareOptions)
    frame_bits: int = FRAME_BITS
    paths: tuple[str, ...] = ("hard",)

    def __post_init__(self) -> None:
        # Random streams are named after the content, so equal points must be written alike.
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
            channel=self.channel,
            demapper=self.demapper,  # type: ignore[arg-type]
            backend=self.backend,  # type: ignore[arg-type]
            **vars(self.channel_options),
            **vars(self.coding),
            **vars(self.hardware),
        )

    @property
    def label(self) -> str:
        """Such as "16-QAM awgn 7.98 dB", the SNR being Eb/N0."""
        name = Modem(self.bits_per_symbol, modulation=self.modulation).modulation_name
        return f"{name} {self.channel} {self.config().layout.ebno_db(self.snr_db):.2f} dB"

    @property
    def bits_per_frame(self) -> int:
        """Information bits of a frame."""
        return self.frame_bits

    @property
    def independent_bits(self) -> bool:
        """Whether the bits of a frame go wrong independently of each other.

        Under fading they share a gain, and behind a decoder they fail together.
        """
        return CHANNEL_KINDS[self.channel].independent_bits and self.coding.code == "none"

    @property
    def ideal(self) -> bool:
        """Whether there is neither a code, nor a finite word or an amplifier, nor a channel badly known."""
        hardware = self.hardware
        parts = (hardware.dac_bits, hardware.pa_backoff_db, hardware.adc_bits, hardware.llr_bits)
        known = not self.channel_options.csi_error
        return self.coding.code == "none" and known and all(part is None for part in parts)

    def content(self) -> dict[str, Any]:
        """What identifies the point: not which path is evaluated on it, nor what computes its LLRs."""
        found = {name: value for name, value in asdict(self).items() if name not in ("paths", "backend")}
        for option in idle_options(self.channel) - NAMED_ALWAYS:
            del found["channel_options"][option]
        return found

    def curve(self) -> dict[str, Any]:
        """What the points of a curve have in common."""
        return {name: value for name, value in self.content().items() if name != "snr_db"}

    def size(self, chunk: int, max_bits: int) -> int:
        """Frames of a chunk under a limit; 0 beyond the last."""
        per_chunk = max(1, CHUNK_BITS // self.frame_bits)
        return max(0, min(per_chunk, -(-max_bits // self.frame_bits) - chunk * per_chunk))

    def expected_rate(self) -> float | None:
        """What theory expects, to plan ahead with."""
        return self.theory()

    def tally(self) -> BerTally:
        """Nothing counted yet."""
        return BerTally(self.frame_bits, self.independent_bits, self.paths)

    @torch.inference_mode()
    def count(self, chunk: int, frames: int, generator: torch.Generator) -> dict[str, Any]:
        """Transmit random bits on every path, all on the same draw, and count what goes wrong.

        Args:
            chunk: its number, which the generator already stands for.
            frames: how many.
            generator: of bits and channel.

        Returns:
            frames, backend (what computed the LLRs), and under the name of each path the sums that `BerTally`
            adds up.
        """
        if fused_chain.is_plain(self):
            errors = fused_chain.count_frames(self, frames, generator).numpy()
            return {"frames": frames, "backend": "fused", "hard": FrameErrors(errors).sums()}
        found = {path: one.sums() for path, one in transmit(self, frames, generator).items()}
        backend = _link(self.config(), threading.get_ident()).modem.backend
        return {"frames": frames, "backend": backend, **found}

    def theory(self) -> float | None:
        """Bit error rate from theory; None with a code, finite words, unsure gains, or without a formula."""
        if not (self.ideal and CHANNEL_KINDS[self.channel].theory):
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
class FrameErrors:
    """What was wrong on one path, frame by frame.

    Attributes:
        bit_errors: [frames] wrong information bits.
        detected: [frames] booleans, whether the CRC found the frame wrong; None without a CRC.
        error_energy, reference_energy: of the error vector of all transmitted symbols.
    """

    bit_errors: np.ndarray
    detected: np.ndarray | None = None
    error_energy: float = 0.0
    reference_energy: float = 0.0

    def sums(self) -> dict[str, Any]:
        """Over the frames."""
        wrong = self.bit_errors > 0
        undetected = None if self.detected is None else int((wrong & ~self.detected).sum())
        return {
            "bit_errors": int(self.bit_errors.sum()),
            "squared_bit_errors": int((self.bit_errors.astype(np.int64) ** 2).sum()),
            "frame_errors": int(wrong.sum()),
            "undetected": undetected,
            "error_energy": self.error_energy,
            "reference_energy": self.reference_energy,
        }


@torch.inference_mode()
def transmit(point: Point, frames: int, generator: torch.Generator) -> dict[str, FrameErrors]:
    """Transmit frames of random bits, every path on the same bits and the same draw.

    On the soft path the bits are certain, so by the mirror law it must do what the hard path does.

    Args:
        point: modulation, coding, channel, SNR and paths.
        frames: how many.
        generator: of bits and channel.

    Returns:
        what was wrong, by path.
    """
    # Blocks of Sionna keep the generator that they draw from, so threads do not share them.
    link = _link(point.config(), threading.get_ident())
    sent = unpacked(packed_bits(frames, point.frame_bits, generator), point.frame_bits).long()
    draw = link.draw(frames, point.snr_db, generator)
    found = {}
    for path in point.paths:
        hard = path == "hard"
        trace = link.hard(bits=sent, draw=draw, decide=False) if hard else link.soft(index=sent, draw=draw)
        assert trace.information_llr is not None
        assert trace.transmitted is not None
        assert trace.symbols is not None
        error_energy = reference_energy = 0.0
        if trace.transmitted is not trace.symbols:
            error, reference = error_vector(trace.transmitted, trace.symbols)
            error_energy, reference_energy = float(error.sum()), float(reference.sum())
        found[path] = FrameErrors(
            ((trace.information_llr > 0) != (sent > 0)).sum(1).numpy(),
            None if trace.crc_ok is None else ~trace.crc_ok.numpy(),
            error_energy,
            reference_energy,
        )
    return found


@lru_cache(maxsize=16)
def _link(config: LinkConfig, thread: int) -> Link:
    return Link(config)
