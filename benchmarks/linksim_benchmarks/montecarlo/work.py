"""What a sweep is made of: points, what a chunk of one counts, and what the counts add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch

from linksim.provenance import configuration_hash

Counts = Mapping[str, Any]
"""What was counted in a chunk: numbers and strings by name, `frames` among them."""


class Tally(Protocol):
    """What has been counted at a point, over the chunks 0, 1, … without a gap."""

    @property
    def frames(self) -> int:
        """Frames transmitted."""
        ...

    @property
    def errors(self) -> int:
        """Error events that are independent of each other: what a target number of errors counts."""
        ...

    @property
    def effective_errors(self) -> float:
        """As many independent errors as would tell as much about the rate as those seen."""
        ...

    @property
    def rate(self) -> float:
        """Error rate; 0 without frames."""
        ...

    @property
    def may_stop(self) -> bool:
        """Whether a stop rule may look: false in the middle of what belongs together."""
        ...

    def bounds(self) -> tuple[float, float]:
        """Confidence interval of the rate; (0, 1) without frames."""
        ...

    def add(self, counts: Counts) -> None:
        """Count one more chunk, the next one."""
        ...


class Work(Protocol):
    """One point of a sweep. Workers get it pickled; equal content gives equal counts."""

    @property
    def label(self) -> str:
        """What people call it, in a few characters."""
        ...

    @property
    def bits_per_frame(self) -> int:
        """Information bits of a frame."""
        ...

    def content(self) -> dict[str, Any]:
        """What identifies the point, as plain JSON: its random streams are named after it.

        What is only evaluated on the transmission, such as soft path or hard, does not belong in it.
        """
        ...

    def curve(self) -> dict[str, Any]:
        """What the points of a curve have in common: the content without the SNR."""
        ...

    def size(self, chunk: int, max_bits: int) -> int:
        """Frames of a chunk if no more than `max_bits` are wanted, rounded up; 0 beyond the last chunk."""
        ...

    def expected_rate(self) -> float | None:
        """Errors per bit to plan ahead with, or None if nobody knows; no result depends on it."""
        ...

    def tally(self) -> Tally:
        """Nothing counted yet."""
        ...

    def count(self, chunk: int, frames: int, generator: torch.Generator) -> Counts:
        """Transmit a chunk and count.

        Args:
            chunk: its number.
            frames: its size.
            generator: the chunk's own.
        """
        ...


@dataclass(frozen=True)
class Sweep:
    """Points to be counted.

    Attributes:
        kind: of the points, such as "ber".
        points: in the order of the grid, one curve after the other.
        seed: root of the random streams.
        settings: what else the counts depend on, as plain JSON, such as the size of chunks.
    """

    kind: str
    points: Sequence[Work]
    seed: int
    settings: Mapping[str, Any]

    @cached_property
    def keys(self) -> list[str]:
        """Hashes of the points' contents, which name their random streams.

        Raises:
            ValueError: if two points have the same content.
        """
        keys = [configuration_hash(point.content()) for point in self.points]
        seen: set[str] = set()
        for point, key in zip(self.points, keys, strict=True):
            if key in seen:
                raise ValueError(f"a point of the sweep is given twice: {point.content()}")
            seen.add(key)
        return keys

    @cached_property
    def curves(self) -> list[str]:
        """For each point, the name of its curve."""
        return [configuration_hash(point.curve()) for point in self.points]

    def configuration(self) -> dict[str, Any]:
        """All that the counts depend on: results of other configurations are not mixed with these."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            **self.settings,
            "points": [point.content() for point in self.points],
        }
