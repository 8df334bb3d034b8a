"""Running a model without training it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Inside, every module of a model is in evaluation mode; afterwards, each is as it was before.

    Args:
        model: an `nn.Module`, or an object whose attributes `encoder`, `transceiver_dig` and `head` may be
            modules.
    """
    parts = [model] if isinstance(model, nn.Module) else [model.encoder, model.transceiver_dig, model.head]
    modules = [module for part in parts if isinstance(part, nn.Module) for module in part.modules()]
    before = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.training = training


def placed(inputs: Tensor, codebook: Tensor) -> Tensor:
    """Inputs on the device of the codebook, and in its precision if real; whole numbers stay whole."""
    return inputs.to(codebook.device, codebook.dtype if inputs.is_floating_point() else None)
