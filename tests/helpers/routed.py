"""Random routed links and what goes through them."""

from dataclasses import dataclass, replace

import torch
from helpers.generators import generator
from helpers.strategies import coding, takes_error, temperatures, waveforms, word_lengths
from hypothesis import strategies as st

from linksim import LinkConfig
from linksim.config import CHANNELS, DEMAPPERS
from linksim.modes.routed_link import RoutedLink

WIDTHS = {"qam": (2, 4, 6), "psk": (1, 2, 3, 4)}
WAVEFORMS = [name for name in CHANNELS if name != "bsc"]


def randomised(routed, seed=0):
    """The link with a router that prefers something, in place."""
    source = generator(seed)
    with torch.no_grad():
        for weight in (routed.router.hidden_weight, routed.router.direct_weight):
            weight.copy_(0.3 * torch.randn(weight.shape, generator=source))
    return routed


@dataclass(frozen=True)
class RoutedCase:
    """A routed link in float64 and what its signals are drawn from."""

    link: RoutedLink
    frames: int
    seed: int
    snr_db: float
    vq_temp: float
    symbol_temp: float

    def __repr__(self):
        return (
            f"RoutedCase({self.link.config}, modes={self.link.modes}, header={self.link.header.symbols}, "
            f"frames={self.frames}, seed={self.seed}, snr_db={self.snr_db}, vq_temp={self.vq_temp}, "
            f"symbol_temp={self.symbol_temp})"
        )

    def mode(self):
        """[B] a mode for each frame."""
        return torch.randint(len(self.link.modes), (self.frames,), generator=generator(self.seed))

    def index(self):
        """[B, N] indices, each in the codebook of its frame's mode."""
        sizes = torch.tensor([size for size, _ in self.link.modes])[self.mode()].unsqueeze(1)
        uniform = torch.rand(self.frames, self.link.config.tokens, generator=generator(self.seed + 1))
        return (uniform * sizes).long()

    def latents(self):
        """[B, N, D] normal latents."""
        shape = (self.frames, self.link.config.tokens, self.link.config.embedding_dim)
        return torch.randn(shape, dtype=torch.float64, generator=generator(self.seed + 2))

    def draw(self):
        """The draw of the channel."""
        return self.link.draw(self.frames, self.snr_db, generator(self.seed + 3))

    @property
    def temperatures(self):
        """Of the soft path."""
        return {"vq_temp": self.vq_temp, "symbol_temp": self.symbol_temp}


@st.composite
def routed_links(draw):
    """Every stage with every option that several modes have; the decision is one function on both paths."""
    modulation = draw(st.sampled_from(("qam", "psk")))
    size, width = st.integers(2, 80), st.sampled_from(WIDTHS[modulation])
    modes = draw(st.lists(st.tuples(size, width), min_size=1, max_size=4))
    channel = draw(st.sampled_from(WAVEFORMS))
    sizes = {
        "tokens": draw(st.integers(1, 7)),
        "codebook_size": min(size for size, _ in modes),
        "embedding_dim": draw(st.integers(1, 8)),
    }
    config = LinkConfig(
        **draw(coding(sizes)),
        **draw(waveforms),
        **draw(word_lengths()),
        modulation=modulation,
        bits_per_symbol=2,
        channel=channel,
        csi_error=draw(st.sampled_from((0.0, 0.01, 0.5))) if takes_error(channel) else 0.0,
        demapper=draw(st.sampled_from(DEMAPPERS)),
        decision=draw(st.sampled_from(("mean", "radius"))),
        radius=draw(st.integers(0, 2)),
    )
    source = generator(draw(st.integers(0, 2**31)))
    header = draw(st.integers(1, 6))
    return randomised(RoutedLink(config, modes, header_symbols=header, generator=source)).double()


def with_config(case, **changes):
    """The case with another configuration of its link, on the same codebooks."""
    config = replace(case.link.config, **changes)
    header = case.link.header.symbols or 1
    other = RoutedLink(config, case.link.modes, header_symbols=header).double()
    other.load_state_dict(case.link.state_dict())
    return replace(case, link=other)


routed_cases = st.builds(
    RoutedCase,
    link=routed_links(),
    frames=st.integers(1, 4),
    seed=st.integers(0, 2**30),
    snr_db=st.floats(-10, 20),
    vq_temp=temperatures,
    symbol_temp=temperatures,
)
"""Any routed link in float64, where rounding stays away from the steps of converters and words."""
