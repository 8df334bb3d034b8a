"""Files of images and recordings of symbols."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from linksim import checks, files
from linksim.deploy.arrays import read_npy, read_npz
from linksim.deploy.manifest import MOST_PIXELS

MAX_BYTES = 2**28
RAW = (".cf32", ".cfile", ".fc32", ".iq")
"""Endings of recordings as software radios make them: complex64, little-endian, nothing else."""

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


class Recording(NamedTuple):
    """Received symbols [F, S] complex, and noise variance and gain if the file holds them."""

    received: np.ndarray
    noise_variance: np.ndarray | None
    gain: np.ndarray | None


def read_images(path: Path, channels: int) -> np.ndarray:
    """Images from .npy, from .npz (array `images` or `x_test`, or the only one), or a picture file.

    Args:
        path: of the file.
        channels: that a picture is converted to.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read.
    """
    ending = path.suffix.lower()
    if ending in PICTURES:
        return _picture(path, channels)
    if ending == ".npy":
        return read_npy(_content(path), str(path))
    if ending == ".npz":
        return _one(read_npz(_content(path), str(path), MAX_BYTES), ("images", "x_test"), path)
    raise ValueError(f"images come as .npy, .npz or {', '.join(PICTURES)}, got {path}")


def read_symbols(path: Path, symbols: int) -> Recording:
    """Received symbols, frame after frame.

    Args:
        path: .npy of complex numbers; .npz with `received` (or `symbols`), and perhaps `noise_variance` and
            `gain`; or raw complex64 (.cf32, .cfile, .fc32, .iq).
        symbols: S, per frame.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read, or does not hold whole frames.
    """
    ending, variance, gain = path.suffix.lower(), None, None
    if ending in RAW:
        content = _content(path)
        if len(content) % 8:
            raise ValueError(f"{path} has {len(content)} bytes, which are no whole complex64 numbers")
        received = np.frombuffer(content, "<c8")
    elif ending == ".npy":
        received = read_npy(_content(path), str(path))
    elif ending == ".npz":
        arrays = read_npz(_content(path), str(path), MAX_BYTES)
        received = _one(arrays, ("received", "symbols"), path)
        variance, gain = arrays.get("noise_variance"), arrays.get("gain")
    else:
        raise ValueError(f"recordings come as .npy, .npz or {', '.join(RAW)}, got {path}")
    if received.dtype.kind != "c":
        raise ValueError(f"{path} must hold complex numbers, got {received.dtype}")
    if received.ndim > 2 or received.size % symbols or (received.ndim == 2 and received.shape[1] != symbols):
        raise ValueError(
            f"{path} must hold frames of {symbols} symbols each, got an array of shape {list(received.shape)}"
        )
    return Recording(received.reshape(-1, symbols), variance, gain)


def write_sent(path: Path, bits: np.ndarray, symbols: np.ndarray) -> None:
    """Write what is sent, [F, S·m] bits and [F, S] symbols: .npz holds both, .npy or raw the symbols.

    Raises:
        ValueError: if the ending is none of these.
    """
    ending = path.suffix.lower()
    check_target(path)
    with files.whole(path) as aside:
        if ending in RAW:
            aside.write_bytes(symbols.astype("<c8").tobytes())
            return
        with aside.open("wb") as stream:
            if ending == ".npz":
                np.savez(stream, bits=bits, symbols=symbols)
            else:
                np.save(stream, symbols)


def check_target(path: Path) -> None:
    """Refuse early what `write_sent` would refuse.

    Raises:
        ValueError: if the ending is none that it writes.
    """
    if path.suffix.lower() not in (".npz", ".npy", *RAW):
        raise ValueError(f"what is sent goes to .npz, .npy or {', '.join(RAW)}, got {path}")


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes, the limit for a file")
    return path.read_bytes()


def _one(arrays: dict[str, np.ndarray], names: tuple[str, ...], path: Path) -> np.ndarray:
    for name in names:
        if name in arrays:
            return arrays[name]
    if len(arrays) != 1:
        raise ValueError(f"{path} must hold an array {' or '.join(names)}, got {', '.join(arrays) or 'none'}")
    return next(iter(arrays.values()))


def _picture(path: Path, channels: int) -> np.ndarray:
    """[h, w] or [h, w, channels] float32 from 0 to 1."""
    content = _content(path)
    try:
        import io

        from PIL import Image
    except ModuleNotFoundError:
        raise ValueError(f"reading {path.name} needs Pillow: pip install pillow, or give .npy") from None
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ValueError(f"it has {picture.width}x{picture.height} pixels")
            if picture.mode.startswith(("I", "F")):
                raise ValueError(f"its pixels are of mode {picture.mode}, and 8 bits are read: give .npy")
            mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(channels)
            if mode is None:
                raise ValueError(f"pictures have 1, 3 or 4 channels, and the model takes {channels}")
            return np.asarray(picture.convert(mode)).astype(np.float32) / 255
    except Exception as error:  # what a damaged picture makes the reader raise has no common class
        raise ValueError(f"{path} is not a readable picture: {checks.one_line(error, 100)}") from error
