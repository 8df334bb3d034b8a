"""What mean |LLR| a healthy link has."""

from typing import Any

import torch

from linksim.channel_options import CHANNEL_KINDS
from linksim.link import Link
from linksim.metrics.theory import mean_llr_magnitude
from linksim.seeds import stream

POINTS = 9
SAMPLED_FRAMES = 500


def expected_mean_llr(link: Link, snr_db: float | tuple[float, float]) -> float:
    """Mean |LLR| of the hard path where all codewords are sent equally often.

    By quadrature where there is a formula; where bits are not equally probable (padding, or a codebook whose
    size is no power of two), behind a code, converters, an amplifier, quantized LLRs, noisy channel knowledge
    or parts of one's own, from sampled frames.

    Args:
        link: its configuration and stages count, not its codebook.
        snr_db: Es/N0 in dB, or a range, over which the mean is taken.
    """
    if isinstance(snr_db, tuple):
        low, high = snr_db
        values = [low + (high - low) * (point + 0.5) / POINTS for point in range(POINTS)]
    else:
        values = [snr_db]
    one = _by_formula if has_formula(link) else _sampled
    return sum(one(link, snr) for snr in values) / len(values)


def has_formula(link: Link) -> bool:
    """Whether `has_plain_receiver` holds and all bits are equally probable where all codewords are."""
    size, layout = link.config.codebook_size, link.layout
    equal_bits = size & (size - 1) == 0 and not layout.pad_bits
    by_name = link.config.modulation != "custom"
    return equal_bits and by_name and not layout.coded and has_plain_receiver(link)


def has_plain_receiver(link: Link) -> bool:
    """Whether the channel has formulas, and nothing but it, SNR, points and demapper decide on the LLRs."""
    config = link.config
    plain = (config.dac_bits, config.pa_backoff_db, config.adc_bits, config.llr_bits) == (None,) * 4
    own_channel = not type(link.channel).__module__.startswith("linksim.")
    theory = CHANNEL_KINDS[config.channel].theory
    return plain and theory and not config.csi_error and not own_channel


def theory_arguments(link: Link) -> dict[str, Any]:
    """What `linksim.metrics.theory` needs to know of a link, by keyword."""
    config = link.config
    return {
        "modulation": config.modulation,
        "channel": config.channel,
        "rician_k": config.rician_k,
        "demapper": config.demapper,
    }


def _by_formula(link: Link, snr_db: float) -> float:
    return mean_llr_magnitude(link.config.bits_per_symbol, snr_db, **theory_arguments(link))


@torch.no_grad()
def _sampled(link: Link, snr_db: float) -> float:
    generator = stream(0, "expected LLR")
    index = torch.randint(
        link.config.codebook_size, (SAMPLED_FRAMES, link.config.tokens), generator=generator
    )
    draw = link.draw(SAMPLED_FRAMES, snr_db, generator)
    llr = link.hard(index=index.to(link.codebook.device), draw=draw).llr
    assert llr is not None
    return float(llr.abs().mean())
