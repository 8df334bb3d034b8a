"""Transmissions whose values are those of one path and whose gradient is estimated otherwise."""

from collections.abc import Mapping
from dataclasses import fields

import torch
from torch import Tensor

from linksim.chain import STAGES, Chain
from linksim.gradients import (
    SAMPLED,
    gradient_only,
    log_probability,
    looked_up,
    per_frame,
    relaxed_index,
    sampled_index,
    straight_through,
)
from linksim.signals import Draw, Trace

Weights = Mapping[str, float | Tensor]
HARD: Mapping[str, str] = dict.fromkeys(STAGES, "hard")


def hard_forward(link: Chain, draw: Draw, soft: Trace, weights: Weights) -> Trace:
    """The hard path beside a soft one, with the gradient that `weights` name.

    Args:
        link: the stages.
        draw: of B frames.
        soft: the soft path on the same draw, which latents, gradients and drawn indices come from.
        weights: as `gradients.backward_weights` gives them.
    """
    if weights.keys() & set(SAMPLED):
        return _sampled(link, draw, soft, next(iter(weights)))
    values = link.run_hard_beside(soft, draw)
    return values.replace(embedding=_embedding(link, values, draw, soft, weights))


def soft_forward(link: Chain, values: Trace, draw: Draw, soft: Trace, weights: Weights) -> Trace:
    """The soft path `values`, with the gradient that `weights` name; drawn indices do not exist on it."""
    if weights.keys() & set(SAMPLED):
        weights = {"surrogate": 1.0}
    return values.replace(embedding=_embedding(link, values, draw, soft, weights))


def blended(hard: Trace, soft: Trace, share: Tensor) -> Trace:
    """Embeddings mixed by the share of the hard path, [B]; what else there is, from the path with the larger.

    Between 0 and 1 no transmitter could send that: it is a way to train.
    """
    assert hard.embedding is not None
    assert soft.embedding is not None
    weight = per_frame(share, hard.embedding)
    mixed = weight * hard.embedding + (1 - weight) * soft.embedding
    signals = {}
    for name in (field.name for field in fields(Trace)):
        mine, other = getattr(hard, name), getattr(soft, name)
        if isinstance(mine, Tensor) and isinstance(other, Tensor):
            choice = (share >= 0.5).reshape(-1, *[1] * (mine.dim() - 1))
            signals[name] = torch.where(choice, mine, other)
    if hard.log_probability is not None:  # indices of a frame that is sent softly decide nothing
        signals["log_probability"] = hard.log_probability * (share > 0)
    return hard.replace(**{**signals, "embedding": mixed})


def _embedding(link: Chain, values: Trace, draw: Draw, soft: Trace, weights: Weights) -> Tensor:
    """[B, N, D] embedding of `values` with a weighted sum of gradients."""
    assert values.embedding is not None
    assert soft.embedding is not None
    embedding = values.embedding.detach()
    if _counts(weights, "surrogate"):
        embedding = embedding + per_frame(weights["surrogate"], embedding) * gradient_only(soft.embedding)
    if _counts(weights, "surrogate-at-symbols"):
        assert soft.symbols is not None
        if link.defects.batch is not None:
            raise ValueError(
                "backward 'surrogate-at-symbols' needs symbols that belong to frames: leave the defect "
                "'batch-padding' out, or take 'surrogate'"
            )
        received = _received(link, values, gradient_only(soft.symbols), draw)
        weight = per_frame(weights["surrogate-at-symbols"], embedding)
        embedding = embedding + weight * gradient_only(received)
    if _counts(weights, "straight-through"):
        by_index = link.config.decision == "map" and values.assignment is None
        through = straight_through(values, link.codebook, looked_up_by_index=by_index)
        embedding = embedding + per_frame(weights["straight-through"], embedding) * through
    return embedding


def _sampled(link: Chain, draw: Draw, soft: Trace, name: str) -> Trace:
    """The hard path with indices drawn from the soft path's assignment."""
    assert soft.assignment is not None
    index = sampled_index(name, soft.assignment, draw, link.quantize)
    values = link.run(None, index, None, draw, HARD, None, None).replace(latents=soft.latents)
    if name == "score-function":
        through = looked_up(values, link.codebook, link.config.decision == "map")
        values = values.replace(log_probability=log_probability(soft.assignment, index))
    else:
        symbols = link.mean_symbols(relaxed_index(name, soft.assignment, index, draw))
        through = _received(link, values, gradient_only(symbols), draw)
    embedding = values.embedding
    assert embedding is not None
    return values.replace(embedding=embedding.detach() + gradient_only(through))


def _received(link: Chain, values: Trace, gradient: Tensor, draw: Draw) -> Tensor:
    """[B, N, D] embedding received for the symbols of `values`, differentiable in what is added to them."""
    assert values.symbols is not None
    sent = values.replace(symbols=values.symbols.detach() + gradient)
    received = link.receive(sent, draw, {**HARD, "decide": "soft"}).embedding
    assert received is not None
    return received


def _counts(weights: Weights, name: str) -> bool:
    weight = weights.get(name, 0.0)
    return isinstance(weight, Tensor) or weight != 0
