"""Points of an accuracy sweep: test images sent at an SNR, and how often each is classified right."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from linksim.auditing.bootstrap import mean_difference
from linksim.metrics.frames import Method, effective_trials, frame_proportion
from linksim.metrics.intervals import newcombe_paired
from linksim_benchmarks.montecarlo.stop import LEVEL

BLOCK = 1000
"""Images of a chunk."""

Figure = tuple[float, float, float]
"""Value, lower and upper end of its interval."""


@dataclass(frozen=True)
class PathSetting:
    """What is evaluated on a transmission.

    Attributes:
        name: of the counts, different for each.
        path: "hard", "map" or "soft", or the name of a baseline.
        vq_temp, symbol_temp: of the soft path.
        label: what legends call a baseline.
    """

    name: str
    path: str
    vq_temp: float | None = None
    symbol_temp: float | None = None
    label: str | None = None


@dataclass(frozen=True)
class ImagePoint:
    """All test images sent at one SNR, once or several times. This one knows all but how to count.

    A chunk is a block of images sent once; the chunks go through all images before they begin anew.

    Attributes:
        subject: what is tested, such as "model" or "separate".
        identity: what tells it from others of that name, as plain JSON.
        snr_db, ebno_db: Es/N0 and Eb/N0 in dB.
        images: number of them.
        bits_per_frame: information bits of an image.
        symbols: channel symbols of an image.
        settings: what is evaluated; stop rules look at the first.
    """

    subject: str
    identity: Mapping[str, Any]
    snr_db: float
    ebno_db: float
    images: int
    bits_per_frame: int
    symbols: int
    settings: tuple[PathSetting, ...]

    @property
    def label(self) -> str:
        """Such as "model 8 dB", the SNR being Es/N0."""
        return f"{self.subject} {self.snr_db:g} dB"

    def content(self) -> dict[str, Any]:
        """What identifies the point; what is evaluated on the transmissions is left out."""
        names = ("subject", "identity", "snr_db", "ebno_db", "images", "bits_per_frame", "symbols")
        return {name: getattr(self, name) for name in names}

    def curve(self) -> dict[str, Any]:
        """What the points of a curve have in common."""
        return {name: one for name, one in self.content().items() if name not in ("snr_db", "ebno_db")}

    def settings_content(self) -> list[dict[str, Any]]:
        """The settings as plain JSON."""
        return [asdict(setting) for setting in self.settings]

    def size(self, chunk: int, max_bits: int) -> int:
        """Images of a chunk; a limit in bits is rounded up to whole passes through the images."""
        blocks = -(-self.images // BLOCK)
        passes = -(-max_bits // (self.images * self.bits_per_frame))
        return 0 if chunk >= passes * blocks else min(BLOCK, self.images - self.first(chunk))

    def first(self, chunk: int) -> int:
        """Number of the first image of a chunk."""
        return chunk % -(-self.images // BLOCK) * BLOCK

    def expected_rate(self) -> float | None:
        """Unknown before images are sent."""
        return None

    def tally(self) -> "ImageTally":
        """Nothing counted yet."""
        return ImageTally(self.images, tuple(setting.name for setting in self.settings))

    def count(self, chunk: int, frames: int, generator: torch.Generator) -> dict[str, Any]:
        """Send a block of images and see which are classified right.

        Args:
            chunk: its number.
            frames: number of images.
            generator: of the channel.

        Returns:
            frames, and under the name of each setting a string of hexadecimal digits, a bit per image.
        """
        raise NotImplementedError(f"results of {self.subject} that were stored can be read, not counted")


@dataclass
class ImageTally:
    """How often each image was classified right, by name of the setting.

    Attributes:
        images: number of them.
        names: of the settings.
        frames: images sent.
        correct: name → [images] counts, of whole passes through the images.
    """

    images: int
    names: tuple[str, ...]
    frames: int = 0
    correct: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    _begun: dict[str, list[NDArray[np.uint8]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.correct = {name: np.zeros(self.images, dtype=np.int64) for name in self.names}
        self._begun = {name: [] for name in self.names}

    def add(self, counts: Mapping[str, Any]) -> None:
        """Count one more chunk."""
        self.frames += counts["frames"]
        for name in self.names:
            self._begun[name].append(unpacked(counts[name], counts["frames"]))
            if self.may_stop:
                self.correct[name] += np.concatenate(self._begun[name])
                self._begun[name] = []

    @property
    def may_stop(self) -> bool:
        """Only after whole passes, so that all images count alike."""
        return self.frames % self.images == 0

    @property
    def draws(self) -> int:
        """Whole passes through the images."""
        return self.frames // self.images

    @property
    def wrong(self) -> NDArray[np.int64]:
        """[images], how often each was classified wrongly by the first setting."""
        return self.draws - self.correct[self.names[0]]

    @property
    def errors(self) -> int:
        """Images that were ever classified wrongly: transmissions of one image are not independent."""
        return int((self.wrong > 0).sum())

    @property
    def effective_errors(self) -> float:
        """Independent wrong classifications that would tell as much about the rate."""
        if not self.draws:
            return 0.0
        wrong = self.wrong
        sums = int(wrong.sum()), int((wrong**2).sum())
        return effective_trials(self.images, self.draws, *sums) * self.rate

    @property
    def rate(self) -> float:
        """Share of wrong classifications by the first setting."""
        return float(self.wrong.sum()) / (self.images * self.draws) if self.draws else 0.0

    def bounds(self) -> tuple[float, float]:
        """Interval of that share."""
        if not self.draws:
            return 0.0, 1.0
        low, high = self.interval(self.names[0], "clopper-pearson")
        return 1 - high, 1 - low

    def interval(self, name: str, method: Method) -> tuple[float, float]:
        """Of the accuracy of a setting; images are taken as independent, not their transmissions."""
        correct = self.correct[name]
        sums = int(correct.sum()), int((correct**2).sum()), int((correct > 0).sum())
        always = int((correct == self.draws).sum())
        return frame_proportion(self.images, self.draws, *sums, LEVEL, method, full_frames=always)

    def gap(self, name: str, other: str) -> Figure:
        """Accuracy of one setting minus that of another on the same draws, with an interval.

        Newcombe's paired interval for one draw; for several, that of `mean_difference` over images.
        """
        one, two = self.correct[name], self.correct[other]
        if self.draws == 1:
            cells = one * two, one * (1 - two), (1 - one) * two, (1 - one) * (1 - two)
            both, first, second, neither = (int(cell.sum()) for cell in cells)
            return newcombe_paired(both, first, second, neither, LEVEL)
        return mean_difference((one - two) / self.draws, LEVEL)


def packed(correct: Sequence[bool] | NDArray[np.bool_]) -> str:
    """Booleans as hexadecimal digits, four to a digit."""
    return np.packbits(np.asarray(correct, dtype=bool)).tobytes().hex()


def unpacked(text: str, size: int) -> NDArray[np.uint8]:
    """[size] zeros and ones from what `packed` made.

    Raises:
        ValueError: if it is of another size.
    """
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8))
    if not size <= len(bits) < size + 8:
        raise ValueError(f"{len(bits)} bits for {size} images")
    return bits[:size]
