"""Images as people have them to images as the encoder takes them."""

from typing import Any

import numpy as np


def frames_of(images: Any, shape: tuple[int, int, int], white: int) -> tuple[np.ndarray, bool]:
    """Images with their channels first and values from 0 to 1.

    Args:
        images: one image or many: [c, h, w], [h, w, c] or, of one channel, [h, w], or a batch of these, as
            the first of which the shape fits ([1, h, w] is an image of one channel, not a batch of one);
            whole numbers from 0 to `white`, or real numbers from 0 to 1.
        shape: (c, h, w).
        white: value of the brightest pixel of whole numbers.

    Returns:
        [F, c, h, w] float32, and whether it was a single image.

    Raises:
        TypeError: if it holds no numbers.
        ValueError: if it has another shape, or values out of range.
    """
    array = np.asarray(images)
    if array.dtype.kind not in "uif":
        raise TypeError(f"images must hold whole or real numbers, got {array.dtype}")
    channels, height, width = shape
    layouts = {(height, width, channels): (2, 0, 1), (channels, height, width): (0, 1, 2)}
    single = True
    if channels == 1 and array.shape == (height, width):
        array = array[None, None]
    elif array.shape in layouts:
        array = array.transpose(layouts[array.shape])[None]
    else:
        single = False
        if channels == 1 and array.ndim == 3 and array.shape[1:] == (height, width):
            array = array[:, None]
        elif array.ndim == 4 and array.shape[1:] in layouts:
            array = array.transpose(0, *(1 + axis for axis in layouts[array.shape[1:]]))
        else:
            raise ValueError(
                f"images must have shape [{channels}, {height}, {width}] or [{height}, {width}, {channels}], "
                f"with or without a batch in front, got {list(array.shape)}"
            )
    return _scaled(array, white), single


def _scaled(array: np.ndarray, white: int) -> np.ndarray:
    whole, most = array.dtype.kind in "ui", white if array.dtype.kind in "ui" else 1
    if array.size and not (array.min() >= 0 and array.max() <= most):
        kind = f"whole numbers from 0 to {white}" if whole else "real numbers from 0 to 1"
        raise ValueError(f"images of {array.dtype} must hold {kind}, got {array.min()} to {array.max()}")
    if whole:
        return np.divide(array, white, dtype=np.float32, order="C")
    return np.ascontiguousarray(array, dtype=np.float32)
