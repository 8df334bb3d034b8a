"""A small convolutional encoder and a small head, sized from the data."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn.functional import dropout


class FrameDropout(nn.Module):
    """Dropout whose mask can belong to frames, not to the batch.

    Args:
        probability: of an activation to be dropped while training; the others are scaled up by 1/(1 − p).

    Attributes:
        source: gives [B, ...] uniform numbers of the frames at hand for a shape without its first axis; if
            None, masks come from torch's global generator, as those of `nn.Dropout`.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.source: Callable[[Sequence[int]], Tensor] | None = None

    def forward(self, activations: Tensor) -> Tensor:
        """Drop activations of [B, ...] in training mode."""
        if not self.training or self.source is None:
            return dropout(activations, self.probability, self.training)
        kept = self.source(activations.shape[1:]).to(activations.device) >= self.probability
        return activations * kept.to(activations.dtype).mul_(1 / (1 - self.probability))


class Encoder(nn.Module):
    """Images [B, c, h, w] to latents [B, N, D].

    Convolutions at halving resolution down to about 7 by 7, then one linear map to all tokens. No layer uses
    statistics of the batch.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], tokens: int, dim: int, width: int = 32, dropout: float = 0.2
    ) -> None:
        super().__init__()
        channels, height, width_pixels = image_shape
        layers: list[nn.Module] = []
        while min(height, width_pixels) >= 8:
            layers += [nn.Conv2d(channels, width, 3 if layers else 5, stride=2, padding=1 if layers else 2)]
            layers += [nn.ReLU()]
            height, width_pixels = (height + 1) // 2, (width_pixels + 1) // 2
            channels, width = width, min(2 * width, 64)
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        layers += [
            nn.Flatten(),
            FrameDropout(dropout),
            nn.Linear(width * height * width_pixels, tokens * dim),
        ]
        self.layers = nn.Sequential(*layers)
        self.shape = (tokens, dim)

    def forward(self, images: Tensor) -> Tensor:
        """Encode."""
        return self.layers(images).unflatten(1, self.shape)


class Head(nn.Module):
    """Embeddings [B, N, D] to class logits [B, classes] and the features before them [B, width]."""

    def __init__(self, tokens: int, dim: int, classes: int, width: int = 256, dropout: float = 0.2) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(tokens * dim, width), nn.ReLU())
        self.dropout = FrameDropout(dropout)
        self.logits = nn.Linear(width, classes)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Classify."""
        features = self.hidden(embedding)
        return self.logits(self.dropout(features)), features


INITIAL_RESIDUAL = 0.2
"""Scale of what a residual block adds to its shortcut, before training."""


class ResNetEncoder(nn.Module):
    """Colour images [B, c, h, w] to latents [B, N, D], by residual blocks.

    A 3 by 3 stem; three stages of two residual blocks, of 1, 2 and 4 times `width` channels, the second and
    third at half the resolution of the one before; means over a grid of at most 4 by 4; one linear map to all
    tokens. Normalisation is over groups of channels of one image, so no layer uses statistics of the batch.

    Args:
        image_shape: channels, height and width; made for 8 by 8 and above.
        tokens: N.
        dim: D.
        width: channels of the first stage, a multiple of 4.
        dropout: probability before the last map.

    Raises:
        ValueError: if `width` is not a positive multiple of 4.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], tokens: int, dim: int, width: int = 16, dropout: float = 0.2
    ) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(f"width must be a positive multiple of 4, the size of a group, got {width}")
        channels, *sides = image_shape
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False), _norm(width)]
        layers += [nn.ReLU()]
        channels = width
        for stage, out in enumerate((width, 2 * width, 4 * width)):
            stride = 2 if stage else 1
            layers += [_ResidualBlock(channels, out, stride), _ResidualBlock(out, out)]
            channels, sides = out, [-(-side // stride) for side in sides]
        # Not adaptive pooling, whose backward pass on a GPU adds in an order that changes from run to run.
        cells = [-(-side // 4) for side in sides]
        layers += [nn.AvgPool2d((cells[0], cells[1]), ceil_mode=True, count_include_pad=False)]
        grid = [-(-side // cell) for side, cell in zip(sides, cells, strict=True)]
        layers += [nn.Flatten(), FrameDropout(dropout)]
        layers += [nn.Linear(channels * grid[0] * grid[1], tokens * dim)]
        self.layers = nn.Sequential(*layers)
        self.shape = (tokens, dim)

    def forward(self, images: Tensor) -> Tensor:
        """Encode."""
        return self.layers(images).unflatten(1, self.shape)


class _ResidualBlock(nn.Module):
    """Two normalised 3 by 3 convolutions beside a shortcut, [B, c, h, w] to [B, out, h/stride, w/stride]."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, padding=1, bias=False),
            _norm(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            _norm(out),
        )
        # Near the identity at first. Otherwise the latents of different images are nearly the same, and the
        # commitment loss makes them one before the classes have told them apart.
        last = self.residual[-1]
        assert isinstance(last, nn.GroupNorm)
        nn.init.constant_(last.weight, INITIAL_RESIDUAL)
        self.shortcut = nn.Sequential()
        if channels != out or stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), _norm(out))
        self.activation = nn.ReLU()

    def forward(self, signal: Tensor) -> Tensor:
        return self.activation(self.residual(signal) + self.shortcut(signal))


def _norm(channels: int) -> nn.GroupNorm:
    """Groups of at least 4 channels, at most 8 groups."""
    return nn.GroupNorm(min(8, channels // 4), channels)
