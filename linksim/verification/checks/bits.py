"""Which bit goes where."""

import torch
from torch import Tensor

from linksim.config import LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.verification.broken import close, during, near, require, same
from linksim.verification.enumeration import bits_of_frame, information_bits, interleaved, padded
from linksim.verification.formulas import number_of, points_of
from linksim.verification.laws import lift
from linksim.verification.random_inputs import every_index, random_index

SURE = 30.0
"""Magnitude of an LLR that leaves no doubt."""


def bit_order(seed: int) -> str:
    """Indices and labels most significant bit first, from the index to the decision."""
    sizes = [(3, 64, 4, "qam"), (4, 11, 6, "qam"), (2, 300, 10, "qam"), (5, 2, 2, "qam"), (4, 12, 3, "psk")]
    indices = 0
    for tokens, codebook_size, width, modulation in sizes:
        config = LinkConfig(
            tokens=tokens,
            codebook_size=codebook_size,
            bits_per_symbol=width,
            modulation=modulation,  # type: ignore[arg-type]
        )
        with during(f"{codebook_size} indices, 2^{width}-{modulation.upper()}"):
            link = Link(config).double()
            index = every_index(link)
            _check_bit_order(link, index)
            indices += index.numel()
    return f"{indices} indices written, mapped and decided"


def _check_bit_order(link: Link, index: Tensor) -> None:
    config, width = link.config, link.config.bits_per_symbol
    rows = index.tolist()
    information = torch.tensor([information_bits(row, config.codebook_size) for row in rows]).double()
    sent = torch.tensor([bits_of_frame(row, config.codebook_size, width) for row in rows]).double()
    labels = torch.tensor([[number_of(group.tolist()) for group in row.split(width)] for row in sent])
    points = points_of(config.modulation, width)[labels.numpy()]
    same("bits of the indices", link.map.information_bits(index).double(), information)
    bits, symbols = link.map.hard(index)
    same("transmitted bits", bits.double(), sent)
    near("symbols", symbols, points, absolute=1e-9)
    assignment = lift(index, config.codebook_size, torch.float64)
    close("soft bits of the indices", link.map.information_probabilities(assignment), information, 1e-9)
    soft_bits, probabilities, mean = link.map.soft(assignment, 0.7)
    close("soft transmitted bits", soft_bits, sent, 1e-9)
    close("soft symbol labels", probabilities, lift(labels, 2**width, torch.float64), 1e-9)
    near("soft symbols", mean, points, absolute=1e-9)
    decided = link.decide.hard(SURE * (2 * information - 1), link.codebook)
    same("index decided from LLRs written out", decided.index, index)


def padding(seed: int) -> str:
    """Each frame padded by itself, interleaved as in 3GPP TS 38.212, and stripped again, bit by bit."""
    layouts = [
        LinkConfig(tokens=2, codebook_size=48, bits_per_symbol=8),
        LinkConfig(tokens=1, codebook_size=2, bits_per_symbol=10),
        LinkConfig(tokens=5, codebook_size=30, bits_per_symbol=6),
        LinkConfig(tokens=3, codebook_size=40, bits_per_symbol=4, code="ldpc", code_rate=0.4),
        LinkConfig(tokens=3, codebook_size=40, bits_per_symbol=4, crc="CRC11"),
        LinkConfig(tokens=4, codebook_size=30, bits_per_symbol=6, code="ldpc", interleaver="none"),
        LinkConfig(
            tokens=4, codebook_size=30, bits_per_symbol=3, modulation="psk", code="ldpc", code_rate=0.6
        ),
    ]
    frames = 5
    for number, config in enumerate(layouts):
        with during(f"{config.tokens} tokens, {config.bits_per_symbol} bits per symbol, code {config.code}"):
            link = Link(config).double()
            index = random_index(link, frames, stream(seed, "verify", "padding", number))
            _check_padding(link, index)
    return f"{frames} frames each of {len(layouts)} layouts"


def _check_padding(link: Link, index: Tensor) -> None:
    config, width = link.config, link.config.bits_per_symbol
    information = [information_bits(row, config.codebook_size) for row in index.tolist()]
    coded = torch.stack([link.code.hard(torch.tensor([row]).double())[0] for row in information])
    frames = [[int(bit) for bit in row] for row in coded.tolist()]
    if config.code != "none" and config.interleaver != "none":
        frames = [interleaved(frame, width) for frame in frames]
    else:
        frames = [padded(frame, width) for frame in frames]
    bits, symbols = link.map.hard(index)
    same("transmitted bits", bits.double(), torch.tensor(frames).double())
    require(symbols.shape == (len(index), len(frames[0]) // width), f"{list(symbols.shape)} symbols")
    require(link.layout.pad_bits == len(frames[0]) - coded.shape[1], "number of pad bits")
    one = torch.ones(len(index), 1, dtype=torch.float64)
    llr = link.demap(symbols, one, 1e-3 * one)
    # Whatever the sign convention is, which is not looked at here.
    turn = torch.sign((llr * (2 * coded - 1)).sum())
    same("hard decisions on the stripped LLRs", (turn * llr > 0).double(), coded)
