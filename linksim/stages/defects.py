"""Named defects of the surrogate: approximations by which soft paths break when they are deployed.

Each takes the place of a stage on the soft path. The hard path always has the stages as deployed.
"""

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from linksim.config import LinkConfig
from linksim.frame import FrameLayout
from linksim.stages.decide import Decide, Decision
from linksim.stages.demap import Demap
from linksim.stages.front_end import FrontEnd
from linksim.stages.map import Map
from linksim.stages.symbol_distribution import SymbolDistribution, of_independent_bits

RADII = {"radius-1": 1, "radius-2": 2}
"""Of the Hamming balls, by the name of the defect."""

LEAST_ENERGY = 1e-12
"""Of the mean symbols of a batch; keeps the scale finite where nothing is sent."""


class Defects:
    """The defects that a configuration names.

    Each method takes a stage as deployed and returns what the soft path has in its place: the stage itself,
    unless a defect touches it.

    Args:
        config: of the link; its `defects` and `llr_scale_error` count.
    """

    def __init__(self, config: LinkConfig) -> None:
        self.names = frozenset(config.defects)
        self.llr_factor = config.llr_scale_error if "llr-scale" in self.names else 1.0
        # Frames of whole symbols are not padded, so there is nothing to do at the end of the batch either.
        padded = "batch-padding" in self.names and config.layout.pad_bits
        self.batch = BatchPadding(config.layout) if padded else None

    def map(self, deployed: Map) -> Map:
        """For "per-bit-grouping", "distance-softmax" and "batch-padding"."""
        if self.batch is None and not self.names & {"per-bit-grouping", "distance-softmax"}:
            return deployed
        return DefectiveMap(
            deployed,
            self.batch,
            independent_bits="per-bit-grouping" in self.names,
            distance_softmax="distance-softmax" in self.names,
        )

    def front_end(self, deployed: FrontEnd, symbols: Tensor) -> FrontEnd:
        """For "transmit-statistics"; `symbols`, [B, S] complex, are those that are to be sent."""
        if "transmit-statistics" not in self.names:
            return deployed
        return FrontEndThatTells(deployed, symbols if self.batch is None else self.batch.used(symbols))

    def demap(self, deployed: Demap) -> Demap:
        """For "llr-scale" and "batch-padding"."""
        if self.batch is None and "llr-scale" not in self.names:
            return deployed
        return DefectiveDemap(deployed, self.batch, self.llr_factor)

    def decide(self, deployed: Decide) -> Decide:
        """For "radius-1" and "radius-2"."""
        radius = next((RADII[name] for name in RADII if name in self.names), None)
        return deployed if radius is None else DecideOverBall(deployed, radius)


