"""What the chunks of a point of a bit error rate sweep add up to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from linksim.metrics.frames import Method, effective_trials, frame_proportion, proportion
from linksim.metrics.sequential import unbiased_rate
from linksim_benchmarks.montecarlo.stop import LEVEL

SUMS = ("bit_errors", "squared_bit_errors", "frame_errors", "error_energy", "reference_energy")


@dataclass
class PathSums:
    """Sums over the frames of one path."""

    bit_errors: int = 0
    squared_bit_errors: int = 0
    frame_errors: int = 0
    undetected: int | None = None
    error_energy: float = 0.0
    reference_energy: float = 0.0

    def add(self, counts: Mapping[str, Any]) -> None:
        """Add those of a chunk."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + counts[name])
        if counts["undetected"] is not None:
            self.undetected = (self.undetected or 0) + counts["undetected"]


@dataclass
class BerTally:
    """Errors of a point, path by path; the first path is the one that stop rules look at.

    Attributes:
        frame_bits: information bits of a frame.
        independent: whether the bits of a frame go wrong independently of each other.
        paths: their names.
        frames: transmitted so far.
        last_frames: those of the last chunk.
        sums: by path.
        backends: that computed LLRs.
    """

    frame_bits: int
    independent: bool
    paths: tuple[str, ...]
    frames: int = 0
    last_frames: int = 0
    sums: dict[str, PathSums] = field(default_factory=dict)
    backends: set[str] = field(default_factory=set)
    may_stop: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self.sums = {path: PathSums() for path in self.paths}

    def add(self, counts: Mapping[str, Any]) -> None:
        """Count one more chunk."""
        self.last_frames = counts["frames"]
        self.frames += counts["frames"]
        if "backend" in counts:
            self.backends.add(counts["backend"])
        for path in self.paths:
            self.sums[path].add(counts[path])

    @property
    def bits(self) -> int:
        """Information bits transmitted on each path."""
        return self.frames * self.frame_bits

    @property
    def errors(self) -> int:
        """Wrong bits where those of a frame are independent, else frames with wrong bits."""
        first = self.sums[self.paths[0]]
        return first.bit_errors if self.independent else first.frame_errors

    @property
    def effective_errors(self) -> float:
        """Independent bit errors that would tell as much about the rate."""
        first = self.sums[self.paths[0]]
        if self.independent:
            return float(first.bit_errors)
        sums = (first.bit_errors, first.squared_bit_errors)
        return effective_trials(self.frames, self.frame_bits, *sums) * self.rate

    @property
    def rate(self) -> float:
        """Bit error rate of the first path."""
        return self.sums[self.paths[0]].bit_errors / self.bits if self.bits else 0.0

    def bounds(self) -> tuple[float, float]:
        """Interval of the bit error rate of the first path."""
        return self.interval(self.paths[0], LEVEL, "clopper-pearson") if self.frames else (0.0, 1.0)

    def interval(self, path: str, level: float, method: Method) -> tuple[float, float]:
        """Of the bit error rate of a path."""
        sums = self.sums[path]
        if self.independent:
            return proportion(sums.bit_errors, self.bits, level, method)
        errors = (sums.bit_errors, sums.squared_bit_errors, sums.frame_errors)
        return frame_proportion(self.frames, self.frame_bits, *errors, level, method)

    def unbiased(self, path: str, target: int | None) -> float:
        """Bit error rate without the bias of stopping at a number of errors of this path.

        Where frames are what is counted, the rate of wrong frames times the mean number of wrong bits in one.

        Args:
            path: its name.
            target: number of errors that stops, of bits or frames as `errors` has it; None without.
        """
        sums = self.sums[path]
        if self.independent:
            return unbiased_rate(sums.bit_errors, self.last_frames * self.frame_bits, self.bits, target)
        if not sums.frame_errors:
            return 0.0
        frame_rate = unbiased_rate(sums.frame_errors, self.last_frames, self.frames, target)
        return frame_rate * sums.bit_errors / (sums.frame_errors * self.frame_bits)
