"""Where a codebook starts: k-means centres, the same for the same seed."""

import numpy as np
from numpy.typing import NDArray


def centres(points: NDArray[np.float64], clusters: int, seed: int) -> NDArray[np.float64]:
    """K-means centres.

    Args:
        points: [n, D], finite, at least K of them different.
        clusters: K.
        seed: of the first centres.

    Returns:
        [K, D].
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # One thread, because the order in which threads add up their shares changes the last bits.
    with threadpool_limits(limits=1):
        kmeans = KMeans(clusters, n_init=1, random_state=seed % 2**32)  # pyright: ignore[reportArgumentType]
        kmeans.fit(points)
    return kmeans.cluster_centers_
