"""The network of a learned policy: layers of weights, from features to a score for each action."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from linksim import checks

MOST_WIDTH = 4096
MOST_LAYERS = 16
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class Network(nn.Module):
    """Linear layers with an activation between them.

    Args:
        widths: of input, hidden layers and output.
        activation: "tanh" or "relu".

    Raises:
        TypeError, ValueError: if a width or the activation is out of range.
    """

    def __init__(self, widths: Sequence[int], activation: str) -> None:
        super().__init__()
        self.widths = [checks.whole("widths", one, 1, MOST_WIDTH) for one in widths]
        if not 2 <= len(self.widths) <= MOST_LAYERS:
            raise ValueError(f"widths must be 2 to {MOST_LAYERS} numbers, got {len(self.widths)}")
        self.activation = checks.one_of("activation", activation, ACTIVATIONS)
        layers: list[nn.Module] = []
        for before, after in zip(self.widths[:-1], self.widths[1:], strict=True):
            # Left as they are in memory: initialising would draw from torch's global generator.
            layers += [nn.utils.skip_init(nn.Linear, before, after), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, features: Tensor) -> Tensor:
        """[rows, widths[-1]] scores of [rows, widths[0]] features."""
        return self.layers(features)

    @classmethod
    def of_layers(cls, layers: Sequence[nn.Linear], activation: str) -> "Network":
        """A copy of layers that were trained elsewhere."""
        network = cls([layers[0].in_features, *(one.out_features for one in layers)], activation)
        own = [one for one in network.layers if isinstance(one, nn.Linear)]
        with torch.no_grad():
            for mine, theirs in zip(own, layers, strict=True):
                mine.weight.copy_(theirs.weight)
                mine.bias.copy_(theirs.bias)
        return network.eval().requires_grad_(False)

    def load_plain(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights from a file.

        Raises:
            TypeError: if one is no dense tensor of float32.
            ValueError: if names, shapes or numbers do not fit.
        """
        wanted = self.state_dict()
        if set(weights) != set(wanted):
            raise ValueError(f"weights must be named {', '.join(wanted)}")
        for name, tensor in weights.items():
            if (
                not isinstance(tensor, Tensor)
                or tensor.dtype != torch.float32
                or tensor.layout != torch.strided
            ):
                raise TypeError(f"weight {name} must be a dense float32 tensor")
            if tensor.shape != wanted[name].shape:
                raise ValueError(
                    f"weight {name} must have shape {tuple(wanted[name].shape)}, got {tuple(tensor.shape)}"
                )
            if not torch.isfinite(tensor).all():
                raise ValueError(f"weight {name} holds NaN or infinite numbers")
        self.load_state_dict(dict(weights))
        self.eval().requires_grad_(False)
