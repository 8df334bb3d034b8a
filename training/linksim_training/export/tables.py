"""The tables of a link: codebook, labels, constellation, fixed-point words, code."""

from dataclasses import replace

import numpy as np
import scipy.sparse
import torch

from linksim import Link, sionna_bridge
from linksim.bits import labels
from linksim.stages.code import Code
from linksim.stages.decide_integer import IntegerArithmetic


def tables_of(link: Link, integer: IntegerArithmetic) -> dict[str, np.ndarray]:
    """Everything of a link that `linksim.deploy` needs, by name.

    Args:
        link: on the CPU, in float32.
        integer: arithmetic of the integer receiver.

    Returns:
        arrays as `linksim.deploy.tables` describes them.
    """
    layout = link.layout
    codebook = link.codebook.detach()
    tables = {
        "codebook": codebook.numpy().astype("<f4"),
        "labels": labels(layout.codebook_size, layout.bits_per_token).numpy().astype("|u1"),
        "constellation": link.modem.constellation().numpy().astype("<c8"),
        "integer_codebook": integer.stored(codebook).numpy().astype("<i2"),
        "weights": _weights(integer, layout.bits_per_token),
    }
    if layout.coded:
        tables["generator"] = np.packbits(_generator(link.code), axis=1)
    if layout.crc != "none":
        message = _generator(Code(replace(layout, code="none")))
        tables["crc"] = np.packbits(message[:, layout.information_bits :], axis=1)
    if layout.code != "none":
        tables |= _graph(layout.message_bits, layout.coded_bits)
    return tables


def _weights(integer: IntegerArithmetic, bits: int) -> np.ndarray:
    """[T] weights of scores 0, 1, … LLR steps below the largest, as long as they are positive."""
    largest = bits * 2 * (2 ** (integer.llr.bits - 1) - 1)
    weights = integer.weights(torch.arange(largest + 1, dtype=torch.float64))
    return weights[: int((weights > 0).sum())].numpy().astype("<u2")


def _generator(code: Code) -> np.ndarray:
    """[N·b, L] uint8 generator matrix."""
    return code.hard(torch.eye(code.layout.information_bits)).numpy().astype(np.uint8)


def _graph(message_bits: int, coded_bits: int) -> dict[str, np.ndarray]:
    """Edges of the LDPC decoder, the variables of the coded bits, and those that are known to be zero.

    Variables are the message bits, filler bits (known to be zero) and parity bits, in this order; the first
    two columns of the base graph are never sent (3GPP TS 38.212, sections 5.3.2 and 5.4.2.1).
    """
    decoder = sionna_bridge.ldpc_decoder(message_bits, coded_bits, "single", "cpu")
    check, variable, _ = scipy.sparse.find(decoder.pcm)
    encoder = decoder.encoder
    filler = np.arange(message_bits, message_bits + encoder.k_filler)
    sent = np.setdiff1d(np.arange(2 * encoder.z, decoder.num_vns), filler)[:coded_bits]
    return {
        "checks": check.astype("<i4"),
        "variables": variable.astype("<i4"),
        "positions": sent.astype("<i4"),
        "known_zeros": filler.astype("<i4"),
    }
