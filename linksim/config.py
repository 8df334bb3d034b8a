"""What a link is made of, by name."""

from dataclasses import asdict, dataclass
from typing import Any

from linksim import checks
from linksim.frame import FrameLayout

MODULATIONS = ("qam", "custom")
CHANNELS = ("awgn", "rayleigh")
DEMAPPERS = ("app", "maxlog")
DECISIONS = ("mean", "map")
BACKENDS = ("sionna",)


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """The configuration of a `Link`; everything in it is a number or a name.

    Args:
        tokens: N, tokens per frame.
        codebook_size: K, number of codewords, any integer from 2.
        embedding_dim: D, dimension of a codeword.
        bits_per_symbol: m; 2, 4, 6, 8 or 10 for square QAM.
        modulation: "qam", Gray-labelled square QAM of 3GPP TS 38.211 with unit mean energy; "custom", points
            given to `Link`, with bits_per_symbol from 1 to 10.
        channel: "awgn", or "rayleigh": one complex Gaussian gain of unit mean power per frame (block
            fading), known to the receiver.
        demapper: "app" for exact LLRs, "maxlog" for their maximum approximation.
        decision: "mean" for the posterior mean over the codebook, "map" for the most probable codeword.
        backend: what computes mapping and LLRs; "sionna".

    Raises:
        TypeError: if a number is not a whole number.
        ValueError: if a value is out of range or a name is unknown.
    """

    tokens: int = 16
    codebook_size: int = 64
    embedding_dim: int = 16
    bits_per_symbol: int = 4
    modulation: str = "qam"
    channel: str = "awgn"
    demapper: str = "app"
    decision: str = "mean"
    backend: str = "sionna"

    def __post_init__(self) -> None:
        checks.one_of("modulation", self.modulation, MODULATIONS)
        numbers = {
            "tokens": checks.whole("tokens", self.tokens, 1),
            "codebook_size": checks.whole("codebook_size", self.codebook_size, 2),
            "embedding_dim": checks.whole("embedding_dim", self.embedding_dim, 1),
            "bits_per_symbol": checks.bits_per_symbol(self.bits_per_symbol, self.modulation),
        }
        for name, value in numbers.items():
            object.__setattr__(self, name, value)  # plain int, also when given as a NumPy integer
        checks.one_of("channel", self.channel, CHANNELS)
        checks.one_of("demapper", self.demapper, DEMAPPERS)
        checks.one_of("decision", self.decision, DECISIONS)
        checks.one_of("backend", self.backend, BACKENDS)

    @property
    def layout(self) -> FrameLayout:
        """The frame layout that follows from this configuration."""
        return FrameLayout(
            tokens=self.tokens, codebook_size=self.codebook_size, bits_per_symbol=self.bits_per_symbol
        )

    def as_dict(self) -> dict[str, Any]:
        """The configuration as a dictionary of plain numbers and strings."""
        return asdict(self)
