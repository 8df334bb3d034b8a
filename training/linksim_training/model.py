"""A semantic model: encoder, link, head."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from linksim import Draw, Link, Trace
from linksim.modes.mode import Mode


@dataclass(frozen=True)
class Output:
    """What a model makes of a batch.

    Attributes:
        logits: [B, classes].
        features: [B, F] receiver features, the head's penultimate activations.
        trace: what the link left behind.
        latents: [B, N, D] what the encoder gave.
        surrogate_features: [B, F] features of the soft path, where a differentiable transmission ran both.
        surrogate_logits: [B, classes] logits of the soft path, likewise.
        score: [B] what carries the gradient of the score function, where indices were drawn for it.
    """

    logits: Tensor
    features: Tensor
    trace: Trace
    latents: Tensor | None = None
    surrogate_features: Tensor | None = None
    surrogate_logits: Tensor | None = None
    score: Tensor | None = None


Encode = Callable[[Tensor], Tensor]
Classify = Callable[[Tensor], tuple[Tensor, Tensor]]


class SemanticModel(nn.Module):
    """Images to classes over a digital link.

    Args:
        encoder: maps images to latents [B, N, D].
        link: the link between them; `transceiver_dig` holds it.
        head: maps embeddings [B, N, D] to (logits, features).
        spec: what `build_model` needs to build the model again; None for networks of one's own.

    Raises:
        TypeError: if `link` is no `Link`; `RoutedModel` takes several.
    """

    def __init__(
        self, encoder: Encode, link: Link, head: Classify, spec: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        if not isinstance(link, Link):
            raise TypeError(
                f"link must be a Link (a RoutedLink goes into RoutedModel), got {type(link).__name__}"
            )
        self.encoder = encoder
        self.transceiver_dig = link
        self.head = head
        self.spec = spec

    @property
    def link(self) -> Link:
        """The link, under its short name."""
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
    ) -> Output:
        """Classify images sent over the link.

        Args:
            images: [B, c, h, w].
            draw: what is random about the transmission, of B frames.
            path: "hard" or "soft", the path whose values count, or [B] shares of the hard one.
            backward: None for the path's own gradient, or what `Link.forward` takes, and then the soft path
                runs beside it.
            backward_temperatures: of assignment and symbols, where gradients come from others than the
                link's own.
            end_to_end: give the logits the gradient of the soft path's logits, so that the head, too, learns
                from the soft path.
        """
        latents = self.encoder(images)
        return transmit(
            self.link, self.head, latents, draw, path, backward, backward_temperatures, end_to_end
        )

    def decode(self, trace: Trace) -> Output:
        """Classify what the link received."""
        return decode(self.head, trace)


def transmit(
    link: Link | Mode,
    head: Classify,
    latents: Tensor,
    draw: Draw,
    path: str | Tensor,
    backward: str | Mapping[str, float | Tensor] | None,
    backward_temperatures: tuple[float | None, float | None],
    end_to_end: bool,
) -> Output:
    """Classify latents [B, N, D] sent over a link, or in one mode; the rest as `SemanticModel.forward`."""
    if backward is None and (path != "soft" or backward_temperatures == (None, None)):
        trace = link.hard(latents, draw) if path == "hard" else link.soft(latents, draw)
        return replace(decode(head, trace), latents=latents)
    trace = link(
        latents,
        draw,
        forward=path,
        backward="surrogate" if backward is None else backward,
        backward_vq_temp=backward_temperatures[0],
        backward_symbol_temp=backward_temperatures[1],
    )
    output = decode(head, trace)
    assert trace.surrogate is not None
    assert trace.surrogate.embedding is not None
    soft_logits, soft_features = head(trace.surrogate.embedding)
    logits = output.logits
    if end_to_end:
        logits = logits.detach() + soft_logits - soft_logits.detach()
    return Output(logits, output.features, trace, latents, soft_features, soft_logits)


def decode(head: Classify, trace: Trace) -> Output:
    """Classify what a link received."""
    assert trace.embedding is not None
    logits, features = head(trace.embedding)
    return Output(logits, features, trace)
