"""LLRs of coded bits to LLRs of information bits, and the check of the frame."""

import numpy as np

from linksim.config import LinkConfig
from linksim.deploy.belief_propagation import BeliefPropagation
from linksim.deploy.tables import Tables
from linksim.deploy.transmitter import parity
from linksim.numerics import LOOK_EVERY


class Decoder:
    """CRC and LDPC code; neither, either or both.

    Args:
        link: settings of the link.
        tables: of the bundle.
    """

    def __init__(self, link: LinkConfig, tables: Tables) -> None:
        self.link = link
        self.layout = link.layout
        self._crc = tables.crc
        self._propagation = None if tables.graph is None else BeliefPropagation(tables.graph)

    @property
    def edges(self) -> int:
        """Messages per frame; zero without an LDPC code."""
        return 0 if self._propagation is None else self._propagation.edges

    def __call__(self, llr: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """LLRs [F, N·b] of the information bits and [F] whether the CRC passes, of LLRs [F, L]."""
        if self._propagation is not None:
            llr = self._decoded(self._propagation, llr)
        return llr[:, : self.layout.information_bits], None if self._crc is None else self._passed(llr)

    def _decoded(self, propagation: BeliefPropagation, llr: np.ndarray) -> np.ndarray:
        """[F, message bits] LLRs behind the LDPC code."""
        few = LOOK_EVERY if self.link.bp_early_stop else self.link.bp_iterations
        messages, channel = propagation.start(llr)
        result = np.empty((len(llr), self.layout.message_bits), np.float32)
        going = np.arange(len(llr))
        for done in range(0, self.link.bp_iterations, few):
            count = min(few, self.link.bp_iterations - done)
            messages, found = propagation.iterate(messages, channel, count)
            result[going] = found[:, : self.layout.message_bits]
            if self.link.bp_early_stop:
                failed = ~self._passed(result[going])
                going, messages, channel = going[failed], messages[failed], channel[failed]
            if not len(going):
                break
        return result

    def _passed(self, llr: np.ndarray) -> np.ndarray:
        """[F] whether the hard decisions on the message bits pass their CRC."""
        assert self._crc is not None
        bits = (llr > 0).astype(np.uint8)
        information, check = np.split(bits, [self.layout.information_bits], axis=1)
        return (parity(information, self._crc, check.shape[1]) == check).all(1)
