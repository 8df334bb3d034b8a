"""Gradients for a forward pass that has none of its own."""

from collections.abc import Mapping

import torch
from torch import Tensor

from linksim import checks
from linksim.signals import Draw, Trace
from linksim.stages.quantize import Quantize

NEAREST = ("surrogate", "surrogate-at-symbols", "straight-through")
"""Estimators that send the nearest codewords; they can be mixed."""

SAMPLED = ("gumbel", "reinmax", "score-function")
"""Estimators that send indices drawn from the assignment."""

Backward = str | Mapping[str, float | Tensor]


def backward_weights(backward: Backward, frames: int) -> dict[str, float | Tensor]:
    """Weights of the gradients named by `backward`: a name, or a weight for each name.

    Args:
        backward: one of `NEAREST` and `SAMPLED`, or weights of several of `NEAREST`, each a number or one
            per frame, [B].
        frames: B.

    Raises:
        TypeError: if `backward` is neither, or a weight is not a number.
        ValueError: if a name is unknown, a weight negative or of the wrong shape, or names do not mix.
    """
    if not isinstance(backward, (str, Mapping)):
        raise TypeError(
            f"backward must be a name or weights of several by name, got {type(backward).__name__}"
        )
    if isinstance(backward, str) and backward in SAMPLED:
        return {backward: 1.0}
    weights = {backward: 1.0} if isinstance(backward, str) else dict(backward)
    names = (*NEAREST, *SAMPLED) if isinstance(backward, str) else NEAREST
    for name, weight in weights.items():
        checks.one_of("backward", name, names)
        _check_weight(name, weight, frames)
    if all(not isinstance(weight, Tensor) and weight == 0 for weight in weights.values()):
        raise ValueError(f"backward must give at least one of {', '.join(NEAREST)} a positive weight")
    return {**dict.fromkeys(NEAREST, 0.0), **weights}


def _check_weight(name: str, weight: float | Tensor, frames: int) -> None:
    if not isinstance(weight, Tensor):
        checks.real(f"backward[{name!r}]", weight, least=0)
        return
    if weight.shape != (frames,):
        raise ValueError(
            f"backward[{name!r}] must be a number or one weight per frame, [{frames}], got shape "
            f"{list(weight.shape)}"
        )
    if not bool((weight >= 0).all()):
        raise ValueError(f"backward[{name!r}] must not be negative or NaN, got {weight.min():g}")


def straight_through(values: Trace, codebook: Tensor, *, looked_up_by_index: bool) -> Tensor:
    """Zero in value; in the backward pass, the link as the identity.

    The gradient reaches the normalised latents as it is, and the codebook through the receiver's lookup.

    Args:
        values: a trace on the hard path with latents.
        codebook: [K, D].
        looked_up_by_index: whether the receiver looks up one codeword (else the posterior mean).

    Returns:
        [B, N, D] zeros.
    """
    assert values.latents is not None
    return gradient_only(looked_up(values, codebook, looked_up_by_index)) + gradient_only(values.latents)


def looked_up(values: Trace, codebook: Tensor, looked_up_by_index: bool) -> Tensor:
    """[B, N, D] what the receiver reads out of the codebook, as a function of the codebook alone."""
    assert values.posterior is not None
    if looked_up_by_index:
        return codebook[values.decoded_index]
    return values.posterior.detach() @ codebook


def sampled_index(name: str, assignment: Tensor, draw: Draw, quantizer: Quantize) -> Tensor:
    """[B, N] indices drawn from an assignment [B, N, K] with the draw's random numbers.

    "gumbel" takes the Gumbel noise that its gradient knows; the others sample as the quantizer does.

    Raises:
        ValueError: if the draw lacks Gumbel noise that "gumbel" needs.
    """
    if name == "gumbel":
        return _perturbed(assignment, draw).argmax(-1)
    return quantizer.sample(assignment, draw.uniforms)


def relaxed_index(name: str, assignment: Tensor, index: Tensor, draw: Draw) -> Tensor:
    """[B, N, K], one-hot in value up to rounding; in the backward pass, the relaxation of a drawn index.

    "gumbel": softmax(ln q + g) with the Gumbel noise g that the index was drawn with, straight-through (Jang,
    Gu and Poole, Categorical Reparameterization with Gumbel-Softmax, 2017).

    "reinmax": 2·p − q/2 with p = (one-hot + q)/2, held constant in the logits' offset, a second-order
    approximation of the gradient of the expectation (Liu et al., Bridging Discrete and Backpropagation:
    Straight-Through and Beyond, 2023, algorithm 2).
    """
    chosen = torch.zeros_like(assignment).scatter_(-1, index.unsqueeze(-1), 1.0)
    if name == "gumbel":
        return chosen + gradient_only(_perturbed(assignment, draw).softmax(-1))
    logits = _log(assignment)
    halfway = (chosen + assignment.detach()) / 2
    offset = _log(halfway) - logits.detach()
    return chosen + gradient_only(2 * (logits + offset).softmax(-1) - assignment / 2)


def log_probability(assignment: Tensor, index: Tensor) -> Tensor:
    """[B] ln of the probability with which a frame's indices were drawn."""
    return _log(assignment.gather(-1, index.unsqueeze(-1))).sum((1, 2))


def _perturbed(assignment: Tensor, draw: Draw) -> Tensor:
    if draw.gumbel is None:
        raise ValueError(
            "backward 'gumbel' needs Gumbel noise: make the draw with link.draw(..., gumbel=True)"
        )
    return _log(assignment) + draw.gumbel


def _log(probabilities: Tensor) -> Tensor:
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def gradient_only(tensor: Tensor) -> Tensor:
    """Zero in value; in the backward pass, the gradient of `tensor`."""
    return tensor - tensor.detach()


def per_frame(weight: float | Tensor, signal: Tensor) -> float | Tensor:
    """A weight in the shape that multiplies a signal [B, ...]."""
    if not isinstance(weight, Tensor):
        return weight
    return weight.to(signal).reshape(-1, *[1] * (signal.dim() - 1))
