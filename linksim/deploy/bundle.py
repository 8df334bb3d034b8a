"""A deployed link: images to bits and symbols, received symbols to classes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from linksim import checks
from linksim.config import ARITHMETICS, LinkConfig
from linksim.deploy.decision import FloatDecision, IntegerDecision
from linksim.deploy.decoder import Decoder
from linksim.deploy.demapper import Demapper
from linksim.deploy.images import frames_of
from linksim.deploy.manifest import LARGEST, Manifest, read_manifest
from linksim.deploy.network import Network
from linksim.deploy.tables import Tables, read_tables
from linksim.deploy.transmitter import Transmission, Transmitter

VALUES_AT_ONCE = 2**21
"""Of the largest array of the receiver; frames beyond wait for the next turn."""


class Encoded(NamedTuple):
    """Bits [S·m] uint8 in the order of transmission and symbols [S] complex64; batches have F in front."""

    bits: np.ndarray
    symbols: np.ndarray


class Decoded(NamedTuple):
    """Class, a number or [F] int64, and received embedding [N, D] float32, or [F, N, D]."""

    label: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True)
class Reception:
    """What a receiver makes of F frames.

    Attributes:
        llr: [F, L] ln P(b=1)/P(b=0) of the coded bits.
        information_llr: [F, N·b] the same of the information bits.
        crc_ok: [F] whether the frame passed its CRC; None without one.
        posterior: [F, N, K] distribution over the codebook.
        index: [F, N] int64 decided indices.
        embedding: [F, N, D] float32.
    """

    llr: np.ndarray
    information_llr: np.ndarray
    crc_ok: np.ndarray | None
    posterior: np.ndarray
    index: np.ndarray
    embedding: np.ndarray


class Bundle:
    """A bundle, ready to run. `load` makes it; nothing of it depends on PyTorch.

    Args:
        folder: of the bundle.
        manifest: of the bundle, checked.
        tables: of the bundle, checked.

    Attributes:
        manifest: settings, versions and figures of the model.

    Raises:
        FileNotFoundError, ValueError: if a network is missing, altered or of another shape.
    """

    def __init__(self, folder: Path, manifest: Manifest, tables: Tables) -> None:
        link = manifest.link
        embedding = (link.tokens, link.embedding_dim)
        self.folder, self.manifest = folder, manifest
        self._encoder = Network(folder, "encoder.onnx", manifest, manifest.image_shape, (embedding,))
        made = ((manifest.classes,), (manifest.features,))
        self._head = Network(folder, "head.onnx", manifest, embedding, made)
        self._transmitter = Transmitter(link.layout, tables)
        self._receivers = {kind: _Receiver(kind, manifest, tables) for kind in ARITHMETICS}

    def encode(self, images: Any) -> Encoded:
        """Images to what is sent.

        Args:
            images: one image or a batch: [c, h, w], [h, w, c] or, of one channel, [h, w], with or without F
                in front; whole numbers from 0 to the manifest's `white`, or real numbers from 0 to 1.

        Returns:
            bits [S·m] uint8, code and padding included, and symbols [S] complex64 of unit mean energy; with F
            in front for a batch.

        Raises:
            TypeError, ValueError: if the images have another shape, or values out of range.
        """
        frames, single = frames_of(images, self.manifest.image_shape, self.manifest.white)
        sent = self.transmit(self._encoder(frames)[0])
        return Encoded(sent.bits[0], sent.symbols[0]) if single else Encoded(sent.bits, sent.symbols)

    def decode(
        self, received: Any, noise_variance: Any, gain: Any = 1.0, *, receiver: str | None = None
    ) -> Decoded:
        """Received symbols to classes.

        Args:
            received: [S] complex symbols of a frame, or [F, S].
            noise_variance: total variance of the complex noise, over which the channel "bsc" has
                4/ln((1 − p)/p): a number, or one per frame, [F], or symbol, [F, S] ([S] of a single frame).
            gain: what the symbols were multiplied with, alike.
            receiver: "float" or "integer"; the one that the model was trained for if None.

        Returns:
            class, and the embedding [N, D] float32 that it was told from; with F in front for a batch.

        Raises:
            TypeError, ValueError: if a shape does not fit, or values are not finite.
        """
        single = np.ndim(received) == 1
        reception = self.receive(received, noise_variance, gain, receiver=receiver)
        label = self.classify(reception.embedding)[0].argmax(-1)
        return Decoded(label[0], reception.embedding[0]) if single else Decoded(label, reception.embedding)

    def latents(self, images: Any) -> np.ndarray:
        """[F, N, D] float32 latents of images as `encode` takes them; F is 1 for a single image."""
        return self._encoder(frames_of(images, self.manifest.image_shape, self.manifest.white)[0])[0]

    def transmit(self, latents: Any) -> Transmission:
        """Latents [F, N, D], as the encoder gives them, to indices, bits and symbols.

        Raises:
            ValueError: if they have another shape, or are not finite.
        """
        link = self.manifest.link
        array = _cast(latents, np.float32)
        if array.ndim != 3 or array.shape[1:] != (link.tokens, link.embedding_dim):
            raise ValueError(
                f"latents must have shape [F, {link.tokens}, {link.embedding_dim}], got {list(array.shape)}"
            )
        if not np.isfinite(array).all():
            raise ValueError("latents must be finite")
        size = link.tokens * link.codebook_size
        parts = [self._transmitter(array[part]) for part in _turns(len(array), size)]
        return _joined(Transmission, parts)

    def receive(
        self, received: Any, noise_variance: Any, gain: Any = 1.0, *, receiver: str | None = None
    ) -> Reception:
        """Received symbols to everything that the receiver makes of them; arguments as for `decode`."""
        own = self._receiver(receiver)
        symbols = self.manifest.link.layout.symbols
        array = np.asarray(received)
        if array.dtype.kind not in "cfiu":
            raise TypeError(f"received must hold complex numbers, got {array.dtype}")
        if array.ndim not in (1, 2) or array.shape[-1] != symbols:
            raise ValueError(
                f"received must have shape [{symbols}] or [F, {symbols}], got {list(array.shape)}"
            )
        array = _finite("received", _cast(array, np.complex128))
        if np.iscomplexobj(noise_variance):
            raise TypeError("noise_variance must be real, got complex numbers")
        variance = _finite("noise_variance", _cast(noise_variance, np.float64))
        if (variance < 0).any():
            raise ValueError(f"noise_variance must not be negative, got {variance.min():g}")
        gains = _finite("gain", _cast(gain, np.complex128))
        shape = array.shape if array.ndim == 2 else (1, symbols)
        signals = (
            array.reshape(shape),
            _per_symbol("noise_variance", variance, shape),
            _per_symbol("gain", gains, shape),
        )
        parts = [own(*(signal[part] for signal in signals)) for part in _turns(len(signals[0]), own.size)]
        return _joined(Reception, parts)

    def decide(self, llr: Any, *, receiver: str | None = None) -> Reception:
        """LLRs [F, L] of the coded bits, ln P(b=1)/P(b=0), to everything behind them.

        Raises:
            ValueError: if they have another shape, or are not finite.
        """
        own = self._receiver(receiver)
        count = self.manifest.link.layout.coded_bits
        array = _finite("llr", _cast(llr, np.float64))
        if array.ndim != 2 or array.shape[1] != count:
            raise ValueError(f"llr must have shape [F, {count}], got {list(array.shape)}")
        return _joined(Reception, [own.decide(array[part]) for part in _turns(len(array), own.size)])

    def _receiver(self, kind: str | None) -> "_Receiver":
        return self._receivers[
            checks.one_of("receiver", self.manifest.receiver if kind is None else kind, ARITHMETICS)
        ]

    def classify(self, embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [F, classes] and receiver features [F, features] of embeddings [F, N, D] float32."""
        logits, features = self._head(embedding)
        return logits, features


