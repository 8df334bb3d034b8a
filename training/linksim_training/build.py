"""The small models for images of a shape."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import nn

from linksim import Link, LinkConfig, checks
from linksim.modes.routed_link import HEADER_SYMBOLS, RoutedLink
from linksim.seeds import stream, stream_seed
from linksim_training.isolation import isolated
from linksim_training.model import SemanticModel
from linksim_training.networks import Encoder, Head, ResNetEncoder
from linksim_training.routed_model import RoutedModel

EncoderName = Literal["auto", "convolution", "residual"]
AnyModel = SemanticModel | RoutedModel
MOST_SIDE = 2**31 - 1
"""Channels or pixels along a side of an image, or classes, that PyTorch counts."""


def build_model(
    image_shape: tuple[int, int, int],
    classes: int,
    link: LinkConfig | None = None,
    seed: int = 0,
    encoder: EncoderName = "auto",
) -> SemanticModel:
    """Build the small model for images of a shape.

    Args:
        image_shape: channels, height, width.
        classes: number of classes.
        link: the link's configuration; its defaults if None.
        seed: of all initial weights; global generators are left alone.
        encoder: "convolution" for `Encoder`, "residual" for `ResNetEncoder`; "auto" is residual for images of
            three channels. The specification of the model holds which of the two it is.

    Raises:
        ValueError: if `encoder` is none of these.
    """
    config = LinkConfig() if link is None else link
    network, head, spec = _networks(image_shape, classes, config, seed, encoder)
    return SemanticModel(network, Link(config, generator=stream(seed, "codebook")), head, spec)


def build_routed_model(
    image_shape: tuple[int, int, int],
    classes: int,
    modes: Sequence[tuple[int, int]],
    link: LinkConfig | None = None,
    seed: int = 0,
    encoder: EncoderName = "auto",
    header_symbols: int = HEADER_SYMBOLS,
) -> RoutedModel:
    """Build the small model with several modes.

    Args:
        image_shape, classes, link, seed, encoder: as for `build_model`.
        modes, header_symbols: as for `RoutedLink`.

    Raises:
        TypeError, ValueError: as `build_model` and `RoutedLink`.
    """
    config = LinkConfig() if link is None else link
    network, head, spec = _networks(image_shape, classes, config, seed, encoder)
    generator = stream(seed, "codebook")
    routed = RoutedLink(config, modes, header_symbols=header_symbols, generator=generator)
    spec["modes"] = [list(mode) for mode in routed.modes]
    spec["header_symbols"] = header_symbols
    return RoutedModel(network, routed, head, spec)


def build_from(spec: dict[str, Any], seed: int = 0) -> AnyModel:
    """Build a model from its specification.

    Raises:
        LookupError, TypeError, ValueError: if it is none.
    """
    shape, classes, link, encoder = sizes_of(spec)
    if "modes" not in spec:
        return build_model(shape, classes, link, seed, encoder)
    return build_routed_model(shape, classes, spec["modes"], link, seed, encoder, spec["header_symbols"])


def sizes_of(spec: Mapping[str, Any]) -> tuple[tuple[int, int, int], int, LinkConfig, EncoderName]:
    """Image shape, classes, configuration of the link, and encoder that a specification names.

    Raises:
        LookupError, TypeError, ValueError: if it names none, or they are out of range.
    """
    channels, height, width = (
        checks.whole("image_shape", size, 1, MOST_SIDE) for size in spec["image_shape"]
    )
    classes = checks.whole("classes", spec["classes"], 1, MOST_SIDE)
    encoder = _encoder_name(spec.get("encoder", "convolution"), channels)
    return (channels, height, width), classes, LinkConfig(**spec["link"]), encoder


def untrained_networks(
    image_shape: tuple[int, int, int], classes: int, config: LinkConfig, encoder: EncoderName
) -> tuple[nn.Module, nn.Module]:
    """Encoder and head, their weights drawn from PyTorch's global generator; arguments as `build_model`."""
    make_encoder = ResNetEncoder if _encoder_name(encoder, image_shape[0]) == "residual" else Encoder
    network = make_encoder(image_shape, config.tokens, config.embedding_dim)
    return network, Head(config.tokens, config.embedding_dim, classes)


def _encoder_name(encoder: EncoderName, channels: int) -> EncoderName:
    checks.one_of("encoder", encoder, ("auto", "convolution", "residual"))
    if encoder == "auto":
        return "residual" if channels == 3 else "convolution"
    return encoder


def _networks(
    image_shape: tuple[int, int, int], classes: int, config: LinkConfig, seed: int, encoder: EncoderName
) -> tuple[nn.Module, nn.Module, dict[str, Any]]:
    """Encoder, head, and the specification of both."""
    encoder = _encoder_name(encoder, image_shape[0])
    spec: dict[str, Any] = {
        "image_shape": list(image_shape),
        "classes": classes,
        "link": config.as_dict(),
        "encoder": encoder,
    }
    with isolated(stream_seed(seed, "weights")):
        network, head = untrained_networks(image_shape, classes, config, encoder)
    return network, head, spec
