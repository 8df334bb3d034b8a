"""CRC and LDPC code of 3GPP TS 38.212: the hard map."""

import numpy as np
import py3gpp
import pytest
import torch
from py3gpp import nrCRCEncode
from sionna.phy.fec.crc import CRCEncoder
from sionna.phy.fec.ldpc import LDPC5GEncoder

from linksim import FrameLayout
from linksim.seeds import stream
from linksim.stages.code import Code

POLYNOMIALS = {
    "CRC6": [6, 5, 0],
    "CRC11": [11, 10, 9, 5, 0],
    "CRC16": [16, 12, 5, 0],
    "CRC24A": [24, 23, 18, 17, 14, 11, 10, 7, 6, 5, 4, 3, 1, 0],
    "CRC24B": [24, 23, 6, 5, 1, 0],
    "CRC24C": [24, 23, 21, 20, 17, 15, 13, 12, 8, 4, 2, 1, 0],
}
"""Exponents of the generator polynomials of section 5.1."""

LIFTING_SETS = (2, 3, 5, 7, 9, 11, 13, 15)
"""Table 5.3.2-1: set i holds these numbers times powers of two, up to 384."""


def layout_of(bits, **options):
    return FrameLayout(tokens=bits, codebook_size=2, bits_per_symbol=2, **options)


def random_bits(frames, bits, seed=0, dtype=torch.float32):
    return torch.randint(2, (frames, bits), generator=stream(seed)).to(dtype)


def remainder(bits, exponents):
    """Check bits by long division of the message times D^degree, bit by bit."""
    degree = exponents[0]
    polynomial = sum(1 << exponent for exponent in exponents)
    number = int("".join(map(str, bits)), 2) << degree
    while number.bit_length() > degree:
        number ^= polynomial << (number.bit_length() - 1 - degree)
    return [int(digit) for digit in format(number, f"0{degree}b")]


@pytest.mark.parametrize("name", POLYNOMIALS)
@pytest.mark.parametrize("bits", [1, 17, 100])
def test_crc_by_long_division(name, bits):
    message = random_bits(6, bits)
    coded = Code(layout_of(bits, crc=name)).hard(message)
    assert coded.shape == (6, bits + POLYNOMIALS[name][0])
    for sent, row in zip(message.int().tolist(), coded.int().tolist(), strict=True):
        assert row == sent + remainder(sent, POLYNOMIALS[name])
        assert row == nrCRCEncode(np.array(sent), name.removeprefix("CRC")).flatten().tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("bits", "rate", "coded_bits"), [(12, 0.5, 24), (54, 0.4, 135), (300, 0.9, 334)])
@pytest.mark.parametrize("crc", ["none", "CRC6", "CRC24A"])
def test_code_words_are_those_of_sionna(bits, rate, coded_bits, crc, dtype):
    length = {"none": 0, "CRC6": 6, "CRC24A": 24}[crc]
    layout = layout_of(bits - length if bits > 12 else bits, crc=crc, code="ldpc", code_rate=rate)
    message = random_bits(5, layout.information_bits, dtype=dtype)
    coded = Code(layout).hard(message)
    assert coded.dtype == dtype
    precision = {torch.float32: "single", torch.float64: "double"}[dtype]
    if crc != "none":
        message = CRCEncoder(crc, precision=precision, device="cpu")(message)
    if bits > 12 or crc == "none":
        assert coded.shape == (5, coded_bits)
    sizes = message.shape[1], coded.shape[1]
    assert torch.equal(coded, LDPC5GEncoder(*sizes, precision=precision, device="cpu")(message))


def base_graph(number, lifting_set):
    """Exponents of table 5.3.2-2 or -3 for one lifting set, −1 where there is no circulant."""
    rows, columns = {1: (46, 68), 2: (42, 52)}[number]
    table = np.full((rows, columns), -1)
    row = 0
    folder = py3gpp.__path__[0]
    with open(f"{folder}/codes/bg{number}.csv", encoding="utf-8") as lines:
        for line in list(lines)[2:]:
            cells = line.strip().split(";")
            row = int(cells[0]) if cells[0] else row
            table[row, int(cells[1])] = int(cells[2 + lifting_set])
    return table


