"""A data set of real digits that is small enough to train on in a fraction of a second."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

WORDS = ["--epochs", "2", "--batch-size", "32", "--draws", "2", "--tokens", "3", "--codebook-size", "6"]
WORDS += ["--embedding-dim", "4", "--snr-db", "4", "14", "--tuning-snr-db", "9", "--seeds", "0", "1"]


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    images, labels = load_digits(return_X_y=True)
    arrays = {"x": (16 * images.reshape(-1, 8, 8)).clip(0, 255).astype(np.uint8), "y": labels}
    place = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(
        place,
        **{f"{name}_train": one[:160] for name, one in arrays.items()},
        **{f"{name}_test": one[160:220] for name, one in arrays.items()},
    )
    return place


@pytest.fixture(scope="session")
def words(digits):
    """A small study, without --out."""
    return ["study", "--dataset", str(digits), *WORDS]
