"""What a frame's result is, and what it depends on."""

import torch

from linksim.config import CHANNELS, LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.verification.broken import during, same, signal
from linksim.verification.independence import (
    check_draw_alone,
    check_frame_independence,
    check_hard_ignores_temperature,
    check_soft_frame_independence,
)
from linksim.verification.links import CONFIGURATIONS, links
from linksim.verification.random_inputs import every_index, random_latents

FRAMES = 3


RECOVERED = [
    *({"bits_per_symbol": width} for width in (2, 4, 6, 8, 10)),
    *({"bits_per_symbol": width, "modulation": "psk"} for width in (1, 3, 6)),
    *({"channel": name} for name in CHANNELS if name != "bsc"),
    {"channel": "bsc", "modulation": "psk", "bits_per_symbol": 1},
    {"crc": "CRC11"},
    {"code": "ldpc", "crc": "CRC16", "code_rate": 0.7, "bp_iterations": 8},
    {"dac_bits": 8, "adc_bits": 8, "pa_backoff_db": 20.0},
    {"llr_bits": 4, "arithmetic": "integer"},
    {"decision": "radius"},
    {"decision": "map", "demapper": "maxlog"},
]


def recovery(seed: int) -> str:
    """At 90 dB every index arrives, over every modulation, channel, code and receiver."""
    for options in RECOVERED:
        with during(", ".join(f"{name} {value}" for name, value in options.items())):
            link = Link(LinkConfig(tokens=7, codebook_size=48, **options))
            index = every_index(link)
            generator = stream(seed, "verify", "recovery", str(options))
            trace = link.hard(index=index, draw=link.draw(len(index), 90.0, generator))
            same("index at the receiver", signal(trace, "decoded_index"), index)
    return f"{len(RECOVERED)} links, 48 indices each"


def frame_independence(seed: int) -> str:
    """Each frame alone gives what it gives in the batch: draw, hard path and soft path."""
    errors = []
    # In float64, where rounding that depends on the batch stays away from the steps of converters.
    for name, link in links(torch.float64):
        generator = stream(seed, "verify", "frame-independence", name)
        latents = random_latents(link, FRAMES, generator)
        snr_db = torch.linspace(0, 12, FRAMES, dtype=torch.float64)
        with during(name):
            check_draw_alone(link, snr_db, [7, 8, 9])
            draw = link.draw(FRAMES, snr_db, generator)
            errors.append(check_frame_independence(link, latents, draw))
            errors.append(check_soft_frame_independence(link, latents, draw, 0.7, 0.7))
    return f"{len(CONFIGURATIONS)} links, off by at most {max(errors):.1g}, allowed 1e-05"


def hard_path_temperature(seed: int) -> str:
    """The hard path is the same at every temperature, bit for bit."""
    for name, link in links(torch.float32):
        generator = stream(seed, "verify", "hard-path-temperature", name)
        latents = random_latents(link, FRAMES, generator)
        with during(name):
            check_hard_ignores_temperature(link, latents, link.draw(FRAMES, 5.0, generator))
    return f"{len(CONFIGURATIONS)} links"
