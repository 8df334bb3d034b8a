"""Reading the files of a bundle: inside its folder, of the size and SHA-256 that the manifest gives."""

import hashlib
from pathlib import Path

import numpy as np

from linksim.deploy.arrays import read_npy
from linksim.deploy.manifest import Manifest

MAX_FILE_BYTES = 2**28


def read_bytes(folder: Path, name: str, manifest: Manifest) -> bytes:
    """Read a file of a bundle.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if the manifest does not list it, or it is another file than the manifest says.
    """
    if name not in manifest.files:
        raise ValueError(f"files: the manifest of {folder} does not list {name}, which this bundle needs")
    entry, path = manifest.files[name], folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{path} leads out of the bundle: put the file itself there")
    if not path.is_file():
        raise FileNotFoundError(f"the bundle {folder} lacks {name}")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ValueError(f"{path} is larger than {MAX_FILE_BYTES} bytes, the limit for a file of a bundle")
    if size != entry.bytes:
        raise ValueError(
            f"{path} has {size} bytes, but the manifest says {entry.bytes}: copy the bundle again"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ValueError(f"{path} is not what was exported: its SHA-256 differs; copy the bundle again")
    return content


def read_table(
    folder: Path, name: str, manifest: Manifest, dtype: str, shape: tuple[int | None, ...]
) -> np.ndarray:
    """Read a table in NumPy's .npy format, and nothing that would have to be unpickled.

    Args:
        folder: of the bundle.
        name: such as "tables/codebook.npy".
        manifest: of the bundle.
        dtype: that it must have, such as "<f4".
        shape: that it must have; None stands for any size.

    Returns:
        a read-only array.

    Raises:
        FileNotFoundError, ValueError: as `read_bytes`, and if dtype or shape are others.
    """
    array = read_npy(read_bytes(folder, name, manifest), str(folder / name))
    entry = manifest.files[name]
    wanted = f"{dtype} [{', '.join('any' if size is None else str(size) for size in shape)}]"
    fits = len(array.shape) == len(shape) and all(
        size in (None, own) for size, own in zip(shape, array.shape, strict=True)
    )
    if array.dtype.str != dtype or not fits:
        raise ValueError(
            f"{folder / name} holds {array.dtype.str} {list(array.shape)}, but the link needs {wanted}"
        )
    if (entry.dtype, entry.shape) != (dtype, array.shape):
        raise ValueError(f"{folder / name} has another dtype or shape than the manifest says")
    return array
