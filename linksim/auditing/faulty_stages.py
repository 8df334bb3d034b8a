"""Stages of the soft path with named defects of any strength, to compare an audited surrogate with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from linksim.config import Defect
from linksim.link import Link
from linksim.signals import Draw, Trace
from linksim.stages.defects import (
    RADII,
    BatchPadding,
    DecideOverBall,
    DefectiveDemap,
    DefectiveMap,
    FrontEndThatTells,
)
from linksim.stages.map import sharpen

SIGNALS = ("latents", "assignment", "symbols", "received", "llr", "embedding")
"""Fields of a trace along the chain, between which the soft path has a stage each."""

STAGES = ("quantize", "map", "received", "demap", "decide")
"""What leads from each of `SIGNALS` to the next, as an audit names it."""

STAGES_OF: dict[Defect, set[str]] = {
    "per-bit-grouping": {"map"},
    "batch-padding": {"map", "demap"},
    "distance-softmax": {"map"},
    "llr-scale": {"demap"},
    "radius-1": {"decide"},
    "radius-2": {"decide"},
    "transmit-statistics": {"front end", "received", "demap"},
}
"""Defect → stages that it changes, given what goes into them."""

PLACE_OF = {
    "per-bit-grouping": "symbol",
    "batch-padding": "symbol",
    "distance-softmax": "symbol",
    "llr-scale": "receiver",
    "radius-1": "receiver",
    "radius-2": "receiver",
    "transmit-statistics": "symbol",
}
"""Defect → place of an attribution. The scale of "transmit-statistics" belongs to the transmission."""


@dataclass(frozen=True)
class Strength:
    """How much of a defect there may be.

    Attributes:
        least, most: ends of the range.
        usual: that of the defect of this name in `LinkConfig`.
        ratio: whether equal steps are equal factors.
    """

    least: float
    most: float
    usual: float
    ratio: bool

    def to_search(self, value: float) -> float:
        """A strength as a number in which to search."""
        return math.log(value) if self.ratio else value

    def from_search(self, number: float) -> float:
        """The strength at a number of the search, within the range."""
        value = math.exp(number) if self.ratio else number
        return min(max(value, self.least), self.most)


STRENGTHS = {
    "per-bit-grouping": Strength(0.0, 1.0, 1.0, ratio=False),
    "distance-softmax": Strength(0.05, 20.0, 1.0, ratio=True),
    "llr-scale": Strength(0.02, 50.0, 2.0, ratio=True),
    "transmit-statistics": Strength(0.0, 3.0, 1.0, ratio=False),
}
"""Defects that come in degrees: weight of the product of bit marginals; factor of the temperature of the
softmax; factor of LLRs; exponent of the scale."""

Strengths = Mapping[str, float | None]
"""Defect → its strength; None where it has none."""


class FaultyStages:
    """The stages of a soft path, one by one, on a draw.

    Args:
        link: with an exact surrogate.
        draw: what is random about the frames.
    """

    def __init__(self, link: Link, draw: Draw) -> None:
        self.link = link
        self.draw = draw
        padded = link.layout.pad_bits and not link.layout.interleaved
        self.padding = BatchPadding(link.layout) if padded else None
        self._maps: dict[tuple[bool, bool, bool], DefectiveMap] = {}

    def names(self) -> list[Defect]:
        """Defects that the link can have."""
        left_out = {"batch-padding"} if self.padding is None else set()
        if self.link.config.channel == "bsc":
            left_out.add("transmit-statistics")
        return [name for name in STAGES_OF if name not in left_out]

    def follow(self, given: Trace, start: str, end: str, strengths: Strengths) -> Tensor:
        """What the stages between two signals make of the first.

        Args:
            given: trace that holds the signal `start`, and the symbols if that is "received".
            start, end: two of `SIGNALS`, the second further along.
            strengths: of the defects that the stages have.
        """
        signal: Tensor | None = getattr(given, start)
        symbols = given.symbols
        first, last = SIGNALS.index(start), SIGNALS.index(end)
        for stage in STAGES[first:last]:
            assert signal is not None
            if stage == "quantize":
                signal = self.link.quantize.soft(signal, self.link.codebook, self.link.vq_temp)
            elif stage == "map":
                signal = symbols = self.symbols(signal, strengths)
            elif stage == "received":
                signal = self._transmission(signal, strengths)[0]
            elif stage == "demap":
                assert symbols is not None
                _, gain, noise_variance = self._transmission(symbols, strengths)
                signal = self._demap(strengths)(signal, gain, noise_variance)
            else:
                signal = self._decided(signal, strengths)
        assert signal is not None
        return signal

    def symbols(self, assignment: Tensor, strengths: Strengths) -> Tensor:
        """[B, S] complex mean symbols of an assignment [B, N, K]."""
        link = self.link
        batched, per_bit = "batch-padding" in strengths, "per-bit-grouping" in strengths
        if "distance-softmax" in strengths:
            temperature = link.symbol_temp * (strengths["distance-softmax"] or 1.0)
            return self._map(batched, per_bit, True).soft(assignment, temperature)[2]
        weight = strengths.get("per-bit-grouping")
        if weight is None or weight == 1:
            return self._map(batched, per_bit, False).soft(assignment, link.symbol_temp)[2]
        exact, product = self._map(batched, False, False), self._map(batched, True, False)
        bits = exact.soft(assignment, link.symbol_temp)[0]
        marginals = (1 - weight) * exact.marginals(assignment, bits) + weight * product.marginals(
            assignment, bits
        )
        return exact.mean(marginals if link.code.rounds else sharpen(marginals, link.symbol_temp))

    def _map(self, batched: bool, per_bit: bool, distance: bool) -> DefectiveMap:
        key = batched, per_bit, distance
        if key not in self._maps:
            made = DefectiveMap(
                self.link.deployed_map,
                self.padding if batched else None,
                independent_bits=per_bit,
                distance_softmax=distance,
            )
            self._maps[key] = made.to(self.link.codebook.device, self.link.codebook.dtype)
        return self._maps[key]

    def _transmission(self, symbols: Tensor, strengths: Strengths) -> tuple[Tensor, Tensor, Tensor]:
        """Received signal, gain and noise variance."""
        front_end = self.link.front_end
        if "transmit-statistics" in strengths:
            used = symbols
            if "batch-padding" in strengths and self.padding is not None:
                used = self.padding.used(symbols)
            front_end = FrontEndThatTells(front_end, used)
            exponent = strengths["transmit-statistics"]
            front_end.scale = front_end.scale ** (1.0 if exponent is None else exponent)
        sent = front_end.transmit(symbols)
        received, gain, noise_variance = self.link.channel.apply(sent, self.draw.channel)
        received, noise_variance = front_end.receive(received, gain, noise_variance)
        return received, gain, noise_variance

    def _demap(self, strengths: Strengths) -> DefectiveDemap:
        factor = strengths.get("llr-scale")
        batch = self.padding if "batch-padding" in strengths else None
        return DefectiveDemap(self.link.demap, batch, 1.0 if factor is None else factor)

    def _decided(self, llr: Tensor, strengths: Strengths) -> Tensor:
        decide = self.link.decide
        radius = next((RADII[name] for name in RADII if name in strengths), None)
        if radius is not None:
            decide = DecideOverBall(decide, radius).to(self.link.codebook.device)
        return decide.soft(self.link.code.decode(llr).llr, self.link.codebook).embedding
