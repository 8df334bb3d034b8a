"""A point while it is being counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from linksim_benchmarks.montecarlo.stop import Reason, StopRule
from linksim_benchmarks.montecarlo.work import Counts, Tally, Work

UNKNOWN = float("inf")


@dataclass(eq=False)
class PointState:
    """What is known of a point.

    Only its first chunks count, 0, 1, … without a gap. What is counted ahead of them waits, and is dropped if
    the stop rule holds before its turn: the result depends neither on the number of workers nor on which of
    them was first.

    Attributes:
        work: the point.
        key: hash of its content.
        rule: when it stops.
        tally: of the first chunks.
        chunks: how many those are.
        seconds: that they took, added up.
        reason: why it stopped, None while it has not.
        flying: chunks handed to workers.
        waiting: chunks counted ahead of their turn, with their seconds.
        fresh: frames counted now, not read from a store.
        expected: rate to plan ahead with, None if unknown.
    """

    work: Work
    key: str
    rule: StopRule
    tally: Tally
    chunks: int = 0
    seconds: float = 0.0
    reason: Reason | None = None
    flying: set[int] = field(default_factory=set)
    waiting: dict[int, tuple[Counts, float]] = field(default_factory=dict)
    fresh: int = 0
    expected: float | None = field(init=False)

    def __post_init__(self) -> None:
        self.expected = self.work.expected_rate()
        self._look()

    def size(self, chunk: int) -> int:
        """Frames of a chunk; 0 beyond the last."""
        return self.work.size(chunk, self.rule.max_bits)

    @property
    def bits(self) -> int:
        """Information bits counted."""
        return self.tally.frames * self.work.bits_per_frame

    def take(self, stored: Mapping[tuple[int, int], tuple[Counts, float]]) -> None:
        """Count what is stored, as far as it goes and the rule lets it."""
        while (
            self.reason is None and (found := stored.get((self.chunks, self.size(self.chunks)))) is not None
        ):
            self._count(*found)

    def receive(self, chunk: int, counts: Counts, seconds: float) -> list[tuple[int, Counts, float]]:
        """Take what a worker counted; returns the chunks whose turn has come, with their seconds."""
        self.flying.discard(chunk)
        self.waiting[chunk] = (counts, seconds)
        accepted = []
        while self.reason is None and (found := self.waiting.pop(self.chunks, None)) is not None:
            accepted.append((self.chunks, *found))
            self.fresh += found[0]["frames"]
            self._count(*found)
        if self.reason is not None:
            self.waiting.clear()
        return accepted

    def next_chunk(self) -> int | None:
        """The next chunk worth handing out, or None while those on their way are likely to be enough."""
        if self.reason is not None:
            return None
        chunk = self.chunks
        while chunk in self.flying or chunk in self.waiting:
            chunk += 1
        return chunk if chunk - self.chunks < self.foreseen() and self.size(chunk) else None

    def foreseen(self) -> float:
        """Further chunks that the point is likely to need.

        Without errors so far as many as theory expects, or else as many again as there were, lest many be
        counted in vain.
        """
        if self.reason is not None:
            return 0.0
        if not self.rule.open_ended:
            return UNKNOWN
        if not self.tally.errors:
            if self.expected and self.size(0):
                return max(1.0, self.remaining_bits() / (self.size(0) * self.work.bits_per_frame))
            return max(1, self.chunks)
        return max(1.0, self.rule.missing(self.tally) * self.chunks)

    def remaining_bits(self) -> float:
        """Bits still to be counted, as far as can be foreseen."""
        if self.reason is not None:
            return 0.0
        most = max(self.rule.max_bits - self.bits, 0)
        if self.tally.errors:
            return min(most, self.rule.missing(self.tally) * self.bits)
        rate, needed = self.expected, self.rule.needed_errors()
        return min(most, needed / rate) if rate and needed is not None else most

    def end(self, reason: Reason) -> None:
        """Stop for a reason that is not the point's own."""
        if self.reason is None:
            self.reason = reason

    def _count(self, counts: Counts, seconds: float) -> None:
        self.tally.add(counts)
        self.chunks += 1
        self.seconds += seconds
        self._look()

    def _look(self) -> None:
        self.reason = self.rule.reason(self.tally, self.size(self.chunks))
