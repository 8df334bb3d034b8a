"""A small convolutional encoder and a small head, sized from the data."""

from torch import Tensor, nn


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
        layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(width * height * width_pixels, tokens * dim)]
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
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(width, classes)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Classify."""
        features = self.hidden(embedding)
        return self.logits(self.dropout(features)), features
