"""A semantic model: encoder, link, head."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor, nn

from linksim import Draw, Link, LinkConfig, Trace, checks
from linksim.seeds import stream, stream_seed
from linksim_training.isolation import isolated
from linksim_training.networks import Encoder, Head, ResNetEncoder


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


class SemanticModel(nn.Module):
    """Images to classes over a digital link.

    Args:
        encoder: maps images to latents [B, N, D].
        link: the link between them; `transceiver_dig` holds it.
        head: maps embeddings [B, N, D] to (logits, features).
        spec: what `build_model` needs to build the model again; None for networks of one's own.
    """

    def __init__(
        self,
        encoder: Callable[[Tensor], Tensor],
        link: Link,
        head: Callable[[Tensor], tuple[Tensor, Tensor]],
        spec: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
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
        if backward is None and (path != "soft" or backward_temperatures == (None, None)):
            trace = self.link.hard(latents, draw) if path == "hard" else self.link.soft(latents, draw)
            return replace(self.decode(trace), latents=latents)
        trace = self.link(
            latents,
            draw,
            forward=path,
            backward="surrogate" if backward is None else backward,
            backward_vq_temp=backward_temperatures[0],
            backward_symbol_temp=backward_temperatures[1],
        )
        output = self.decode(trace)
        assert trace.surrogate is not None
        assert trace.surrogate.embedding is not None
        soft_logits, soft_features = self.head(trace.surrogate.embedding)
        logits = output.logits
        if end_to_end:
            logits = logits.detach() + soft_logits - soft_logits.detach()
        return Output(logits, output.features, trace, latents, soft_features, soft_logits)

    def decode(self, trace: Trace) -> Output:
        """Classify what the link received."""
        assert trace.embedding is not None
        logits, features = self.head(trace.embedding)
        return Output(logits, features, trace)


def build_model(
    image_shape: tuple[int, int, int],
    classes: int,
    link: LinkConfig | None = None,
    seed: int = 0,
    encoder: Literal["auto", "convolution", "residual"] = "auto",
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
    checks.one_of("encoder", encoder, ("auto", "convolution", "residual"))
    if encoder == "auto":
        encoder = "residual" if image_shape[0] == 3 else "convolution"
    config = LinkConfig() if link is None else link
    spec = {
        "image_shape": list(image_shape),
        "classes": classes,
        "link": config.as_dict(),
        "encoder": encoder,
    }
    make_encoder = ResNetEncoder if encoder == "residual" else Encoder
    with isolated(stream_seed(seed, "weights")):
        network = make_encoder(image_shape, config.tokens, config.embedding_dim)
        head = Head(config.tokens, config.embedding_dim, classes)
    return SemanticModel(network, Link(config, generator=stream(seed, "codebook")), head, spec)
