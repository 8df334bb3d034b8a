"""The same hard chain in linksim, on the same bits and noise."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from conformance.inputs import DEMAPPERS, ITERATIONS, Case, Crc, Demapper, Frames, frames_of
from torch import Tensor

from linksim import Link, LinkConfig
from linksim.signals import Trace

DTYPES = {"single": torch.float32, "double": torch.float64}

Arrays = Mapping[str, np.ndarray]


def array(signal: Tensor | None) -> np.ndarray:
    """A signal of a trace as an array."""
    assert signal is not None
    return signal.numpy()


def hard(llr: Tensor | None) -> np.ndarray:
    """Decided bits, uint8."""
    return (array(llr) > 0).astype(np.uint8)


def make_link(case: Case, demapper: Demapper = "app") -> Link:
    """A link whose tokens are single bits."""
    config = LinkConfig(
        tokens=case.information_bits,
        codebook_size=2,
        embedding_dim=1,
        bits_per_symbol=case.bits_per_symbol,
        channel="rayleigh" if case.fading else "awgn",
        demapper=demapper,
    )
    if case.code_bits is not None:
        config = replace(
            config,
            crc=case.crc or "none",
            code="ldpc",
            code_rate=case.message_bits / case.code_bits,
            interleaver="38.212" if case.interleaved else "none",
            bp_iterations=ITERATIONS,
        )
    return Link(config).to(DTYPES[case.precision])


def transmit(link: Link, frames: Frames) -> Trace:
    """Send frames on a draw of the link whose noise and gains are replaced by the given ones."""
    esno_db = [link.layout.esno_db(ebno_db) for ebno_db in frames.ebno_db.tolist()]
    draw = link.draw(len(esno_db), torch.tensor(esno_db, dtype=torch.float64), torch.Generator())
    given = {"noise": torch.from_numpy(frames.noise), "gain": torch.from_numpy(frames.gain)}
    channel = {
        name: given[name].to(drawn.dtype) if name in given else drawn for name, drawn in draw.channel.items()
    }
    return link.hard(bits=torch.from_numpy(frames.bits), draw=replace(draw, channel=channel))


def uncoded(case: Case, frames: Frames) -> Arrays:
    """Run an uncoded case: symbols, received, and the LLRs of both demappers."""
    traces = {f"llr_{method}": transmit(make_link(case, method), frames) for method in DEMAPPERS}
    trace = traces["llr_app"]
    llrs = {name: array(own.llr) for name, own in traces.items()}
    return {"symbols": array(trace.symbols), "received": array(trace.received), **llrs}


def coded(case: Case, frames: Frames, llr: np.ndarray) -> Arrays:
    """Run a coded case.

    Args:
        case: what to transmit with.
        frames: what to transmit.
        llr: [B, n] LLRs to decode for `decoded` and `crc_ok`; `delivered` are the link's own decisions.
    """
    link = make_link(case)
    trace = transmit(link, frames)
    decoded = link.code.decode(torch.from_numpy(llr))
    return {
        "code_word": array(trace.bits).astype(np.uint8),
        "symbols": array(trace.symbols),
        "received": array(trace.received),
        "llr_app": array(trace.llr),
        "decoded": hard(decoded.llr),
        "crc_ok": array(decoded.crc_ok),
        "delivered": hard(trace.information_llr),
    }


@torch.no_grad()
def run_case(case: Case, inputs: Arrays, llr: np.ndarray | None) -> Arrays:
    """Outputs of one case by signal; `llr` is what a coded case decodes."""
    frames = frames_of(case, inputs)
    if case.code_bits is None:
        return uncoded(case, frames)
    assert llr is not None
    return coded(case, frames, llr)


def run_crc(crc: Crc, inputs: Arrays) -> np.ndarray:
    """The bits of the uncoded frames followed by their CRC, uint8."""
    bits = torch.from_numpy(inputs["bits/uncoded"]).float()
    link = Link(LinkConfig(tokens=bits.shape[1], codebook_size=2, embedding_dim=1, crc=crc))
    return array(link.code.hard(bits)).astype(np.uint8)