def load(folder: str | Path) -> Bundle:
    """Read a bundle that `linksim export` made. It may come from anyone: all of it is checked before use.

    Args:
        folder: of the bundle.

    Raises:
        FileNotFoundError: if it is no bundle, or a file is missing.
        ValueError: naming what is wrong with it.
    """
    place = Path(folder)
    manifest = read_manifest(place)
    return Bundle(place, manifest, read_tables(place, manifest))


class _Receiver:
    """Demapper, decoder and decision, in floating point or whole numbers."""

    def __init__(self, kind: str, manifest: Manifest, tables: Tables) -> None:
        link: LinkConfig = manifest.link
        if kind == "integer":
            words = manifest.integer
            link = replace(link, arithmetic="float", llr_bits=words.llr_bits, llr_step=words.llr_step)
            self._decide = IntegerDecision(link, tables, words)
        else:
            self._decide = FloatDecision(link, tables)
        self._demap = Demapper(link, tables)
        self._decode = Decoder(link, tables)
        layout = link.layout
        points = layout.symbols * 2**link.bits_per_symbol * link.bits_per_symbol
        self.size = max(points, link.tokens * link.codebook_size, self._decode.edges)

    def __call__(self, received: np.ndarray, noise_variance: np.ndarray, gain: np.ndarray) -> Reception:
        return self.decide(self._demap(received, noise_variance, gain))

    def decide(self, llr: np.ndarray) -> Reception:
        information, crc_ok = self._decode(llr)
        decision = self._decide(information)
        return Reception(llr, information, crc_ok, decision.posterior, decision.index, decision.embedding)


def _turns(frames: int, size: int) -> list[slice]:
    """Frames in turns whose arrays stay small; one empty turn for no frames."""
    few = max(1, VALUES_AT_ONCE // size)
    return [slice(i, i + few) for i in range(0, frames, few)] or [slice(0, 0)]


def _joined(kind: Any, parts: list[Any]) -> Any:
    """Results of some frames each, as one."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return kind(*(None if column[0] is None else np.concatenate(column) for column in columns))


def _cast(values: Any, dtype: Any) -> np.ndarray:
    """Numbers as another dtype; what it does not hold becomes infinite or NaN, without a warning."""
    with np.errstate(all="ignore"):
        return np.asarray(values, dtype)


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    if not (np.abs(array) <= LARGEST).all():
        raise ValueError(f"{name} must be finite, and at most {LARGEST:g} in magnitude")
    return array


def _per_symbol(name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[F, S] from a number, one per frame or one per symbol."""
    frames, symbols = shape
    if value.ndim == 1 and value.shape == (frames,) and frames != 1:
        value = value[:, None]
    allowed = (
        (),
        (1,),
        (frames, 1),
        (1, symbols),
        (frames, symbols),
        *(((symbols,),) if frames == 1 else ()),
    )
    if value.shape not in allowed:
        raise ValueError(
            f"{name} must be a number, one per frame, [{frames}], or one per symbol, [{frames}, {symbols}], "
            f"got shape {list(value.shape)}"
        )
    return np.broadcast_to(value, shape)
