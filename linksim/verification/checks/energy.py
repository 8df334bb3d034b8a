"""What an information bit costs."""

import math

from linksim.config import LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.verification.broken import during, require
from linksim.verification.random_inputs import random_index

EBNO_ALLOWED = 0.05
EBNO_LINKS: dict[str, dict] = {
    "QPSK without padding": {"tokens": 6, "codebook_size": 16, "bits_per_symbol": 2},
    "QPSK with padding": {"tokens": 3, "codebook_size": 2, "bits_per_symbol": 2},
    "8-PSK with padding and CRC": {
        "tokens": 2,
        "codebook_size": 30,
        "bits_per_symbol": 3,
        "modulation": "psk",
        "crc": "CRC11",
    },
    "8-PSK with padding and LDPC code": {
        "tokens": 5,
        "codebook_size": 30,
        "bits_per_symbol": 3,
        "modulation": "psk",
        "code": "ldpc",
        "code_rate": 0.45,
    },
}
"""Constant amplitudes, so that the energy of a symbol does not depend on the bits; AWGN."""


def ebno(seed: int) -> str:
    """Eb/N0 from samples: energy of all that is sent over information bits and N0, with padding and code."""
    differences = []
    for name, options in EBNO_LINKS.items():
        with during(name):
            link = Link(LinkConfig(**options))
            frames = -(-120_000 // link.layout.symbols)
            generator = stream(seed, "verify", "ebno", name)
            index = random_index(link, frames, generator)
            draw = link.draw(frames, 7.0, generator)
            _, symbols = link.map.hard(index)
            received, _, _ = link.channel.apply(symbols, draw.channel)
            bits = frames * link.config.tokens * math.ceil(math.log2(link.config.codebook_size))
            _check_conversion(link, symbols.numel() / bits)
            energy = float(symbols.abs().double().square().sum())
            n0 = float((received - symbols).abs().double().square().mean())
            measured = 10 * math.log10(energy / bits / n0)
            differences.append(measured - link.layout.ebno_db(7.0))
            require(
                abs(differences[-1]) < EBNO_ALLOWED,
                f"{measured:.3f} dB measured, {link.layout.ebno_db(7.0):.3f} dB stated",
            )
    return f"off by at most {max(map(abs, differences)):.3f} dB, allowed {EBNO_ALLOWED:g} dB"


def _check_conversion(link: Link, symbols_per_bit: float) -> None:
    expected = 10 * math.log10(symbols_per_bit)
    for snr_db in (-5.0, 0.0, 12.5):
        offset = link.layout.ebno_db(snr_db) - snr_db
        message = f"Eb/N0 − Es/N0 is {offset:.4f} dB, symbols over information bits are {expected:.4f} dB"
        require(abs(offset - expected) < 1e-9, message)
        back = link.layout.esno_db(link.layout.ebno_db(snr_db))
        require(abs(back - snr_db) < 1e-9, f"Es/N0 of {snr_db:g} dB comes back as {back:.4f} dB")
