"""CRC, LDPC code words, rate matching and bit interleaving of py3gpp, after 3GPP TS 38.212.

py3gpp segments, encodes (by back-substitution along the rows of the base graph), matches the rate and
interleaves by code of its own; its tables of the base graphs are Sionna's, so a wrong number in a table would
not show here. The public `nrLDPCEncode` of py3gpp 0.6.0 takes the wrong table for base graph 2 with lifting
sizes up to 64: it looks for the set of the lifting size with the length that includes the filler bits. So the
set is chosen here, as the one that contains the lifting size (section 5.3.2), and py3gpp's encoder called
with it.

- **Base graph** (section 7.2.2): 2 up to 292 bits, up to rate 0.67 for up to 3824 bits, and up to rate 0.25;
  otherwise 1.
- **Filler bits** (section 5.2.2) fill the message to 22 or 10 times the lifting size. py3gpp marks them as
  −1; they are encoded as zeros and not transmitted.
- **Rate matching** (section 5.4.2) leaves out the first two columns and reads from redundancy version 0.
"""

import numpy as np
import pytest
import torch
from py3gpp import nrCodeBlockSegmentLDPC, nrCRCEncode, nrLDPCEncode, nrRateMatchLDPC
from py3gpp.nrDLSCHInfo import getZarray
from py3gpp.nrLDPCEncode import _encode_thangaraj, _load_basegraph

from linksim import Link, LinkConfig

MODULATIONS = {2: "QPSK", 4: "16QAM", 6: "64QAM", 8: "256QAM"}
FILLER = -1

SMALL_LIFTING = [(20, 60, 2), (60, 300, 2), (120, 240, 4), (192, 288, 6), (216, 320, 8), (400, 800, 4)]
LARGE_LIFTING = [(600, 1248, 4), (1024, 2048, 8), (3824, 5760, 6)]
FIRST_GRAPH = [(324, 360, 6), (1000, 1200, 4), (4024, 12072, 8), (8448, 9600, 6)]
CODES = SMALL_LIFTING + LARGE_LIFTING + FIRST_GRAPH


def base_graph(message_bits, rate):
    small = message_bits <= 292 or (message_bits <= 3824 and rate <= 0.67) or rate <= 0.25
    return 2 if small else 1


def encode(block, graph):
    """[K, 1] message with filler bits to the circular buffer of rate matching, [N, 1]."""
    lifting = len(block) // (22 if graph == 1 else 10)
    (lifting_set,) = [number for number, sizes in enumerate(getZarray()) if lifting in sizes]
    filler = block[:, 0] == FILLER
    message = np.where(filler, 0, block[:, 0])
    code_word = _encode_thangaraj(_load_basegraph(lifting_set, graph), lifting, message)
    code_word[: len(block)][filler] = FILLER
    return code_word[2 * lifting :, None]


def expected_bits(bits, length, width, encoder):
    """[n] bits in the order of transmission."""
    graph = base_graph(len(bits), len(bits) / length)
    buffer = encoder(nrCodeBlockSegmentLDPC(bits, graph), graph)
    return nrRateMatchLDPC(buffer, length, 0, MODULATIONS[width], 1)


def random_bits(count):
    return torch.randint(2, (count,), generator=torch.Generator().manual_seed(count))


def transmitted_bits(bits, length, width, **options):
    """[n] bits that a link with an LDPC code transmits."""
    config = LinkConfig(
        tokens=len(bits),
        codebook_size=2,
        embedding_dim=1,
        bits_per_symbol=width,
        code="ldpc",
        code_rate=len(bits) / length,
        **options,
    )
    link = Link(config)
    assert (link.layout.coded_bits, link.layout.pad_bits) == (length, 0)
    draw = link.draw(1, 10.0, torch.Generator().manual_seed(0))
    with torch.no_grad():
        return link.hard(bits=bits.unsqueeze(0), draw=draw).bits[0].numpy()


@pytest.mark.parametrize(("message_bits", "length", "width"), CODES)
def test_code_words(message_bits, length, width):
    bits = random_bits(message_bits)
    expected = expected_bits(bits.numpy(), length, width, encode)
    np.testing.assert_array_equal(transmitted_bits(bits, length, width), expected)


@pytest.mark.parametrize(("message_bits", "length", "width"), LARGE_LIFTING + FIRST_GRAPH)
def test_code_words_of_the_public_encoder(message_bits, length, width):
    bits = random_bits(message_bits)
    expected = expected_bits(bits.numpy(), length, width, lambda *block: nrLDPCEncode(*block, "thangaraj"))
    np.testing.assert_array_equal(transmitted_bits(bits, length, width), expected)


def test_without_interleaver():
    """One bit per column: py3gpp's interleaver for BPSK leaves the order as it is."""
    bits = random_bits(120)
    buffer = encode(nrCodeBlockSegmentLDPC(bits.numpy(), 2), 2)
    expected = nrRateMatchLDPC(buffer, 240, 0, "BPSK", 1)
    np.testing.assert_array_equal(transmitted_bits(bits, 240, 4, interleaver="none"), expected)


@pytest.mark.parametrize("bits_per_frame", [1, 12, 54, 300])
@pytest.mark.parametrize("polynomial", ["6", "11", "16", "24A", "24B", "24C"])
def test_crc(polynomial, bits_per_frame):
    bits = random_bits(bits_per_frame)
    config = LinkConfig(tokens=bits_per_frame, codebook_size=2, embedding_dim=1, crc=f"CRC{polynomial}")
    link = Link(config)
    ours = link.code.hard(bits.unsqueeze(0).float())[0].numpy()
    np.testing.assert_array_equal(ours, nrCRCEncode(bits.numpy(), polynomial)[:, 0])
