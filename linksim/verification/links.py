"""A fixed set of links among which every stage and every option stands at least once."""

from collections.abc import Iterator

import torch

from linksim.config import LinkConfig
from linksim.link import Link

CONFIGURATIONS = {
    "64-QAM, symbols across tokens": LinkConfig(
        tokens=3, codebook_size=11, embedding_dim=4, bits_per_symbol=6
    ),
    "256-QAM, 4 pad bits": LinkConfig(tokens=2, codebook_size=48, embedding_dim=4, bits_per_symbol=8),
    "1024-QAM, one token": LinkConfig(
        tokens=1, codebook_size=300, embedding_dim=4, bits_per_symbol=10, channel="rician-fast"
    ),
    "QPSK, MAP, max-log, Rayleigh": LinkConfig(
        tokens=5,
        codebook_size=5,
        embedding_dim=1,
        bits_per_symbol=2,
        channel="rayleigh",
        demapper="maxlog",
        decision="map",
    ),
    "8-PSK, Rician, channel estimate": LinkConfig(
        tokens=4,
        codebook_size=12,
        embedding_dim=3,
        bits_per_symbol=3,
        modulation="psk",
        channel="rician",
        csi_error=0.1,
        rician_k=2.0,
    ),
    "BPSK, binary symmetric channel, radius": LinkConfig(
        tokens=4,
        codebook_size=20,
        embedding_dim=4,
        bits_per_symbol=1,
        modulation="psk",
        channel="bsc",
        decision="radius",
        radius=1,
    ),
    "CRC without code": LinkConfig(
        tokens=3, codebook_size=40, embedding_dim=4, crc="CRC11", code_gradient="product"
    ),
    "LDPC, interleaved and padded": LinkConfig(
        tokens=3, codebook_size=40, embedding_dim=4, code="ldpc", code_rate=0.4, bp_iterations=6
    ),
    "LDPC and CRC, product, fast Rayleigh": LinkConfig(
        tokens=2,
        codebook_size=64,
        embedding_dim=4,
        bits_per_symbol=6,
        crc="CRC16",
        code="ldpc",
        code_rate=2 / 3,
        code_gradient="product",
        interleaver="none",
        bp_iterations=4,
        channel="rayleigh-fast",
        csi_error=0.05,
    ),
    "converters and amplifier": LinkConfig(
        tokens=4, codebook_size=30, embedding_dim=4, dac_bits=5, pa_backoff_db=3.0, adc_bits=4
    ),
    "LLR words, MAP": LinkConfig(tokens=4, codebook_size=30, embedding_dim=4, llr_bits=4, decision="map"),
    "integer arithmetic": LinkConfig(
        tokens=4, codebook_size=30, embedding_dim=4, llr_bits=5, arithmetic="integer", channel="rayleigh"
    ),
    "everything at once": LinkConfig(
        tokens=3,
        codebook_size=50,
        embedding_dim=4,
        bits_per_symbol=4,
        crc="CRC6",
        code="ldpc",
        code_rate=0.5,
        bp_iterations=4,
        channel="rician",
        csi_error=0.02,
        dac_bits=6,
        pa_backoff_db=4.0,
        adc_bits=6,
        llr_bits=6,
        arithmetic="integer",
        decision="radius",
        radius=2,
    ),
}

PRECISIONS = (torch.float32, torch.float64)


def links(*precisions: torch.dtype) -> Iterator[tuple[str, Link]]:
    """Name and link of every configuration in each of the given precisions; both without any."""
    for dtype in precisions or PRECISIONS:
        for name, config in CONFIGURATIONS.items():
            yield f"{name} ({precision_name(dtype)})", Link(config).to(dtype)


def precision_name(dtype: torch.dtype) -> str:
    """The dtype without the name of the library."""
    return str(dtype).removeprefix("torch.")
