"""A bundle's own test vectors, run on this machine."""

from dataclasses import dataclass

import numpy as np

from linksim.config import llr_step
from linksim.deploy.bundle import Bundle
from linksim.deploy.bundle_files import read_table

LARGEST_ERROR = 1e-3
"""Of an LLR over its magnitude plus one, and of a coordinate of an embedding or of a logit likewise.
Quantized LLRs may lie a step further away, where one is between two words."""

MOST_FRAMES = 64
MOST_POSTERIORS = 2**24
"""Of all test vectors together: tokens times codewords."""


@dataclass(frozen=True)
class SelfTest:
    """How far a bundle on this machine is from the link that was exported.

    Attributes:
        frames: number of test vectors.
        tokens: of all of them.
        latent_error: largest error of a latent from an image, over its magnitude plus one.
        other_indices: tokens for which another codeword was nearest, from images.
        bits_equal: whether equal latents gave equal bits.
        symbols_equal: whether equal bits gave equal symbols.
        llr_error, embedding_error, logit_error: largest errors over the magnitude plus one.
        labels_equal: whether all classes are the same.
    """

    frames: int
    tokens: int
    latent_error: float
    other_indices: int
    bits_equal: bool
    symbols_equal: bool
    llr_error: float
    embedding_error: float
    logit_error: float
    labels_equal: bool

    @property
    def passed(self) -> bool:
        """Whether bits, symbols and classes are equal, and all else is within rounding errors."""
        errors = (self.latent_error, self.llr_error, self.embedding_error, self.logit_error)
        return self.bits_equal and self.symbols_equal and self.labels_equal and max(errors) <= LARGEST_ERROR


def self_test(bundle: Bundle) -> SelfTest:
    """Run the test vectors of a bundle.

    Raises:
        FileNotFoundError, ValueError: if they are missing, altered, or too many.
    """
    link, model = bundle.manifest.link, bundle.manifest
    layout, dim = link.layout, link.embedding_dim
    frames = _frames(bundle)

    def vector(name: str, dtype: str, *shape: int) -> np.ndarray:
        return read_table(bundle.folder, f"test/{name}.npy", model, dtype, (frames, *shape))

    images = vector("images", "<f4", *model.image_shape)
    latents = vector("latents", "<f4", link.tokens, dim)
    bits = vector("bits", "|u1", layout.symbols * link.bits_per_symbol)
    logits = vector("logits", "<f4", model.classes)
    received = vector("received", "<c8", layout.symbols)
    variance = vector("noise_variance", "<f4", layout.symbols)
    gain = vector("gain", "<c8", layout.symbols)
    index = vector("index", "<i4", link.tokens)
    sent, own_latents = bundle.transmit(latents), bundle.latents(images)
    llr = vector("llr", "<f4", layout.coded_bits)
    heard = bundle.receive(received, variance, gain)
    # From the LLRs of the link: hard decisions on one that is nearly zero go by its rounding.
    decided = bundle.decide(np.nan_to_num(llr, posinf=0.0, neginf=0.0))
    own_logits, _ = bundle.classify(decided.embedding)
    return SelfTest(
        frames=len(images),
        tokens=index.size,
        latent_error=_error(own_latents, latents),
        other_indices=int((bundle.transmit(own_latents).index != index).sum()),
        bits_equal=np.array_equal(sent.bits, bits) and np.array_equal(sent.index, index),
        symbols_equal=np.array_equal(sent.symbols, vector("symbols", "<c8", layout.symbols)),
        llr_error=_error(heard.llr, llr, _step(bundle)),
        embedding_error=_error(decided.embedding, vector("embedding", "<f4", link.tokens, dim)),
        logit_error=_error(own_logits, logits),
        labels_equal=np.array_equal(own_logits.argmax(-1), logits.argmax(-1)),
    )


def _frames(bundle: Bundle) -> int:
    """How many test vectors there are, by the manifest."""
    link, entry = bundle.manifest.link, bundle.manifest.files.get("test/index.npy")
    if entry is None or not entry.shape:
        raise ValueError(f"files: the manifest of {bundle.folder} lists no test/index.npy with a shape")
    most = max(1, min(MOST_FRAMES, MOST_POSTERIORS // (link.tokens * link.codebook_size)))
    if not 1 <= entry.shape[0] <= most:
        raise ValueError(
            f"files['test/index.npy'] must hold from 1 to {most} test vectors, got {entry.shape[0]}"
        )
    return entry.shape[0]


def _step(bundle: Bundle) -> float:
    """By how much a quantized LLR may be off; zero if LLRs are not quantized."""
    link, words = bundle.manifest.link, bundle.manifest.integer
    if bundle.manifest.receiver == "integer":
        return words.llr_step
    return 0.0 if link.llr_bits is None else llr_step(link.llr_bits, link.llr_step)


def _error(found: np.ndarray, expected: np.ndarray, allowed: float = 0.0) -> float:
    """Largest error beyond what is allowed, over the magnitude plus one; infinite if one is not finite."""
    if not np.isfinite(expected).all():
        return float("inf")
    exact = expected.astype(np.float64)
    error = float((np.maximum(np.abs(found - exact) - allowed, 0) / (np.abs(exact) + 1)).max())
    return error if np.isfinite(error) else float("inf")
