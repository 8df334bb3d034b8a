"""Principal components of images, and a classifier that is small and quick on few of them."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.svm import SVC

PENALTY = 10.0
"""C of the support vector machine: how much a training image on the wrong side costs."""

MOST_EXACT = 1000
"""Pixels per image up to which the covariance is decomposed exactly; beyond, by a randomised method."""


@dataclass(frozen=True)
class Projection:
    """Principal component analysis.

    Attributes:
        mean: [d] float32 mean image.
        axes: [c, d] float32 orthonormal directions, that of largest variance first.
    """

    mean: np.ndarray
    axes: np.ndarray

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """[n, c] float64 coefficients of [n, d] images."""
        return (images.astype(np.float64) - self.mean) @ self.axes.T.astype(np.float64)


def fit_projection(images: np.ndarray, components: int, seed: int) -> Projection:
    """Principal components of [n, d] images, as many as asked for or as there are."""
    components = min(components, *images.shape)
    solver = "covariance_eigh" if images.shape[1] <= MOST_EXACT else "randomized"
    pca = PCA(components, svd_solver=solver, random_state=seed % 2**32).fit(images)
    return Projection(np.asarray(pca.mean_, np.float32), np.asarray(pca.components_, np.float32))


def fit_classifier(features: np.ndarray, labels: np.ndarray) -> SVC:
    """A support vector machine with a Gaussian kernel.

    Args:
        features: [n, c].
        labels: [n] of at least two classes.
    """
    return SVC(C=PENALTY, random_state=0).fit(features, labels)


def learnt(classifier: SVC) -> tuple[np.ndarray, ...]:
    """The arrays that a classifier has learnt."""
    names = ("support_vectors_", "dual_coef_", "intercept_", "classes_")
    return tuple(np.asarray(getattr(classifier, name)) for name in names)
