"""A semantic model with several modes: encoder, routed link, head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from linksim import Draw, Trace
from linksim.modes.routed_link import RoutedLink
from linksim.modes.routed_trace import RoutedTrace, Routing
from linksim_training.model import Classify, Encode, Output, decode, transmit


@dataclass(frozen=True)
class RoutedOutput:
    """What a model with several modes makes of a batch.

    Attributes:
        logits: [B, classes] of each frame's most probable mode; of `decode`, behind the received embedding.
        features: [B, F] receiver features, likewise.
        routing: of the frames.
        outputs: what each mode makes of all frames, where a training needs that; else empty.
        weights: [B, modes] how much each mode counts: the choice of the router, in phase 2 with the gradient
            of its probabilities.
        latents: [B, N, D] what the encoder gave.
    """

    logits: Tensor
    features: Tensor
    routing: Routing
    outputs: tuple[Output, ...] = ()
    weights: Tensor | None = None
    latents: Tensor | None = None


class RoutedModel(nn.Module):
    """Images to classes, each frame in the mode that a router picks for it.

    Args:
        encoder: maps images to latents [B, N, D].
        link: the links of all modes and their router; `transceiver_dig` holds it.
        head: maps embeddings [B, N, D] to (logits, features), whatever the mode.
        spec: what `build_model` needs to build the model again; None for networks of one's own.

    Raises:
        TypeError: if `link` is no `RoutedLink`.
    """

    def __init__(
        self, encoder: Encode, link: RoutedLink, head: Classify, spec: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        if not isinstance(link, RoutedLink):
            raise TypeError(f"link must be a RoutedLink, got {type(link).__name__}")
        self.encoder = encoder
        self.transceiver_dig = link
        self.head = head
        self.spec = spec

    @property
    def link(self) -> RoutedLink:
        """The routed link, under its short name."""
        return self.transceiver_dig

    def forward(
        self,
        images: Tensor,
        draw: Draw,
        *,
        path: str | Tensor = "hard",
        backward: str | Mapping[str, float | Tensor] | None = None,
        backward_temperatures: tuple[float | None, float | None] = (None, None),
        end_to_end: bool = False,
    ) -> RoutedOutput:
        """Classify images sent over the link, for training: in all modes, each with its weight.

        The classification loss that this makes is the mean over the modes, as likely as the router has them
        (path "soft"), or that of the deployed mode with the gradient of that mean (path "hard"). That
        gradient is exact: it knows what each of the modes would have made of the frame.

        Args:
            images, draw, path, backward, backward_temperatures, end_to_end: as for `SemanticModel`.
        """
        latents = self.encoder(images)
        link = self.link
        routing = link.route(latents, draw.snr_db)
        how = (path, backward, backward_temperatures, end_to_end)
        outputs = tuple(
            transmit(link.mode(number), self.head, latents, draw, *how) for number in range(len(link.modes))
        )
        return routed_output(outputs, routing, path, latents)

    def deployed(self, images: Tensor, draw: Draw) -> tuple[RoutedOutput, RoutedTrace]:
        """Classify images as deployed, each sent in one mode only."""
        latents = self.encoder(images)
        trace = self.link.hard(latents, draw)
        return self.decode(trace, latents), trace

    def logits(self, trace: Trace) -> Tensor:
        """[B, classes] of what arrived in one mode."""
        return decode(self.head, trace).logits

    def decode(self, trace: RoutedTrace, latents: Tensor | None = None) -> RoutedOutput:
        """Classify what the link received."""
        logits, features = self.head(trace.embedding)
        return RoutedOutput(logits, features, trace.routing, latents=latents)


def routed_output(
    outputs: tuple[Output, ...], routing: Routing, path: str | Tensor, latents: Tensor
) -> RoutedOutput:
    """The outputs of all modes with their weights.

    Args:
        outputs: of all frames in each mode.
        routing: of the frames.
        path: "hard", "soft", or [B] shares of the hard one.
        latents: [B, N, D].
    """
    probabilities = routing.probabilities
    chosen = one_hot(routing.mode, len(outputs)).to(probabilities)
    through = chosen + probabilities - probabilities.detach()
    if isinstance(path, str):
        weights = through if path == "hard" else probabilities
    else:
        share = path.to(probabilities).unsqueeze(1)
        weights = share * through + (1 - share) * probabilities
    frames = torch.arange(len(routing.mode), device=routing.mode.device)
    logits = torch.stack([one.logits for one in outputs])[routing.mode, frames]
    features = torch.stack([one.features for one in outputs])[routing.mode, frames]
    return RoutedOutput(logits, features, routing, outputs, weights, latents)
