"""Small random links on which every index tuple can be enumerated, and the exact gradient on them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from linksim import Draw, Link, LinkConfig, checks
from linksim.seeds import stream, stream_seed
from linksim_training.isolation import isolated
from linksim_training.model import SemanticModel
from linksim_training.networks import Head

MOST_TUPLES = 4096
HEAD_WIDTH = 16
HEAD_GAIN = 2.0
"""Of the head's random weights: large enough that the loss is far from linear in the embedding."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a problem is: K^N index tuples of `latents` times `draws` frames."""

    tokens: int = 2
    codebook_size: int = 6
    embedding_dim: int = 4
    bits_per_symbol: int = 2
    classes: int = 4
    latents: int = 4
    draws: int = 4

    def __post_init__(self) -> None:
        for name, least in {"latents": 1, "draws": 2, "classes": 2}.items():
            checks.whole(name, getattr(self, name), least)
        tuples = self.codebook_size**self.tokens
        if tuples > MOST_TUPLES:
            raise ValueError(
                f"{self.codebook_size} codewords in {self.tokens} tokens make {tuples} frames to enumerate, "
                f"more than {MOST_TUPLES}: give fewer"
            )


@dataclass(frozen=True)
class Problem:
    """A link and a head with random weights, and latents to send.

    Attributes:
        model: whose encoder is the identity.
        latents: [B, N, D] of B frames; those of `draws` frames in a row are equal.
        labels: [B].
        draws: frames in a row.
        tuples: [K^N, N] all indices that a frame can send.
    """

    model: SemanticModel
    latents: Tensor
    labels: Tensor
    draws: int
    tuples: Tensor

    @staticmethod
    def make(sizes: Sizes, seed: int, number: int) -> "Problem":
        """Draw everything about the problem of that number, in float64."""
        config = LinkConfig(
            tokens=sizes.tokens,
            codebook_size=sizes.codebook_size,
            embedding_dim=sizes.embedding_dim,
            bits_per_symbol=sizes.bits_per_symbol,
        )
        with isolated(stream_seed(seed, "head", number)):
            head = Head(sizes.tokens, sizes.embedding_dim, sizes.classes, HEAD_WIDTH, dropout=0.0)
            for layer in head.modules():
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_normal_(layer.weight, HEAD_GAIN)
        link = Link(config, generator=stream(seed, "codebook", number))
        generator = stream(seed, "latents", number)
        shape = (sizes.latents, sizes.tokens, sizes.embedding_dim)
        latents = torch.randn(shape, generator=generator, dtype=torch.float64)
        labels = torch.randint(sizes.classes, (sizes.latents,), generator=generator)
        every = [torch.arange(sizes.codebook_size)] * sizes.tokens
        return Problem(
            SemanticModel(nn.Identity(), link, head).double().eval(),
            latents.repeat_interleave(sizes.draws, 0),
            labels.repeat_interleave(sizes.draws, 0),
            sizes.draws,
            torch.cartesian_prod(*every).reshape(-1, sizes.tokens),
        )

    def draw(self, snr_db: float, seed: int, number: int) -> Draw:
        """A draw per frame; at another SNR the same noise, scaled."""
        return self.model.link.draw(len(self.latents), snr_db, stream(seed, "draw", number))

    def probabilities(self, assignment: Tensor) -> Tensor:
        """[B, K^N] of all index tuples under an assignment [B, N, K]."""
        tokens = torch.arange(self.tuples.shape[1])
        return assignment[:, tokens, self.tuples].prod(-1)


Gradients = tuple[Tensor, Tensor]
"""With respect to the latents, [B, N·D], and to the codebook, [K·D]."""


def exact_gradient(problem: Problem, draw: Draw, lambda_vec: float = 0.0) -> Gradients:
    """∇ Σ_k q(k)·L(k): the gradient of the loss expected over indices drawn from the assignment.

    q is the soft path's assignment at the link's temperature, independent from token to token; L(k) is the
    loss of the deployed link for the indices k on the draw. Gradients flow through q and through L, whose
    receiver reads the codebook.

    Args:
        problem: whose loss it is.
        draw: of its B frames.
        lambda_vec: weight of the latent reconstruction in the loss.
    """
    model, latents = problem.model, problem.latents.clone().requires_grad_()
    loss = _expected_loss(problem, latents, draw, lambda_vec)
    to_latents, to_codebook = torch.autograd.grad(loss, (latents, model.link.codebook))
    return to_latents.flatten(1), to_codebook.flatten()


def _expected_loss(problem: Problem, latents: Tensor, draw: Draw, lambda_vec: float) -> Tensor:
    model, count = problem.model, len(problem.tuples)
    soft = model.link.soft(latents, draw)
    assert soft.assignment is not None
    assert soft.latents is not None
    index = problem.tuples.repeat(len(latents), 1)
    trace = model.link.hard(index=index, draw=repeated(draw, count))
    assert trace.embedding is not None
    labels = problem.labels.repeat_interleave(count)
    loss = cross_entropy(model.decode(trace).logits, labels, reduction="none")
    error = trace.embedding - soft.latents.repeat_interleave(count, 0)
    loss = loss + lambda_vec * error.square().flatten(1).mean(1)
    return (problem.probabilities(soft.assignment) * loss.unflatten(0, (-1, count))).sum()


def repeated(draw: Draw, count: int) -> Draw:
    """Each frame's draw `count` times in a row."""
    return draw[torch.arange(len(draw)).repeat_interleave(count)]
