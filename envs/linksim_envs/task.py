"""What frames are sent for: images that the receiver must classify."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from linksim import Link, checks
from linksim.evaluation import evaluating, placed

if TYPE_CHECKING:
    from linksim.modes.routed_link import RoutedLink

BATCH = 500


class ImageTask:
    """Labelled images, the encoder that makes latents of them, and the head that classifies what arrives.

    Args:
        model: an object with `encoder` (images [n, c, h, w] → latents [n, N, D]), `head` (embeddings →
            (logits [n, classes], features)) and a link as `transceiver_dig`, such as a
            `linksim_training.SemanticModel`; in evaluation mode while it is used.
        images: [n, c, h, w].
        labels: [n] integers.

    Attributes:
        link: that of the model; of a model with several modes a `RoutedLink`.
        labels: [n].

    Raises:
        TypeError: if one of the three is missing, the model lacks a part, or labels are no integers.
        ValueError: if there are no images, or not as many labels.
    """

    def __init__(self, model: Any, images: Any, labels: Any) -> None:
        if model is None or images is None or labels is None:
            raise TypeError("model, images and labels belong together: give all three, or none")
        for part in ("encoder", "transceiver_dig", "head"):
            if not hasattr(model, part):
                raise TypeError(
                    f"model must have encoder, transceiver_dig and head; {type(model).__name__} has no {part}"
                )
        self._model = model
        self.link: Any = model.transceiver_dig
        try:
            self._images = torch.as_tensor(images)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"images must be an array [n, c, h, w], got {type(images).__name__}") from error
        given = np.asarray(labels)
        if not np.issubdtype(given.dtype, np.integer):
            raise TypeError(f"labels must hold integers, got dtype {given.dtype}")
        self.labels = given.astype(np.int64)
        if not len(self.labels) or self.labels.shape != self._images.shape[:1]:
            raise ValueError(
                f"labels must be one for each image, and at least one, got shape {self.labels.shape} for "
                f"images of shape {tuple(self._images.shape)}"
            )

    def image(self, number: int) -> NDArray[Any]:
        """[c, h, w] pixels of an image."""
        return self._images[number].detach().cpu().numpy()

    @torch.inference_mode()
    def latents(self, link: "Link | RoutedLink") -> torch.Tensor:
        """[n, N, D] latents of the images, on the device of the link and in its precision.

        Raises:
            ValueError: if they do not fit the link.
        """
        config = link.config
        found = []
        with _evaluating(self._model.encoder):
            for batch in self._images.split(BATCH):
                try:
                    latents = self._model.encoder(placed(batch, link.codebook))
                except RuntimeError as error:  # sizes that do not fit the layers
                    raise ValueError(
                        f"images of shape {tuple(batch.shape[1:])} do not fit the encoder of the model: "
                        f"{checks.one_line(error)}"
                    ) from error
                if latents.shape[1:] != (config.tokens, config.embedding_dim):
                    raise ValueError(
                        f"model must encode images into latents of shape ({config.tokens}, "
                        f"{config.embedding_dim}), as the link has them, got {tuple(latents.shape[1:])}"
                    )
                found.append(latents.to(link.codebook.dtype))
        return torch.cat(found)

    @torch.inference_mode()
    def indices(self, link: Link, latents: torch.Tensor | None = None) -> NDArray[np.int64]:
        """[n, N] indices of the codewords nearest to the latents of the images.

        Args:
            link: whose codewords they are.
            latents: [n, N, D] as `latents` gives them, where they are known.

        Raises:
            ValueError: if the latents do not fit the link.
        """
        latents = self.latents(link) if latents is None else latents
        found = [
            link.quantize.hard(link.quantize.normalise(batch), link.codebook).cpu()
            for batch in latents.split(BATCH)
        ]
        return torch.cat(found).numpy()

    def classes(self, embedding: torch.Tensor) -> NDArray[np.int64]:
        """[B] classes of embeddings [B, N, D]."""
        with _evaluating(self._model.head):
            logits, _ = self._model.head(embedding)
        return logits.argmax(-1).cpu().numpy()


def _evaluating(part: Any) -> AbstractContextManager[None]:
    return evaluating(part) if isinstance(part, torch.nn.Module) else nullcontext()
