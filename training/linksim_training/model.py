"""A semantic model: encoder, link, head."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from linksim import Draw, Link, LinkConfig, Trace
from linksim.evaluation import evaluating, placed
from linksim.seeds import stream, stream_seed
from linksim_training.isolation import isolated
from linksim_training.networks import Encoder, Head


@dataclass(frozen=True)
class Output:
    """What a model makes of a batch.

    Attributes:
        logits: [B, classes].
        features: [B, F] receiver features, the head's penultimate activations.
        trace: what the link left behind.
        surrogate_features: [B, F] features of the soft path, where a differentiable transmission ran both.
    """

    logits: Tensor
    features: Tensor
    trace: Trace
    surrogate_features: Tensor | None = None


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
        path: str = "hard",
        backward: str | dict[str, float] | None = None,
    ) -> Output:
        """Classify images sent over the link.

        Args:
            images: [B, c, h, w].
            draw: what is random about the transmission, of B frames.
            path: "hard" or "soft", the path whose values count.
            backward: None for the path's own gradient, or what `Link.forward` takes, and then the soft path
                runs beside it.
        """
        latents = self.encoder(images)
        if backward is None:
            trace = self.link.hard(latents, draw) if path == "hard" else self.link.soft(latents, draw)
            return self.decode(trace)
        trace = self.link(latents, draw, forward=path, backward=backward)
        output = self.decode(trace)
        assert trace.surrogate is not None
        assert trace.surrogate.embedding is not None
        _, surrogate_features = self.head(trace.surrogate.embedding)
        return Output(output.logits, output.features, trace, surrogate_features)

    def decode(self, trace: Trace) -> Output:
        """Classify what the link received."""
        assert trace.embedding is not None
        logits, features = self.head(trace.embedding)
        return Output(logits, features, trace)


def build_model(
    image_shape: tuple[int, int, int], classes: int, link: LinkConfig | None = None, seed: int = 0
) -> SemanticModel:
    """Build the small convolutional model for images of a shape.

    Args:
        image_shape: channels, height, width.
        classes: number of classes.
        link: the link's configuration; its defaults if None.
        seed: of all initial weights; global generators are left alone.
    """
    config = LinkConfig() if link is None else link
    spec = {"image_shape": list(image_shape), "classes": classes, "link": config.as_dict()}
    with isolated(stream_seed(seed, "weights")):
        encoder = Encoder(image_shape, config.tokens, config.embedding_dim)
        head = Head(config.tokens, config.embedding_dim, classes)
    return SemanticModel(encoder, Link(config, generator=stream(seed, "codebook")), head, spec)


def initialise_codebook(model: SemanticModel, images: Tensor, seed: int) -> None:
    """Set the codebook to the k-means centres of the latents of some images.

    Does nothing if the images give fewer different latents than there are codewords.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with evaluating(model), torch.no_grad():
        latents = model.link.quantize.normalise(model.encoder(placed(images, model.link.codebook)))
    points = latents.flatten(0, 1).cpu().double().numpy()
    clusters = model.link.config.codebook_size
    if len(torch.unique(torch.from_numpy(points), dim=0)) < clusters:
        return
    # One thread, because the order in which threads add up their shares changes the last bits.
    with threadpool_limits(limits=1):
        kmeans = KMeans(clusters, n_init=1, random_state=seed % 2**32)  # pyright: ignore[reportArgumentType]
        kmeans.fit(points)
    with torch.no_grad():
        model.link.codebook.copy_(torch.from_numpy(kmeans.cluster_centers_))
