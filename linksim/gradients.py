"""Gradients for a forward pass that has none of its own."""

from collections.abc import Mapping

from torch import Tensor

from linksim import checks
from linksim.signals import Trace

BACKWARDS = ("surrogate", "straight-through")


def backward_weights(backward: str | Mapping[str, float]) -> dict[str, float]:
    """Weights of the gradients named by `backward`: a name, or a weight for each name.

    Raises:
        TypeError: if a weight is not a number.
        ValueError: if a name is unknown or a weight negative.
    """
    weights = {backward: 1.0} if isinstance(backward, str) else dict(backward)
    for name, weight in weights.items():
        checks.one_of("backward", name, BACKWARDS)
        checks.real(f"backward[{name!r}]", weight, least=0)
    if not sum(weights.values()):
        raise ValueError(f"backward must give at least one of {', '.join(BACKWARDS)} a positive weight")
    return {**dict.fromkeys(BACKWARDS, 0.0), **weights}


def with_gradient(
    values: Trace, soft: Trace, codebook: Tensor, weights: Mapping[str, float], *, looked_up_by_index: bool
) -> Tensor:
    """The embedding of `values` with a weighted sum of gradients.

    Args:
        values: the trace whose embedding is the value, [B, N, D].
        soft: the soft trace on the same draw; "surrogate" is the gradient of its embedding.
        codebook: [K, D]; "straight-through" reaches it through the receiver's lookup, and the normalised
            latents as if the link were the identity.
        weights: of "surrogate" and "straight-through".
        looked_up_by_index: whether the receiver looks up one codeword (else the posterior mean).

    Returns:
        [B, N, D] embedding.
    """
    assert values.embedding is not None
    assert values.latents is not None
    assert values.posterior is not None
    assert soft.embedding is not None
    embedding = values.embedding.detach()
    if weights["surrogate"]:
        embedding = embedding + weights["surrogate"] * gradient_only(soft.embedding)
    if weights["straight-through"]:
        received = (
            codebook[values.decoded_index] if looked_up_by_index else values.posterior.detach() @ codebook
        )
        through = gradient_only(received) + gradient_only(values.latents)
        embedding = embedding + weights["straight-through"] * through
    return embedding


def gradient_only(tensor: Tensor) -> Tensor:
    """Zero in value; in the backward pass, the gradient of `tensor`."""
    return tensor - tensor.detach()
