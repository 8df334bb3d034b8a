"""What a batch is made of, mode by mode; a model with one mode has one part."""

from typing import NamedTuple

from torch import Tensor

from linksim import Link
from linksim_training.build import AnyModel
from linksim_training.model import Output
from linksim_training.routed_model import RoutedModel, RoutedOutput

AnyOutput = Output | RoutedOutput


class Part(NamedTuple):
    """What one mode makes of all frames.

    Attributes:
        link: of the mode.
        output: of all frames.
        suffix: for names of what is added up mode by mode; empty if there is one mode.
        weight: [B] how much the mode counts for each frame; None if there is one mode.
    """

    link: Link
    output: Output
    suffix: str
    weight: Tensor | None


def parts_of(model: AnyModel, output: AnyOutput, floor: float = 0.0) -> list[Part]:
    """The parts of a batch.

    Args:
        model: what the batch went through.
        output: of it.
        floor: share of the weights that is spread evenly over all modes; their gradient is that without.
    """
    if isinstance(output, Output):
        assert not isinstance(model, RoutedModel)
        return [Part(model.link, output, "", None)]
    assert isinstance(model, RoutedModel)
    assert output.weights is not None
    # The floor decides what the modes learn from, not what the router learns: its gradient stays whole.
    even = 1 / len(output.outputs)
    weights = output.weights + floor * (even - output.weights.detach())
    return [
        Part(model.link.link_of(number), one, f" {number}", weights[:, number])
        for number, one in enumerate(output.outputs)
    ]


def links_of(model: AnyModel) -> list[Link]:
    """The links of all modes."""
    if isinstance(model, RoutedModel):
        return [model.link.link_of(number) for number in range(len(model.link.modes))]
    return [model.link]
