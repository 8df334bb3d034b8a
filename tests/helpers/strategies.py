"""Random links and signals for the laws."""

from dataclasses import dataclass, replace

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from linksim import Link, LinkConfig
from linksim.channel_options import CHANNEL_KINDS
from linksim.config import BACKENDS, CHANNELS, CODE_GRADIENTS, DECISIONS, DEMAPPERS
from linksim.frame import CRC_BITS, INTERLEAVERS
from linksim.verification.random_inputs import random_distributions, random_index, random_latents, random_llr


def reproducible(max_examples):
    """Settings under which a run can be repeated."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@dataclass(frozen=True)
class Case:
    """A link and what its signals are drawn from."""

    link: Link
    frames: int
    seed: int
    snr_db: float
    vq_temp: float
    symbol_temp: float

    def __repr__(self):
        return (
            f"Case({self.link.config}, dtype={self.link.codebook.dtype}, frames={self.frames}, "
            f"seed={self.seed}, snr_db={self.snr_db}, vq_temp={self.vq_temp}, symbol_temp={self.symbol_temp})"
        )

    def generator(self):
        """A fresh generator, the same each time."""
        return torch.Generator().manual_seed(self.seed)

    def index(self):
        """[B, N] uniform indices."""
        return random_index(self.link, self.frames, self.generator())

    def latents(self, scale=1.0):
        """[B, N, D] normal latents."""
        return scale * random_latents(self.link, self.frames, self.generator())

    def llr(self, scale):
        """[B, N·b] normal LLRs."""
        return scale * random_llr(self.link, self.frames, self.generator())

    def draw(self):
        """The draw of the channel."""
        return self.link.draw(self.frames, self.snr_db, self.generator())


temperatures = st.floats(0.05, 2.0)
widths = st.sampled_from((2, 4, 6, 8, 10))

qam_configurations = st.builds(
    LinkConfig,
    tokens=st.integers(1, 17),
    codebook_size=st.integers(2, 300),
    embedding_dim=st.integers(1, 12),
    bits_per_symbol=widths,
    channel=st.sampled_from(("awgn", "rayleigh")),
    demapper=st.sampled_from(DEMAPPERS),
    backend=st.sampled_from(BACKENDS),
    decision=st.sampled_from(("mean", "map")),
)
"""Uncoded square QAM with ideal hardware, for references that know nothing else."""


@st.composite
def configurations(draw):
    """Every stage with every option; few tokens and iterations, since each frame may be decoded often."""
    sizes = {
        "tokens": draw(st.integers(1, 9)),
        "codebook_size": draw(st.integers(2, 300)),
        "embedding_dim": draw(st.integers(1, 12)),
    }
    channel = draw(st.sampled_from(CHANNELS))
    config = LinkConfig(
        **draw(coding(sizes)),
        **draw(modulations(channel)),
        **(draw(waveforms) if channel != "bsc" else {}),
        **draw(word_lengths()),
        channel=channel,
        rician_k=draw(st.sampled_from((0.0, 0.5, 3.0, 100.0))),
        csi_error=draw(st.sampled_from((0.0, 0.01, 0.5))) if takes_error(channel) else 0.0,
        demapper=draw(st.sampled_from(DEMAPPERS)),
        backend=draw(st.sampled_from(BACKENDS)),
        decision=draw(st.sampled_from(DECISIONS)),
        radius=draw(st.integers(0, 3)),
        llr_scale_error=draw(st.sampled_from((2.0, 0.5))),
    )
    return replace(config, defects=[name for name in changes_nothing(config) if draw(st.booleans())])


def takes_error(channel):
    """Whether the channel has a gain that the receiver estimates."""
    return "csi_error" in CHANNEL_KINDS[channel].options


def changes_nothing(config):
    """Defects of the surrogate that this link would not notice, so that every law holds with them."""
    without_effect = {
        "per-bit-grouping": config.layout.coded,
        "batch-padding": not config.layout.pad_bits and not config.layout.interleaved,
        "radius-1": (config.decision, config.radius) == ("radius", 1),
        "radius-2": (config.decision, config.radius) == ("radius", 2),
    }
    return [name for name, nothing in without_effect.items() if nothing]


@st.composite
def modulations(draw, channel):
    """Modulation and bits per symbol."""
    if channel == "bsc":
        return {"modulation": "psk", "bits_per_symbol": 1}
    if draw(st.booleans()):
        return {"modulation": "psk", "bits_per_symbol": draw(st.integers(1, 6))}
    return {"modulation": "qam", "bits_per_symbol": draw(widths)}


@st.composite
def coding(draw, sizes):
    """Sizes, CRC and code; an LDPC code needs at least 12 bits."""
    sizes = dict(sizes)
    crc, code = draw(st.sampled_from(tuple(CRC_BITS))), draw(st.sampled_from(("none", "none", "ldpc")))
    if code == "ldpc":
        bits_per_token = (sizes["codebook_size"] - 1).bit_length()
        sizes["tokens"] = max(sizes["tokens"], -(-(12 - CRC_BITS[crc]) // bits_per_token))
    return {
        **sizes,
        "crc": crc,
        "code": code,
        "code_rate": draw(st.floats(0.2, 0.92)),
        "interleaver": draw(st.sampled_from(INTERLEAVERS)),
        "bp_iterations": draw(st.integers(1, 4)),
        "bp_early_stop": code != "none" and crc != "none" and draw(st.booleans()),
        "code_gradient": draw(st.sampled_from(CODE_GRADIENTS)),
    }


def optional(strategy):
    """None as often as something."""
    return st.none() | strategy


backoffs = st.floats(0, 15)
waveforms = st.fixed_dictionaries(
    {
        "dac_bits": optional(st.integers(1, 10)),
        "dac_backoff_db": backoffs,
        "pa_backoff_db": optional(backoffs),
        "pa_smoothness": st.floats(1, 4),
        "adc_bits": optional(st.integers(1, 10)),
        "adc_backoff_db": backoffs,
    }
)


@st.composite
def word_lengths(draw):
    """Words of LLRs, and what integer arithmetic makes of them."""
    llr_bits = draw(optional(st.integers(2, 8)))
    if llr_bits is None:
        return {}
    return {
        "llr_bits": llr_bits,
        "llr_step": draw(st.sampled_from((None, 0.25, 0.3, 1.0))),
        "arithmetic": draw(st.sampled_from(("float", "integer"))),
        "weight_bits": draw(st.integers(2, 16)),
        "codebook_bits": draw(st.integers(2, 16)),
    }


all_configurations = configurations()
precisions = st.sampled_from((torch.float32, torch.float64))


@st.composite
def links(draw, configurations=all_configurations, precisions=precisions):
    """A link with a random codebook, and with random points in place of some PSK."""
    config = draw(configurations)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    points = None
    if config.modulation == "psk" and config.channel != "bsc" and draw(st.booleans()):
        points = torch.randn(2**config.bits_per_symbol, dtype=torch.complex128, generator=generator)
    return Link(config, constellation=points, generator=generator).to(draw(precisions))


def cases_of(links):
    """Such links with what their signals are drawn from."""
    return st.builds(
        Case,
        link=links,
        frames=st.integers(1, 3),
        seed=st.integers(0, 2**31),
        snr_db=st.floats(-10, 30),
        vq_temp=temperatures,
        symbol_temp=temperatures,
    )


cases = cases_of(links())
"""Any link, in either precision."""

double_cases = cases_of(links(precisions=st.just(torch.float64)))
"""Any link in float64, where rounding stays away from the steps of converters and words."""

qam_cases = cases_of(links(qam_configurations))
"""Uncoded square QAM with ideal hardware."""


def distributions(frames, tokens, codebook_size, sharpness, seed, dtype=torch.float64):
    """[B, N, K] random distributions: the larger the sharpness, the closer to one-hot; some exact zeros."""
    generator = torch.Generator().manual_seed(seed)
    return random_distributions(frames, tokens, codebook_size, sharpness, generator, dtype)
