"""What a layer is called with: latents, and perhaps SNRs and numbers of frames beside them."""

from collections.abc import Sequence
from typing import Any

from linksim.config import LinkConfig
from linksim.interop.keras.backend import TfTensor, tf

NAMES = ("latents", "snr_db", "frame")

Inputs = TfTensor | Sequence[TfTensor]


def split(inputs: Inputs) -> tuple[Any, Any, Any]:
    """Latents, SNRs and numbers of frames; None for what is not given.

    Raises:
        ValueError: if there are none, or more than these.
    """
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    if not 1 <= len(given) <= len(NAMES):
        raise ValueError(
            f"inputs must be latents, or a list of {', '.join(NAMES)}, got a list of {len(given)}"
        )
    latents, snr_db, frame = (*given, None, None)[: len(NAMES)]
    return latents, snr_db, frame


def check_shapes(config: LinkConfig, shapes: Any, has_snr: bool) -> tuple[int | None, ...]:
    """Check static shapes, and return that of the latents, (B, N, D).

    Args:
        config: of the link.
        shapes: of the latents, or a list of shapes.
        has_snr: whether frames may come without Es/N0.

    Raises:
        ValueError: if a shape does not fit the link, or Es/N0 is missing.
    """
    several = len(shapes) > 0 and isinstance(shapes[0], (list, tuple, tf.TensorShape))
    given = [tuple(tf.TensorShape(one).as_list()) for one in (shapes if several else [shapes])]
    split(given)
    latents, *others = given
    wanted = (config.tokens, config.embedding_dim)
    if len(latents) != 3 or any(
        size not in (None, want) for size, want in zip(latents[1:], wanted, strict=True)
    ):
        raise ValueError(
            f"latents must have shape [B, {', '.join(map(str, wanted))}], as config has tokens and "
            f"embedding_dim, got {list(latents)}"
        )
    for name, shape in zip(NAMES[1:], others, strict=False):
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(f"{name} must hold one number per frame, [B] or [B, 1], got {list(shape)}")
        if None not in (shape[0], latents[0]) and shape[0] != latents[0]:
            raise ValueError(f"{name} must hold one number per frame, {latents[0]}, got {shape[0]}")
    if not has_snr and not others:
        raise ValueError(
            "snr_db must be given: LinkLayer(..., snr_db=8.0), or [latents, snr_db] as inputs with one Es/N0 "
            "per frame"
        )
    return latents[0], *wanted
