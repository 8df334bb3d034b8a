"""Reading the files of a bundle: inside its folder, of the size and SHA-256 that the manifest gives."""

import hashlib
from pathlib import Path

import numpy as np

from linksim import checks
from linksim.deploy.arrays import read_npy
from linksim.deploy.manifest import Manifest, check_inside

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
    check_inside(folder, path)
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
    wanted = f"{dtype} [{', '.join('any' if size is None else str(size) for size in shape)}]"
    entry = manifest.files.get(name)
    if entry is not None and not (
        entry.dtype == dtype and entry.shape is not None and _fits(entry.shape, shape)
    ):
        raise ValueError(
            f"files[{name!r}] must be {wanted} by the link, got {checks.one_line(str(entry.dtype), 20)} "
            f"{'without shape' if entry.shape is None else list(entry.shape)}"
        )
    array = read_npy(read_bytes(folder, name, manifest), str(folder / name))
    if array.dtype.str != dtype or array.shape != manifest.files[name].shape:
        raise ValueError(
            f"{folder / name} holds {array.dtype.str} {list(array.shape)}, and the manifest says "
            f"{dtype} {list(manifest.files[name].shape or ())}"
        )
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        size in (None, own) for size, own in zip(wanted, shape, strict=True)
    )
