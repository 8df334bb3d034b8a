"""The physical layer of a semantic link as a pipe for bits, with a code of its own."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from linksim import Draw, Link, LinkConfig
from linksim.config import Crc

RATES = tuple(Fraction(*rate) for rate in ((1, 5), (1, 3), (1, 2), (2, 3), (3, 4), (5, 6)))
"""Candidates for the rate of the LDPC code."""

SLICE_BITS = 50_000
"""Coded bits that are decoded together; more is slower, since it does not fit the processor's cache."""

EARLY_SHARE = 0.4
"""Where there is a CRC, the decoder looks at it after this share of its iterations."""


@dataclass(frozen=True)
class BitPipe:
    """Frames of information bits over modulation, channel, demapper and hardware of a link.

    Args:
        config: of a link whose tokens are single bits, as `pipe_config` makes it.
    """

    config: LinkConfig

    @property
    def bits(self) -> int:
        """Information bits per frame."""
        return self.config.layout.information_bits

    @property
    def symbols(self) -> int:
        """Channel symbols per frame."""
        return self.config.layout.symbols

    @torch.inference_mode()
    def send(
        self, bits: np.ndarray, snr_db: float, generator: torch.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Send frames once.

        With a CRC, the decoder stops early on frames that pass it, as receivers do: the check is made after
        `EARLY_SHARE` of the iterations and at the end.

        Args:
            bits: [n, k] zeros and ones.
            snr_db: Es/N0 in dB.
            generator: what the channel is drawn from.

        Returns:
            [n, k] decided bits as uint8, and [n] whether each frame passed its CRC; None without one.

        Raises:
            TypeError, ValueError: as `Link.draw` and `Link.hard` raise them.
        """
        config = self.config
        draw = _link(config).draw(len(bits), snr_db, generator)
        sent = torch.from_numpy(np.ascontiguousarray(bits))
        decided = torch.zeros(bits.shape, dtype=torch.uint8)
        passed = torch.zeros(len(bits), dtype=torch.bool)
        iterations = [config.bp_iterations]
        if config.code != "none" and config.crc != "none":
            iterations.insert(0, max(1, int(EARLY_SHARE * config.bp_iterations)))
        waiting = torch.arange(len(bits))
        for number in iterations:
            link = _link(replace(config, bp_iterations=number))
            if not len(waiting):
                break
            for own in waiting.split(max(1, SLICE_BITS // config.layout.coded_bits)):
                llr, ok = _transmit(link, sent[own], draw[own])
                decided[own] = (llr > 0).to(torch.uint8)
                if ok is not None:
                    passed[own] = ok
            waiting = waiting[~passed[waiting]]
        return decided.numpy(), passed.numpy() if config.crc != "none" else None


def pipe_config(
    config: LinkConfig, bits: int, coded_bits: int | None = None, crc: Crc = "none"
) -> LinkConfig:
    """The configuration of a pipe with modulation, channel, demapper and hardware of a link.

    CRC, code and defects of that link are left out, and its decision, which bits have no need of.

    Args:
        config: of the link.
        bits: information bits per frame.
        coded_bits: bits per frame that leave the LDPC code; None sends the bits uncoded.
        crc: cyclic redundancy check appended to each frame.

    Raises:
        ValueError: if the link has a constellation of its own, which its configuration does not hold, or
            there is no such code.
    """
    if config.modulation == "custom":
        raise ValueError(
            "modulation 'custom' has points that the configuration does not hold: baselines need a link "
            "with 'qam' or 'psk'"
        )
    plain = replace(
        config,
        tokens=bits,
        codebook_size=2,
        embedding_dim=1,
        crc=crc,
        code="none",
        code_rate=0.5,
        decision="mean",
        arithmetic="float",
        defects=(),
    )
    if coded_bits is None:
        return plain
    # From the numbers of bits, so that rounding a rate such as 1/3 leaves no symbol unused.
    return replace(plain, code="ldpc", code_rate=plain.layout.message_bits / coded_bits)


@lru_cache(maxsize=16)
def _link(config: LinkConfig) -> Link:
    with torch.inference_mode(False):
        return Link(config)


def _transmit(link: Link, bits: Tensor, draw: Draw) -> tuple[Tensor, Tensor | None]:
    trace = link.hard(bits=bits, draw=draw)
    assert trace.information_llr is not None
    return trace.information_llr, trace.crc_ok
