"""The start of a codebook from latents that someone gives."""

import numpy as np
from numpy.typing import NDArray

from linksim.centres import centres


def first_codebook(latents: NDArray[np.floating], clusters: int, seed: int) -> NDArray[np.float64]:
    """K-means centres of latents; the same for the same seed.

    Args:
        latents: [n, D].
        clusters: K.
        seed: of the first centres.

    Returns:
        [K, D].

    Raises:
        ValueError: if a latent is not finite, or fewer than K of them differ.
    """
    points = np.asarray(latents, dtype=np.float64)
    if not np.isfinite(points).all():
        raise ValueError("latents must be finite, got NaN or infinity from the encoder")
    different = len(np.unique(points, axis=0))
    if different < clusters:
        raise ValueError(
            f"latents must hold at least as many different vectors as codewords, {clusters}, got "
            f"{different}: give more images"
        )
    return centres(points, clusters, seed)