def parity_checks(message_bits, number):
    """Parity-check matrix of section 5.3.2 and its lifting size Z."""
    wide = {1: 22, 2: 10}[number]
    used = wide
    if number == 2:
        used = next(count for least, count in ((640, 10), (560, 9), (192, 8), (0, 6)) if message_bits > least)
    size, lifting_set = min(
        (first << power, chosen)
        for chosen, first in enumerate(LIFTING_SETS)
        for power in range(8)
        if used * (first << power) >= message_bits and first << power <= 384
    )
    table = base_graph(number, lifting_set)
    matrix = np.zeros((table.shape[0] * size, table.shape[1] * size), dtype=np.int64)
    for row, column in np.argwhere(table >= 0):
        for one in range(size):
            matrix[row * size + one, column * size + (one + table[row, column]) % size] = 1
    return matrix, size


@pytest.mark.parametrize(
    ("bits", "rate", "graph", "crc"),
    [
        (12, 0.5, 2, "none"),
        (80, 1 / 5, 2, "none"),
        (96, 0.5, 2, "CRC16"),
        (200, 0.4, 2, "none"),
        (600, 0.5, 2, "none"),
        (720, 1 / 5, 2, "none"),
        (330, 0.75, 1, "none"),
        (352, 0.7, 1, "CRC24B"),
    ],
)
def test_code_words_satisfy_the_parity_checks(bits, rate, graph, crc):
    """Matrix lifted here from the tables of the standard; as many checks are complete as parities sent."""
    layout = layout_of(bits, code="ldpc", code_rate=rate, crc=crc)
    message = random_bits(8, bits)
    coded = Code(layout).hard(message).numpy().astype(np.int64)
    if crc != "none":
        message = Code(layout_of(bits, crc=crc)).hard(message)
    message = message.numpy().astype(np.int64)
    matrix, size = parity_checks(layout.message_bits, graph)
    sent = (
        layout.message_bits - 2 * size
    )  # the first 2Z information bits are not transmitted, fillers neither
    assert np.array_equal(coded[:, :sent], message[:, 2 * size :])
    fillers = np.zeros((8, {1: 22, 2: 10}[graph] * size - layout.message_bits), dtype=np.int64)
    word = np.concatenate([message, fillers, coded[:, sent:]], axis=1)
    complete = ~matrix[:, word.shape[1] :].any(axis=1)
    assert complete.sum() == layout.coded_bits - sent >= 4 * size
    assert not (matrix[complete, : word.shape[1]] @ word.T % 2).any()


def test_without_crc_and_code_bits_pass():
    bits = random_bits(3, 10)
    assert torch.equal(Code(layout_of(10)).hard(bits), bits)
    assert torch.equal(Code(layout_of(10, code_rate=0.3, interleaver="none")).hard(bits), bits)


def test_only_the_sizes_of_the_layout_matter():
    """24 information bits in tokens of 1, 3 or 6 bits, for any symbols and interleaver."""
    sizes = ((24, 2, 2), (8, 8, 4), (8, 5, 6), (4, 64, 3), (4, 33, 1))
    bits = random_bits(4, 24)
    for options in ({"code": "ldpc"}, {"crc": "CRC11"}, {"code": "ldpc", "crc": "CRC11", "code_rate": 0.3}):
        words = [
            Code(
                FrameLayout(
                    tokens=tokens, codebook_size=size, bits_per_symbol=width, interleaver=name, **options
                )
            ).hard(bits)
            for tokens, size, width in sizes
            for name in ("none", "38.212")
        ]
        assert all(torch.equal(word, words[0]) for word in words)


def test_frames_are_coded_independently():
    code = Code(layout_of(40, code="ldpc", crc="CRC16"))
    bits = random_bits(4, 40)
    together = code.hard(bits)
    for frame in range(4):
        assert torch.equal(code.hard(bits[frame : frame + 1])[0], together[frame])


def test_code_is_linear():
    code = Code(layout_of(40, code="ldpc", crc="CRC16"))
    first, second = random_bits(4, 40, 1), random_bits(4, 40, 2)
    added = (first + second) % 2
    assert torch.equal(code.hard(added), (code.hard(first) + code.hard(second)) % 2)
    assert not code.hard(torch.zeros(1, 40)).any()


@pytest.mark.parametrize("precision", [torch.float16, torch.int64])
def test_bits_must_be_single_or_double(precision):
    with pytest.raises(TypeError, match="float32 or float64"):
        Code(layout_of(40, code="ldpc")).hard(torch.zeros(1, 40, dtype=precision))
