"""Random links and signals for the laws."""

from dataclasses import dataclass

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from linksim import Link, LinkConfig


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
        shape = (self.frames, self.link.config.tokens)
        return torch.randint(self.link.config.codebook_size, shape, generator=self.generator())

    def latents(self, scale=1.0):
        """[B, N, D] normal latents."""
        shape = (self.frames, self.link.config.tokens, self.link.config.embedding_dim)
        dtype = self.link.codebook.dtype
        return scale * torch.randn(shape, dtype=dtype, generator=self.generator())

    def llr(self, scale):
        """[B, L] normal LLRs."""
        shape = (self.frames, self.link.layout.information_bits)
        return scale * torch.randn(shape, dtype=self.link.codebook.dtype, generator=self.generator())

    def draw(self):
        """The draw of the channel."""
        return self.link.draw(self.frames, self.snr_db, self.generator())


temperatures = st.floats(0.05, 2.0)
widths = st.sampled_from((2, 4, 6, 8, 10))
configurations = st.builds(
    LinkConfig,
    tokens=st.integers(1, 17),
    codebook_size=st.integers(2, 300),
    embedding_dim=st.integers(1, 12),
    bits_per_symbol=widths,
    channel=st.sampled_from(("awgn", "rayleigh")),
    demapper=st.sampled_from(("app", "maxlog")),
    decision=st.sampled_from(("mean", "map")),
)


@st.composite
def links(draw, configurations=configurations):
    """A link in float32 or float64 with a random codebook."""
    config = draw(configurations)
    seed = draw(st.integers(0, 2**31))
    link = Link(config, generator=torch.Generator().manual_seed(seed))
    return link.double() if draw(st.booleans()) else link


cases = st.builds(
    Case,
    link=links(),
    frames=st.integers(1, 3),
    seed=st.integers(0, 2**31),
    snr_db=st.floats(-10, 30),
    vq_temp=temperatures,
    symbol_temp=temperatures,
)


def distributions(frames, tokens, codebook_size, sharpness, seed, dtype=torch.float64):
    """[B, N, K] random distributions: the larger the sharpness, the closer to one-hot; some exact zeros."""
    generator = torch.Generator().manual_seed(seed)
    shape = (frames, tokens, codebook_size)
    logits = sharpness * torch.randn(shape, dtype=dtype, generator=generator)
    missing = torch.rand(shape, generator=generator) < 0.2
    missing[..., 0] = False
    return logits.masked_fill(missing, -torch.inf).softmax(-1)
