"""Separate source and channel coding on as many channel symbols as a semantic link has."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from linksim import LinkConfig, checks
from linksim.frame import LEAST_RATE
from linksim.seeds import stream
from linksim_benchmarks.baselines.base import check_range, fingerprint, training_part
from linksim_benchmarks.baselines.bit_pipe import RATES, BitPipe, pipe_config
from linksim_benchmarks.baselines.projection import fit_classifier, fit_projection, learnt
from linksim_benchmarks.baselines.scalar_quantizer import ScalarQuantizer, capacity, fit_quantizer
from linksim_training.data import ImageData

MOST_BLOCK = 8448
"""Message bits that a block of the LDPC code holds at most."""

TRAINED_WITH_NOISE = 2
"""Code rates, the best on noise-free reconstructions, whose classifier is also trained on received ones."""


@dataclass(frozen=True)
class Separate:
    """Principal components, quantized to bits, protected by an LDPC code, decoded and classified.

    The semantic link's modulation, channel, demapper and hardware carry the bits. The receiver decides on
    bits, reconstructs the components, and hands them to a support vector machine, which for its distances is
    the same as handing on the image.

    Attributes:
        pipe: what the bits are sent over.
        snr_db: Es/N0 in dB that rate and classifier were chosen at.
        link_symbols: symbols per image of the semantic link.
        noisy_training: whether the classifier was trained on reconstructions received at `snr_db` rather
            than on noise-free ones.
        validation_accuracy: at `snr_db`, which the choice went by.
        quantizer, classifier: what was fitted on the training part.
        fitted: SHA-256 of all that was fitted.
        sent: [n, ⌈k/8⌉] uint8 bits of the test images, eight to a byte.
        labels: [n] int64 of the test images.
    """

    pipe: BitPipe
    snr_db: float
    link_symbols: int
    noisy_training: bool
    validation_accuracy: float
    quantizer: ScalarQuantizer
    classifier: SVC
    fitted: str
    sent: np.ndarray
    labels: np.ndarray

    @property
    def name(self) -> str:
        """Short name."""
        return "separate"

    @property
    def symbols(self) -> int:
        """Channel symbols per image."""
        return self.pipe.symbols

    @property
    def bits(self) -> int:
        """Information bits per image."""
        return self.pipe.bits

    @property
    def rate(self) -> float | None:
        """Rate of the LDPC code; None without one."""
        return self.pipe.config.code_rate if self.pipe.config.code == "ldpc" else None

    @property
    def label(self) -> str:
        """For legends."""
        code = "uncoded" if self.rate is None else f"LDPC rate {self.rate:.2f}"
        return f"PCA + {code}: {self.symbols} symbols per image (link: {self.link_symbols})"

    def identity(self) -> dict[str, Any]:
        """Plain values that say fully what the baseline is and sends."""
        return {
            "baseline": self.name,
            "pipe": self.pipe.config.as_dict(),
            "snr_db": self.snr_db,
            "link_symbols": self.link_symbols,
            "noisy_training": self.noisy_training,
            "validation_accuracy": self.validation_accuracy,
            "fitted": self.fitted,
            "sent": fingerprint(self.sent, self.labels),
        }

    def correct(self, first: int, last: int, snr_db: float, generator: torch.Generator) -> np.ndarray:
        """As `Baseline.correct`."""
        check_range(first, last, len(self.labels))
        if first == last:
            return np.zeros(0, dtype=bool)
        bits = np.unpackbits(self.sent[first:last], axis=1, count=self.bits)
        received, _ = self.pipe.send(bits, snr_db, generator)
        return self.classifier.predict(self.quantizer.decode(received)) == self.labels[first:last]


@dataclass(frozen=True)
class _Candidate:
    """A pipe with a quantizer for its bits, and how well its images are classified."""

    pipe: BitPipe
    quantizer: ScalarQuantizer
    received: np.ndarray
    classifier: SVC
    noisy_training: bool
    accuracy: float


def fit_separate(data: ImageData, config: LinkConfig, snr_db: float, seed: int = 0) -> Separate:
    """Fit on the training part, and choose the code rate on the validation part.

    Candidates are the rates `RATES` and no code; for the best two of them the classifier is also trained on
    reconstructions received at `snr_db`. The test part is encoded, and has no say.

    Args:
        data: images and labels.
        config: of the semantic link, whose symbols per frame are not exceeded. Its CRC and code are left
            out.
        snr_db: Es/N0 in dB to choose for.
        seed: of the noise in choosing, and of randomised parts of the fit.

    Returns:
        the scheme. Its symbols are those of the link, or fewer where the images have not enough components
        to fill them.

    Raises:
        TypeError, ValueError: if `snr_db` or `seed` is out of range, or the link has a constellation of its
            own.
    """
    checks.real("snr_db", snr_db, least=-200, most=200)
    checks.whole("seed", seed, 0)
    room = config.layout.symbols * config.bits_per_symbol
    images, labels = training_part(data, seed)
    with threadpool_limits(limits=1):  # so that rounding does not depend on the number of threads
        projection = fit_projection(images.flatten(1).numpy(), min(room, 512), seed)
        training, validation = (projection(one.flatten(1).numpy()) for one in (images, data.x_validation))
        candidates = []
        for pipe in _pipes(config, room, capacity(training)):
            quantizer = fit_quantizer(training, pipe.bits)
            received = _send(pipe, quantizer, validation, snr_db, seed, "validation")
            features = quantizer.decode(quantizer.encode(training))
            candidates.append(_candidate(pipe, quantizer, received, features, labels, data, noisy=False))
        candidates.sort(key=lambda one: -one.accuracy)  # of equals the lowest rate stays first
        for one in candidates[:TRAINED_WITH_NOISE]:
            features = _send(one.pipe, one.quantizer, training, snr_db, seed, "training")
            candidates.append(
                _candidate(one.pipe, one.quantizer, one.received, features, labels, data, noisy=True)
            )
        best = max(candidates, key=lambda one: one.accuracy)
        test = best.quantizer.encode(projection(data.x_test.flatten(1).numpy()))
    quantizer = best.quantizer
    arrays = (projection.mean, projection.axes, quantizer.components, quantizer.shares, quantizer.steps)
    return Separate(
        pipe=best.pipe,
        snr_db=float(snr_db),
        link_symbols=config.layout.symbols,
        noisy_training=best.noisy_training,
        validation_accuracy=best.accuracy,
        quantizer=quantizer,
        classifier=best.classifier,
        fitted=fingerprint(*arrays, *quantizer.levels, *learnt(best.classifier)),
        sent=np.packbits(test, axis=1),
        labels=data.y_test.numpy(),
    )


def _pipes(config: LinkConfig, room: int, most_bits: int) -> list[BitPipe]:
    """A pipe of each rate in `room` coded bits, or fewer for want of information, and an uncoded one.

    Rates at which the standard has no code for so few or so many bits are left out.
    """
    pipes = {}
    least = int(np.ceil(room * LEAST_RATE))  # rounding down could fall below the lowest rate there is
    for rate in RATES:
        bits = min(max(int(room * rate), least), most_bits, MOST_BLOCK)
        try:
            pipe = BitPipe(pipe_config(config, bits, min(room, int(bits / LEAST_RATE))))
        except ValueError:
            continue
        pipes.setdefault(bits, pipe)  # want of information makes higher rates equal to lower ones
    uncoded = BitPipe(pipe_config(config, min(room, most_bits)))
    return [*pipes.values(), uncoded]


def _send(
    pipe: BitPipe, quantizer: ScalarQuantizer, coefficients: np.ndarray, snr_db: float, seed: int, part: str
) -> np.ndarray:
    """Coefficients as received, each image sent once; pipes do not share their noise."""
    generator = stream(seed, "separate", part, pipe.bits, pipe.symbols)
    received, _ = pipe.send(quantizer.encode(coefficients), snr_db, generator)
    return quantizer.decode(received)


def _candidate(
    pipe: BitPipe,
    quantizer: ScalarQuantizer,
    received: np.ndarray,
    features: np.ndarray,
    labels: np.ndarray,
    data: ImageData,
    *,
    noisy: bool,
) -> _Candidate:
    classifier = fit_classifier(features, labels)
    accuracy = float(np.mean(classifier.predict(received) == data.y_validation.numpy()))
    return _Candidate(pipe, quantizer, received, classifier, noisy, accuracy)
