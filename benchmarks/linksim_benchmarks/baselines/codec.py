"""An image codec at its own smallest size, protected by CRC and LDPC code, with its symbols counted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from linksim import LinkConfig, checks
from linksim.config import Crc
from linksim.frame import CRC_BITS
from linksim.seeds import stream
from linksim_benchmarks.baselines.base import check_range, fingerprint, training_part
from linksim_benchmarks.baselines.bit_pipe import RATES, BitPipe, pipe_config
from linksim_benchmarks.baselines.format_choice import Classified, choose_format, decoded, pixels
from linksim_benchmarks.baselines.image_files import Container, FileFormat
from linksim_benchmarks.baselines.projection import learnt
from linksim_training.data import ImageData

FRAMES = 100
"""Validation images that are sent to choose the code rate."""

MOST_LOST = 0.01
"""Share of frames that the code may lose at the SNR it is chosen for."""

MOST_SMALL = 3824
"""Bits up to which 3GPP TS 38.212, section 7.2.1, has a CRC of 16 bits; beyond, of 24."""

MOST_BLOCK = 8448
"""Message bits that a block of the LDPC code holds at most."""


@dataclass(frozen=True)
class Codec:
    """Image files over an LDPC-coded link, decoded and classified.

    Every frame is as long as the longest file of the training part. An image whose file is longer, a frame
    that fails its CRC, and a file that cannot be decoded count as the most frequent class of the training
    part.

    Attributes:
        pipe: what blocks of bits are sent over.
        blocks: per image; more than one where a file is too long for a block of the code.
        file_format, container: of the files.
        snr_db: Es/N0 in dB that the code rate was chosen at.
        link_symbols: symbols per image of the semantic link.
        shape: channels, height, width of an image.
        classifier: of decoded images.
        default: class of what cannot be decoded.
        fitted: SHA-256 of all that was fitted.
        sent: [n, ⌈bits/8⌉] uint8 payloads of the test images, eight bits to a byte.
        fits: [n] whether a test image's file fits the frame.
        classes: [n] int64 class of each test image when its file arrives unharmed.
        labels: [n] int64.
    """

    pipe: BitPipe
    blocks: int
    file_format: FileFormat
    container: Container
    snr_db: float
    link_symbols: int
    shape: tuple[int, int, int]
    classifier: Classified
    default: int
    fitted: str
    sent: np.ndarray
    fits: np.ndarray
    classes: np.ndarray
    labels: np.ndarray

    @property
    def name(self) -> str:
        """Short name."""
        return "codec"

    @property
    def symbols(self) -> int:
        """Channel symbols per image."""
        return self.blocks * self.pipe.symbols

    @property
    def bits(self) -> int:
        """Information bits per image, before CRC and code."""
        return self.blocks * self.pipe.bits

    @property
    def label(self) -> str:
        """For legends."""
        return f"{self.file_format.title}: {self.symbols} symbols per image (link: {self.link_symbols})"

    def identity(self) -> dict[str, Any]:
        """Plain values that say fully what the baseline is and sends."""
        return {
            "baseline": self.name,
            "pipe": self.pipe.config.as_dict(),
            "blocks": self.blocks,
            "format": self.file_format.name,
            "options": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.file_format.options
            },
            "longest": self.container.longest,
            "snr_db": self.snr_db,
            "link_symbols": self.link_symbols,
            "default": self.default,
            "fitted": self.fitted,
            "sent": fingerprint(self.sent, self.fits, self.classes, self.labels),
        }

    def correct(self, first: int, last: int, snr_db: float, generator: torch.Generator) -> np.ndarray:
        """As `Baseline.correct`."""
        check_range(first, last, len(self.labels))
        if first == last:
            return np.zeros(0, dtype=bool)
        sent = np.unpackbits(self.sent[first:last], axis=1, count=self.bits)
        received, passed = _send(self.pipe, self.blocks, sent, snr_db, generator)
        classes = np.full(last - first, self.default)
        readable = passed & self.fits[first:last]
        unharmed = readable & (received == sent).all(1)
        classes[unharmed] = self.classes[first:last][unharmed]
        for number in np.flatnonzero(readable & ~unharmed):  # errors that the CRC did not find
            classes[number] = self.classify(received[number])
        return classes == self.labels[first:last]

    def classify(self, bits: np.ndarray) -> int:
        """The class of one frame of received bits that passed its CRC, [bits] zeros and ones."""
        file = self.container.file(bits)
        image = None if file is None else self.file_format.decode(file, self.shape)
        return self.default if image is None else int(self.classifier(image[None])[0])


def fit_codec(data: ImageData, config: LinkConfig, snr_db: float, seed: int = 0) -> Codec:
    """Choose format, setting and code rate, and train the classifier of decoded images.

    The format and its setting are the smallest from whose images the class can still be told, by
    `choose_format`; the very smallest files of some formats hold hardly an image. The rate of the code is
    the highest of `RATES` that loses at most `MOST_LOST` of the validation frames at `snr_db`, or the one
    that loses fewest. The test part has no say.

    Args:
        data: images and labels.
        config: of the semantic link, whose modulation, channel, demapper and hardware are used.
        snr_db: Es/N0 in dB to choose the code rate for.
        seed: of the noise in choosing, and of randomised parts of the fit.

    Raises:
        TypeError, ValueError: if `snr_db` or `seed` is out of range, the link has a constellation of its
            own, or no format can hold the images.
    """
    checks.real("snr_db", snr_db, least=-200, most=200)
    checks.whole("seed", seed, 0)
    pipe_config(config, 12)  # refuses what no pipe can be made of
    images, labels = training_part(data, seed)
    with threadpool_limits(limits=1):  # so that rounding does not depend on the number of threads
        file_format, found, classifier = choose_format(data, pixels(images), labels, seed)
        validation, test = pixels(data.x_validation), pixels(data.x_test)
        shown = np.linspace(0, len(validation) - 1, min(FRAMES, len(validation))).astype(int)
        pipe, blocks = _choose_pipe(config, validation[shown], file_format, found, snr_db, seed)
        default = int(np.bincount(labels).argmax())
        sent, fits = _frames(test, file_format, found, blocks * pipe.bits)
        classes = np.full(len(sent), default)
        if fits.any():
            files = [file_format.encode(image) for image in test[fits]]
            classes[fits] = classifier(np.stack([decoded(file_format, one, data) for one in files]))
    projection = classifier.projection
    return Codec(
        pipe=pipe,
        blocks=blocks,
        file_format=file_format,
        container=found,
        snr_db=float(snr_db),
        link_symbols=config.layout.symbols,
        shape=data.image_shape,
        classifier=classifier,
        default=default,
        fitted=fingerprint(
            found.prefix, found.suffix, projection.mean, projection.axes, *learnt(classifier.machine)
        ),
        sent=np.packbits(sent, axis=1),
        fits=fits,
        classes=classes,
        labels=data.y_test.numpy(),
    )


def _choose_pipe(
    config: LinkConfig,
    images: np.ndarray,
    file_format: FileFormat,
    found: Container,
    snr_db: float,
    seed: int,
) -> tuple[BitPipe, int]:
    """The pipe of the chosen rate, and the blocks per image; `images` are sent to choose it."""
    blocks = -(-found.bits // (MOST_BLOCK - CRC_BITS["CRC24A"]))
    bits = -(-found.bits // blocks)
    crc: Crc = "CRC16" if bits <= MOST_SMALL else "CRC24A"
    message = bits + CRC_BITS[crc]
    frames, _ = _frames(images, file_format, found, blocks * bits)
    best: tuple[float, BitPipe] | None = None
    for rate in sorted(RATES, reverse=True):
        try:
            pipe = BitPipe(pipe_config(config, bits, int(message / rate), crc))
        except ValueError:  # the standard has no low rates for large blocks
            continue
        generator = stream(seed, "codec", "validation", str(rate))
        received, passed = _send(pipe, blocks, frames, snr_db, generator)
        lost = 1 - float(np.mean(passed & (received == frames).all(1)))
        if best is None or lost <= best[0]:  # of equals the lowest rate
            best = lost, pipe
        if lost <= MOST_LOST:
            break
    assert best is not None
    return best[1], blocks


def _frames(
    images: np.ndarray, file_format: FileFormat, found: Container, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """[n, bits] frames of the files of images, and [n] whether each file fits; zeros where it does not."""
    frames = np.zeros((len(images), bits), dtype=np.uint8)
    fits = np.zeros(len(images), dtype=bool)
    for number, image in enumerate(images):
        payload = found.payload(file_format.encode(image))
        if payload is not None:
            frames[number, : len(payload)] = payload
            fits[number] = True
    return frames, fits


def _send(
    pipe: BitPipe, blocks: int, frames: np.ndarray, snr_db: float, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Received frames, [n, blocks·k], and whether all blocks of each passed their CRC, [n]."""
    received, passed = pipe.send(frames.reshape(-1, pipe.bits), snr_db, generator)
    assert passed is not None
    return received.reshape(frames.shape), np.all(passed.reshape(-1, blocks), axis=1)
