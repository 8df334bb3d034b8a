"""What a baseline that sends images by itself looks like, and what such baselines share."""

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from linksim import checks
from linksim_training.data import ImageData

MOST_TRAINING_IMAGES = 20_000
"""Of a larger training part so many are used, evenly over the classes, to bound the time of a fit."""


class Baseline(Protocol):
    """A scheme that sends test images over a channel and classifies what arrives.

    Objects are small and can be pickled, so that processes can share the work.
    """

    @property
    def name(self) -> str:
        """Short name, such as "separate"."""
        ...

    @property
    def label(self) -> str:
        """For legends, with the channel symbols per image."""
        ...

    @property
    def symbols(self) -> int:
        """Channel symbols per image."""
        ...

    @property
    def bits(self) -> int:
        """Information bits per image."""
        ...

    def identity(self) -> dict[str, Any]:
        """Plain values that say fully what the baseline is and sends, for a configuration hash.

        "fitted" is a SHA-256 of all that was learnt, "sent" one of what belongs to the test part; the rest
        are settings.
        """
        ...

    def correct(self, first: int, last: int, snr_db: float, generator: torch.Generator) -> np.ndarray:
        """Send test images `first` to `last`, the last excluded, once each.

        Args:
            first, last: numbers of test images.
            snr_db: Es/N0 in dB.
            generator: what the channel is drawn from.

        Returns:
            [last − first] booleans, whether each was classified correctly.

        Raises:
            TypeError, ValueError: if there are no such images, or no such SNR.
        """
        ...


def design_snr_db(metadata: Mapping[str, Any]) -> float:
    """Es/N0 in dB that a checkpoint was trained for; the middle of the range if it was a range.

    Args:
        metadata: of the checkpoint.
    """
    given = metadata["options"]["training"].get("snr_db_range")
    if given is None:
        return float(metadata["snr_db"])
    low, high = given
    return (low + high) / 2


def training_part(data: ImageData, seed: int) -> tuple[Tensor, np.ndarray]:
    """Images [n, c, h, w] and labels [n] to fit a baseline on, at most `MOST_TRAINING_IMAGES`."""
    from sklearn.model_selection import train_test_split

    images, labels = data.x_train, data.y_train.numpy()
    if len(labels) <= MOST_TRAINING_IMAGES:
        return images, labels
    chosen, _ = train_test_split(
        np.arange(len(labels)), train_size=MOST_TRAINING_IMAGES, stratify=labels, random_state=seed % 2**32
    )
    chosen = np.sort(chosen)
    return images[torch.from_numpy(chosen)], labels[chosen]


def check_range(first: int, last: int, images: int) -> None:
    """Refuse numbers that are not those of test images.

    Raises:
        TypeError: if they are not whole numbers.
        ValueError: unless 0 ≤ first ≤ last ≤ images.
    """
    checks.whole("first", first, 0, images)
    checks.whole("last", last, first, images)


def fingerprint(*parts: np.ndarray | bytes) -> str:
    """SHA-256 of arrays, with their types and shapes, and of bytes."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, bytes):
            digest.update(f"bytes {len(part)};".encode() + part)
        else:
            digest.update(f"{part.dtype.str} {part.shape};".encode() + np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
