"""Points of an accuracy sweep at which a baseline is tested, not the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from linksim_benchmarks.baselines.base import Baseline
from linksim_benchmarks.image_point import ImagePoint, PathSetting, packed


@dataclass(frozen=True)
class BaselinePoint(ImagePoint):
    """The test images sent by a baseline at one SNR."""

    baseline: Baseline | None = None

    def count(self, chunk: int, frames: int, generator: torch.Generator) -> dict[str, Any]:
        """Send a block of images and see which are classified right.

        Args:
            chunk: its number.
            frames: number of images.
            generator: of the channel.

        Returns:
            frames, and under the name of the baseline a string of hexadecimal digits, a bit per image.
        """
        assert self.baseline is not None
        first = self.first(chunk)
        correct = self.baseline.correct(first, first + frames, self.snr_db, generator)
        return {"frames": frames, self.subject: packed(correct)}


def baseline_points(
    baseline: Baseline, images: int, data: str, snr_db: Sequence[float]
) -> list[BaselinePoint]:
    """Points of a baseline, one for each SNR.

    Args:
        baseline: fitted.
        images: number of test images.
        data: digest of the test part.
        snr_db: Es/N0 in dB.
    """
    setting = PathSetting(baseline.name, baseline.name, label=baseline.label)
    return [
        BaselinePoint(
            baseline.name,
            {**baseline.identity(), "data": data},
            float(snr),
            float(snr) - 10 * math.log10(baseline.bits / baseline.symbols),
            images,
            baseline.bits,
            baseline.symbols,
            (setting,),
            baseline,
        )
        for snr in dict.fromkeys(snr_db)
    ]
