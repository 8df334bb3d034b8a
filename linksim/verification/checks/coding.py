"""Error detection and correction."""

import torch

from linksim.config import Crc, LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.verification.broken import Broken, during, require, same, signal
from linksim.verification.random_inputs import random_index

CRC_POWERS: dict[Crc, tuple[int, ...]] = {
    "CRC6": (6, 5, 0),
    "CRC11": (11, 10, 9, 5, 0),
    "CRC16": (16, 12, 5, 0),
    "CRC24A": (24, 23, 18, 17, 14, 11, 10, 7, 6, 5, 4, 3, 1, 0),
    "CRC24B": (24, 23, 6, 5, 1, 0),
    "CRC24C": (24, 23, 21, 20, 17, 15, 13, 12, 8, 4, 2, 1, 0),
}
"""Powers of D in the generator polynomials of 3GPP TS 38.212, section 5.1."""

TOKENS = 5
EBNO_DB = 7.5
"""At which a few coded bits in a thousand are wrong, and the decoder corrects all of them."""


def remainder(bits: list[int], powers: tuple[int, ...]) -> list[int]:
    """Check bits of a message, by long division over the binary numbers."""
    degree = powers[0]
    work = bits + [0] * degree
    for start in range(len(bits)):
        if work[start]:
            for power in powers:
                work[start + degree - power] ^= 1
    return work[len(bits) :]


def crc(seed: int) -> str:
    """CRCs against long division by the polynomials of 3GPP TS 38.212; any single wrong bit is found."""
    flips = 0
    for name, powers in CRC_POWERS.items():
        link = Link(LinkConfig(tokens=TOKENS, codebook_size=30, crc=name))
        generator = stream(seed, "verify", "crc", name)
        with during(name):
            information = link.map.information_bits(random_index(link, 4, generator))
            coded = link.code.hard(information)
            expected = [[*row, *remainder(row, powers)] for row in information.int().tolist()]
            same("bits with CRC", coded.int(), torch.tensor(expected, dtype=torch.int32))
            require(_passes(link, coded).all(), "a frame without errors fails")
            length = coded.shape[1]
            wrong = (coded[0] + torch.eye(length)) % 2
            require(not _passes(link, wrong).any(), "a frame with one wrong bit passes")
            flips += length
    return f"{len(CRC_POWERS)} polynomials, {flips} single errors found"


def _passes(link: Link, coded: torch.Tensor) -> torch.Tensor:
    passed = link.code.decode(4 * (2 * coded - 1)).crc_ok
    if passed is None:
        raise Broken("the decoder does not say whether the frame passed")
    return passed


def ldpc(seed: int) -> str:
    """The code is linear, of the stated length, and its decoder corrects what the channel did."""
    frames, corrected = 20, 0
    for code_rate in (0.3, 0.5, 0.8):
        config = LinkConfig(
            tokens=16, codebook_size=64, bits_per_symbol=2, crc="CRC16", code="ldpc", code_rate=code_rate
        )
        with during(f"rate {code_rate:g}"):
            corrected += _check_code(Link(config), frames, stream(seed, "verify", "ldpc", str(code_rate)))
    return f"rates 0.3, 0.5 and 0.8, {corrected} wrong coded bits corrected"


def _check_code(link: Link, frames: int, generator: torch.Generator) -> int:
    layout = link.layout
    first, second = (
        torch.randint(2, (frames, layout.information_bits), generator=generator).float() for _ in range(2)
    )
    total = link.code.hard((first + second) % 2)
    same("code word of a sum of messages", total, (link.code.hard(first) + link.code.hard(second)) % 2)
    require(abs(layout.message_bits / total.shape[1] - link.config.code_rate) < 0.005, "code rate")
    require((total.sum(1) > 0).all(), "a message that is not zero has the code word zero")
    snr_db = layout.esno_db(EBNO_DB)
    index = random_index(link, frames, generator)
    trace = link.hard(index=index, draw=link.draw(frames, snr_db, generator))
    sent = signal(trace, "information_bits") > 0.5
    same("bits behind the decoder", signal(trace, "information_llr") > 0, sent)
    same("index behind the decoder", signal(trace, "decoded_index"), index)
    require(signal(trace, "crc_ok").all(), "a frame without errors fails its CRC")
    coded = link.code.hard(link.map.information_bits(index))
    wrong = int(((signal(trace, "llr") > 0) != (coded > 0.5)).sum())
    require(wrong > 0, "no coded bit was wrong, so that the decoder had nothing to do")
    return wrong
