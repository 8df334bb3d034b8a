"""The start of a codebook: k-means centres."""

import numpy as np
from numpy.typing import NDArray


def centres(latents: NDArray[np.floating], clusters: int, seed: int) -> NDArray[np.float64]:
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
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    points = np.asarray(latents, dtype=np.float64)
    if not np.isfinite(points).all():
        raise ValueError("latents must be finite, got NaN or infinity from the encoder")
    different = len(np.unique(points, axis=0))
    if different < clusters:
        raise ValueError(
            f"latents must hold at least as many different vectors as codewords, {clusters}, got "
            f"{different}: give more images"
        )
    # One thread, because the order in which threads add up their shares changes the last bits.
    with threadpool_limits(limits=1):
        kmeans = KMeans(clusters, n_init=1, random_state=seed % 2**32)  # pyright: ignore[reportArgumentType]
        kmeans.fit(points)
    return kmeans.cluster_centers_
