"""Where a number stopped being finite."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from linksim.evaluation import placed
from linksim_training.build import AnyModel
from linksim_training.parts import AnyOutput, parts_of

REMEDY = "lower --lr, or limit the gradient by --clip-norm"


class Diverged(ValueError):
    """Training cannot go on; what it left on disk can be used."""


def diverged(epoch: int, batch: int, what: str, stage: str) -> Diverged:
    """The error for a number that is not finite, in a batch that counts from 1."""
    return Diverged(
        f"training diverged in epoch {epoch}, batch {batch}: {what} not finite at {stage}; {REMEDY}"
    )


def input_stage(model: AnyModel, inputs: Tensor) -> str | None:
    """Which of inputs, weights and latents is the first that is not finite, in words; None if all are."""
    with torch.no_grad():
        for name, value in _before_the_link(model, inputs):
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                return name
    return None


def refused_stage(error: ValueError, model: AnyModel, inputs: Tensor) -> str | None:
    """The same for a step that raised an error, which may not come again: dropout differs, or worse."""
    latents = "the encoder's latents" if str(error).startswith("latents must be finite") else None
    return input_stage(model, inputs) or latents


def _before_the_link(model: AnyModel, inputs: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "the inputs", inputs
    for name, parameter in model.named_parameters():
        yield f"the weights {name}", parameter
    yield "the encoder's latents", model.encoder(placed(inputs, model.link.codebook))


def output_stage(model: AnyModel, output: AnyOutput, figures: Mapping[str, Tensor]) -> str:
    """The first signal of a transmission, or else the first term of the loss, that is not finite."""
    signals: dict[str, Tensor | None] = {}
    for part in parts_of(model, output):
        mode, trace = f" of mode{part.suffix}" if part.suffix else "", part.output.trace
        signals |= {
            f"quantize (assignment){mode}": trace.assignment,
            f"map (symbols){mode}": trace.symbols,
            f"channel (received){mode}": trace.received,
            f"demap (LLRs){mode}": trace.llr,
            f"decide (posterior){mode}": trace.posterior,
            f"decide (embedding){mode}": trace.embedding,
            f"the head's features{mode}": part.output.features,
            f"the head's logits{mode}": part.output.logits,
        }
    signals |= {f"the loss term {name}": one for name, one in figures.items()}
    for name, signal in signals.items():
        if signal is not None and not bool(torch.isfinite(signal.detach()).all()):
            return name
    return "the loss"


def gradient_stage(model: AnyModel) -> str | None:
    """The first part of a model with a gradient that is not finite; None if all are."""
    for stage, module in (("head", model.head), ("codebook", model.link), ("encoder", model.encoder)):
        for parameter in module.parameters() if isinstance(module, nn.Module) else ():
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
                return f"the {stage}'s gradient"
    return None
