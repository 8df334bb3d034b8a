"""Images as files of common formats, by Pillow."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, features

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's names of images with 1, 3 and 4 channels."""


@dataclass(frozen=True)
class FileFormat:
    """A file format at a setting.

    Attributes:
        title: for people.
        name: Pillow's name of the format.
        options: names and values of what Pillow's writer is told.
    """

    title: str
    name: str
    options: tuple[tuple[str, Any], ...]

    def encode(self, image: np.ndarray) -> bytes:
        """A file of an image, [c, h, w] uint8.

        Raises:
            OSError, ValueError: if the format has no such images.
        """
        channels = image.shape[0]
        pixels = image[0] if channels == 1 else image.transpose(1, 2, 0)
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels), MODES[channels]).save(
            buffer, self.name, **dict(self.options)
        )
        return buffer.getvalue()

    def decode(self, file: bytes, shape: Sequence[int]) -> np.ndarray | None:
        """The image of a file, [c, h, w] uint8; None if it is none of that shape."""
        channels, height, width = shape
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with Image.open(io.BytesIO(file), formats=[self.name]) as image:
                    # Looked at before the pixels are unpacked: a wrong bit can make a header claim any size.
                    if image.size != (width, height):
                        return None
                    pixels = np.asarray(image.convert(MODES[channels]))
            except Exception:  # what a damaged file makes Pillow's readers raise has no common class
                return None
        return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def candidates() -> list[FileFormat]:
    """Formats that this Pillow writes, each at its lowest quality and some above."""
    found = [
        FileFormat(f"JPEG, quality {q}", "JPEG", (("quality", q),)) for q in (1, 5, 10, 20, 40)
    ]  # 0 is Pillow's default quality
    if features.check("webp"):
        found += [
            FileFormat(f"WebP, quality {q}", "WEBP", (("quality", q), ("method", 6))) for q in (0, 20, 40)
        ]
    if features.check("avif"):
        found += [
            FileFormat(f"AVIF, quality {q}", "AVIF", (("quality", q), ("max_threads", 1))) for q in (0, 20)
        ]
    if features.check("jpg_2000"):
        for decibel in (10, 15, 20, 25):
            options = (
                ("irreversible", True),
                ("no_jp2", True),  # the bare code stream
                ("quality_mode", "dB"),
                ("quality_layers", (decibel,)),
            )
            found.append(FileFormat(f"JPEG 2000, PSNR {decibel} dB", "JPEG2000", options))
    return found


@dataclass(frozen=True)
class Container:
    """What all files begin and end with, and how long they may be in between.

    Attributes:
        prefix, suffix: known to the receiver, hence not sent.
        longest: most bytes in between.
    """

    prefix: bytes
    suffix: bytes
    longest: int

    @property
    def bits(self) -> int:
        """Bits of a payload: the bytes, and at least one that marks their end."""
        return 8 * self.longest + 1

    def payload(self, file: bytes) -> np.ndarray | None:
        """[bits] uint8 bits that stand for a file; None if it does not begin and end so, or is too long.

        Behind the bytes comes a one, then zeros (padding method 2 of ISO/IEC 9797-1).
        """
        middle = len(file) - len(self.prefix) - len(self.suffix)
        whole = file.startswith(self.prefix) and file.endswith(self.suffix)
        if not whole or not 0 <= middle <= self.longest:
            return None
        content = np.frombuffer(file, dtype=np.uint8)[len(self.prefix) : len(self.prefix) + middle]
        bits = np.zeros(self.bits, dtype=np.uint8)
        bits[: 8 * middle] = np.unpackbits(content)
        bits[8 * middle] = 1
        return bits

    def file(self, bits: np.ndarray) -> bytes | None:
        """The file of received bits, which may be more than `self.bits`; None if no whole bytes end there."""
        ones = np.flatnonzero(bits)
        if len(ones) == 0 or ones[-1] % 8:
            return None
        return self.prefix + np.packbits(bits[: ones[-1]]).tobytes() + self.suffix


def container(files: Sequence[bytes]) -> Container:
    """What files have in common at their beginning and end, and the longest of what is between."""
    shortest = min(map(len, files))
    prefix = _common(files)[:shortest]
    suffix = _common([file[::-1] for file in files])[: shortest - len(prefix)][::-1]
    return Container(prefix, suffix, max(map(len, files)) - len(prefix) - len(suffix))


def _common(files: Sequence[bytes]) -> bytes:
    first, last = min(files), max(files)  # between which all others lie
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]