class BatchPadding:
    """Defect "batch-padding": the coded bits of all frames are joined and padded once, behind the last one.

    Symbols straddle frames, and a result depends on the frames beside it. The ⌈B·L/m⌉ symbols of the stream
    stand in the first places of the flattened [B, S] grid; those behind them are unused and carry zero bits.

    Args:
        layout: of one frame, not interleaved.
    """

    def __init__(self, layout: FrameLayout) -> None:
        self.layout = layout

    def lay_out(self, bits: Tensor) -> Tensor:
        """[B, L] bits, or probabilities of 1, as [B, S·m] in the order of transmission."""
        unused = bits.shape[0] * self.layout.pad_bits
        return pad(bits.flatten(), (0, unused)).unflatten(0, (bits.shape[0], -1))

    def strip(self, llr: Tensor) -> Tensor:
        """Undo `lay_out`: [B, S·m] to [B, L]."""
        frames, length = llr.shape[0], self.layout.coded_bits
        return llr.flatten()[: frames * length].unflatten(0, (frames, length))

    def used(self, symbols: Tensor) -> Tensor:
        """[⌈B·L/m⌉] symbols of the stream among the [B, S] that are sent."""
        bits = symbols.shape[0] * self.layout.coded_bits
        return symbols.flatten()[: -(-bits // self.layout.bits_per_symbol)]

    def marginals(self, assignment: Tensor) -> Tensor:
        """Exact distribution of every symbol of an uncoded stream: that of one frame of B·N tokens.

        Args:
            assignment: [B, N, K] distribution over indices for every token.

        Returns:
            [B, S, M] distribution over the MSB-first labels of every symbol.
        """
        frames, symbols = assignment.shape[0], self.layout.symbols
        stream = stream_distribution(self.layout, frames, assignment.dtype, assignment.device)
        used = stream(assignment.flatten(0, 1).unsqueeze(0)).squeeze(0)
        zero = torch.zeros(frames * symbols - len(used), dtype=torch.int64, device=used.device)
        return torch.cat([used, one_hot(zero, used.shape[-1]).to(used)]).unflatten(0, (frames, symbols))


@lru_cache(maxsize=16)
def stream_distribution(
    layout: FrameLayout, frames: int, dtype: torch.dtype, device: torch.device
) -> SymbolDistribution:
    """The symbols of so many uncoded frames in a row, padded once, in some precision and place."""
    with torch.inference_mode(False):  # it outlives the call, and may be needed for a gradient later
        joined = SymbolDistribution(replace(layout, tokens=frames * layout.tokens))
        return joined.to(device=device, dtype=dtype)


class DefectiveMap(Map):
    """A map whose soft bits and symbol distributions have defects; the hard map is the deployed one.

    Args:
        deployed: the map to take after.
        batch: for "batch-padding"; None pads each frame.
        independent_bits: "per-bit-grouping": the distribution of a symbol is the product of the marginals of
            its bits, as if those of one index were independent. Behind a code they count as that anyway.
        distance_softmax: softmax over the bit patterns of −Σ_j (p_j − pattern_j)²/T, where p_j are the
            probabilities of 1, in place of the distribution and of sharpening it; soft even for hard bits.
    """

    def __init__(
        self, deployed: Map, batch: BatchPadding | None, *, independent_bits: bool, distance_softmax: bool
    ) -> None:
        super().__init__(deployed.layout, deployed.modem, deployed.code)
        self.batch = batch
        self.independent_bits = independent_bits or deployed.layout.coded
        self.distance_softmax = distance_softmax

    def soft_bits(self, coded: Tensor) -> Tensor:
        """As in `Map`, with the padding of this one."""
        return super().soft_bits(coded) if self.batch is None else self.batch.lay_out(coded)

    def symbol_probabilities(self, assignment: Tensor, bits: Tensor, temperature: float) -> Tensor:
        """As in `Map`, or the softmax over distances."""
        if not self.distance_softmax:
            return super().symbol_probabilities(assignment, bits, temperature)
        # The distance is a sum over bits, so the softmax over patterns is a product over bits, each of
        # (p − 0)² against (p − 1)².
        logits = (2 * bits - 1) / temperature
        return of_independent_bits(logits.sigmoid(), self.layout.bits_per_symbol)

    def marginals(self, assignment: Tensor, bits: Tensor) -> Tensor:
        """As in `Map`, of independent bits or of symbols across frames."""
        if self.independent_bits:
            return of_independent_bits(bits, self.layout.bits_per_symbol)
        return super().marginals(assignment, bits) if self.batch is None else self.batch.marginals(assignment)


class FrontEndThatTells(FrontEnd):
    """Defect "transmit-statistics": a batch is scaled to unit power, and scaled back at the receiver.

    Only the transmitter can know that scale. Mean symbols have less power than real ones, so the scale is
    above one, and the soft path sees less noise than there is.

    Args:
        deployed: converters and amplifier, which handle the scaled symbols.
        symbols: complex, of any shape; their mean energy sets the scale.
    """

    def __init__(self, deployed: FrontEnd, symbols: Tensor) -> None:
        super().__init__(deployed.dac, deployed.amplifier, deployed.adc)
        energy = torch.view_as_real(symbols).square().sum(-1).mean()
        self.scale = energy.clamp_min(LEAST_ENERGY).rsqrt()

    def transmit(self, symbols: Tensor) -> Tensor:
        """[B, S] complex symbols to what is sent."""
        return super().transmit(self.scale * symbols)

    def receive(self, received: Tensor, gain: Tensor, noise_variance: Tensor) -> tuple[Tensor, Tensor]:
        """Digitise as deployed, then undo the scale in the [B, S] signal and in the noise variance."""
        received, noise_variance = super().receive(received, gain, noise_variance)
        return received / self.scale, noise_variance / self.scale.square()


class DefectiveDemap(Demap):
    """A demapper of the soft path.

    Args:
        deployed: the demapper to take after.
        batch: for "batch-padding"; None takes each frame from its own symbols.
        factor: "llr-scale": of all LLRs, before their word length is cut.
    """

    def __init__(self, deployed: Demap, batch: BatchPadding | None, factor: float) -> None:
        super().__init__(deployed.layout, deployed.modem, deployed.quantizer)
        self.batch = batch
        self.factor = factor

    def of_coded_bits(self, llr: Tensor) -> Tensor:
        """As in `Demap`, with the padding and the factor of this one."""
        return self.factor * (super().of_coded_bits(llr) if self.batch is None else self.batch.strip(llr))


class DecideOverBall(Decide):
    """Defects "radius-1" and "radius-2": the soft path takes the posterior mean over a Hamming ball.

    Args:
        deployed: the decision of the hard path, whose arithmetic the soft one shares.
        radius: of the ball in bits.
    """

    def __init__(self, deployed: Decide, radius: int) -> None:
        super().__init__(deployed.layout, "radius", radius, deployed.integer)
        self.deployed = deployed

    def hard(self, llr: Tensor, codebook: Tensor) -> Decision:
        """Decide as deployed."""
        return self.deployed.hard(llr, codebook)
