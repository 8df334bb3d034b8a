"""Which file format is the smallest from whose images the class can still be told."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor

from linksim_benchmarks.baselines.image_files import Container, FileFormat, candidates, container
from linksim_benchmarks.baselines.projection import Projection, fit_classifier, fit_projection
from linksim_training.data import ImageData

COMPONENTS = 40
"""Principal components of decoded images that the classifier looks at."""

SAMPLE = 200
"""Training images by which formats are put in the order of their sizes."""

TOLERANCE = 0.05
"""Largest loss in validation accuracy, against original images, at which a setting is taken."""


@dataclass(frozen=True)
class Classified:
    """A support vector machine on the first principal components of [n, c, h, w] uint8 images."""

    projection: Projection
    machine: SVC

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """[n] classes."""
        return self.machine.predict(self.projection(_flat(images)))


def choose_format(
    data: ImageData, images: np.ndarray, labels: np.ndarray, seed: int
) -> tuple[FileFormat, Container, Classified]:
    """Try formats and settings from the one with the shortest frames on, until the class can be told.

    It can if the accuracy on validation images falls by no more than `TOLERANCE` against originals, each
    with a classifier of its own; the best is taken if it never does.

    Args:
        data: gives the validation part.
        images: [n, c, h, w] uint8 of the training part.
        labels: [n].
        seed: of randomised parts of the fit.

    Returns:
        format, container of its files of the training part, and classifier of its decoded images.

    Raises:
        ValueError: if no format holds such images.
    """
    sample = images[np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int)]
    lengths = {}
    for one in candidates():
        try:
            lengths[one] = container([one.encode(image) for image in sample]).longest
        except (OSError, ValueError):  # such as transparency in a JPEG
            continue
    validation, truth = pixels(data.x_validation), data.y_validation.numpy()

    def accuracy(classifier: Classified, seen: np.ndarray) -> float:
        return float(np.mean(classifier(seen) == truth))

    aim = accuracy(_fit(images, labels, seed), validation) - TOLERANCE
    best: tuple[float, FileFormat, Container, Classified] | None = None
    for one in sorted(lengths, key=lambda each: lengths[each]):
        files = [one.encode(image) for image in images]
        classifier = _fit(np.stack([decoded(one, file, data) for file in files]), labels, seed)
        seen = np.stack([decoded(one, one.encode(image), data) for image in validation])
        reached = accuracy(classifier, seen)
        if best is None or reached > best[0]:
            best = reached, one, container(files), classifier
        if reached >= aim:
            break
    if best is None:
        raise ValueError(f"no image format of Pillow holds images of shape {data.image_shape}")
    return best[1:]


def decoded(file_format: FileFormat, file: bytes, data: ImageData) -> np.ndarray:
    """[c, h, w] uint8 image of a whole file."""
    image = file_format.decode(file, data.image_shape)
    assert image is not None
    return image


def _fit(images: np.ndarray, labels: np.ndarray, seed: int) -> Classified:
    projection = fit_projection(_flat(images), COMPONENTS, seed)
    return Classified(projection, fit_classifier(projection(_flat(images)), labels))


def _flat(images: np.ndarray) -> np.ndarray:
    """[n, d] float32 in [0, 1] of [n, c, h, w] uint8."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def pixels(images: Tensor) -> np.ndarray:
    """[n, c, h, w] uint8 of images in [0, 1]."""
    return (images * 255).round().clamp(0, 255).to(torch.uint8).numpy()
