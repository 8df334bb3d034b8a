"""Bias and variance of the gradient estimators, against the exact gradient where it can be enumerated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from linksim import Draw, checks
from linksim.gradients import SAMPLED
from linksim.metrics.intervals import ratio
from linksim.seeds import stream, stream_seed
from linksim_benchmarks.gradient_problems import Gradients, Problem, Sizes, exact_gradient, repeated
from linksim_training import TrainConfig
from linksim_training.score import with_score

ESTIMATORS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "surrogate": {"gradient": "surrogate"},
        "surrogate-at-symbols": {"gradient": "surrogate", "surrogate_at": "symbols"},
        "end-to-end": {"gradient": "surrogate", "surrogate_at": "end-to-end"},
        "straight-through": {"gradient": "straight-through"},
        "mixed": {"gradient": "mixed"},
        "gumbel": {"gradient": "gumbel"},
        "reinmax": {"gradient": "reinmax"},
        "score-function": {"gradient": "score-function"},
    }
)
"""Settings of the trainer that each estimator has in phase 2."""

GROUPS = 8
"""Parts that Gumbel noise is drawn in; what they disagree in says how far off their mean is."""


@dataclass(frozen=True)
class Estimate:
    """What an estimator gives on a draw, in the mean over what it draws itself.

    Attributes:
        mean: its expectation, or the mean of its samples.
        error: E‖mean − expectation‖², of latents and codebook; zero where the expectation is exact.
        variance: [B] E‖g − E[g]‖² of the gradient with respect to the latents.
    """

    mean: Gradients
    error: tuple[float, float]
    variance: Tensor


def estimate(
    problem: Problem, name: str, draw: Draw, replicas: int = 512, seed: int = 0, lambda_vec: float = 0.0
) -> Estimate:
    """Expectation and variance of an estimator on a draw, through the code that trains.

    Estimators that send the nearest codewords have one value. Indices that are drawn by inverting the
    cumulative distribution are enumerated, by uniforms chosen for each; Gumbel noise is drawn anew.

    Args:
        problem: whose gradient it is.
        name: one of `ESTIMATORS`.
        draw: of the problem's B frames.
        replicas: samples of Gumbel noise per frame, a multiple of `GROUPS`.
        seed: of that noise.
        lambda_vec: weight of the latent reconstruction in the loss.
    """
    config = TrainConfig(**ESTIMATORS[name], lambda_vec=lambda_vec)
    frames = len(draw)
    if name == "gumbel":
        each = replicas // GROUPS
        ones = torch.full((frames, each), 1 / each, dtype=torch.float64)
        noise = stream(seed, "gumbel")
        parts = [
            _gradients(problem, config, _perturbed(problem, draw, each, noise), ones)[:2]
            for _ in range(GROUPS)
        ]
        samples = torch.cat([part[0] for part in parts], 1)
        books = torch.stack([part[1] for part in parts])
        mean, book = samples.mean(1), books.mean(0)
        variance = (samples - mean.unsqueeze(1)).square().sum((1, 2)) / (replicas - 1)
        error = (books - book).square().sum() / (GROUPS - 1) / GROUPS
        return Estimate((mean, book), (float(variance.sum() / replicas), float(error)), variance)
    weights = torch.ones(frames, 1, dtype=torch.float64)
    if config.gradient in SAMPLED:
        assignment = problem.model.link.soft(problem.latents, draw).assignment
        assert assignment is not None
        weights = problem.probabilities(assignment.detach())
        draw = _enumerated(problem, draw, assignment.detach())
    samples, book, index = _gradients(problem, config, draw, weights)
    if weights.shape[1] > 1:
        # An index whose probability is below rounding has no uniform that draws it, and no weight either.
        missed = (index.unflatten(0, (frames, -1)) != problem.tuples).any(-1)
        assert bool((weights[missed] < 1e-12).all())
    mean = (weights.unsqueeze(-1) * samples).sum(1)
    variance = (weights * (samples - mean.unsqueeze(1)).square().sum(-1)).sum(1)
    return Estimate((mean, book), (0.0, 0.0), variance)


def _gradients(
    problem: Problem, config: TrainConfig, draw: Draw, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of R replicas of each frame, [B, R, N·D], of the codebook in their mean, and the indices."""
    model, count = problem.model, weights.shape[1]
    latents = problem.latents.repeat_interleave(count, 0).requires_grad_()
    labels = problem.labels.repeat_interleave(count)
    output = model(
        latents,
        draw,
        path="hard",
        backward=config.backward(0.0, draw.snr_db),
        end_to_end=config.surrogate_at == "end-to-end",
    )
    output = with_score(model, output, labels, draw, config)
    loss = cross_entropy(output.logits, labels, reduction="none")
    trace = output.trace
    assert trace.embedding is not None
    assert trace.latents is not None
    assert trace.index is not None
    error = (trace.embedding - trace.latents).square().flatten(1).mean(1)
    loss = loss + config.lambda_vec * error
    if output.score is not None:
        loss = loss + output.score - output.score.detach()
    codebook = model.link.codebook
    (to_latents,) = torch.autograd.grad(loss.sum(), latents, retain_graph=True)
    (to_codebook,) = torch.autograd.grad((weights.flatten() * loss).sum(), codebook)
    return to_latents.flatten(1).unflatten(0, (-1, count)), to_codebook.flatten(), trace.index


def _enumerated(problem: Problem, draw: Draw, assignment: Tensor) -> Draw:
    """Every frame's draw K^N times, with the uniforms that draw each index tuple."""
    cumulative = assignment.cumsum(-1)
    tokens = torch.arange(problem.tuples.shape[1])
    middle = (cumulative - assignment / 2) / cumulative[..., -1:]
    uniforms = middle[:, tokens, problem.tuples].flatten(0, 1)
    return replace(repeated(draw, len(problem.tuples)), uniforms=uniforms)


def _perturbed(problem: Problem, draw: Draw, count: int, generator: torch.Generator) -> Draw:
    """Every frame's draw `count` times, with fresh Gumbel noise."""
    noise = problem.model.link.draw(len(draw) * count, 0.0, generator, gumbel=True).gumbel
    return replace(repeated(draw, count), gumbel=noise)


def figures(exact: Gradients, found: Estimate, draws: int) -> dict[str, float]:
    """How far an estimate is from the exact gradient, relative to it.

    bias: ‖E[g] − g*‖/‖g*‖ over all frames; cosine: of the angle between them; both also for the codebook.
    variance: E‖g − E[g]‖²/‖g*‖² on a fixed draw; variance_with_channel: with the draw of the channel as well.
    What sampling adds to a squared distance or length in the mean is taken away.

    Args:
        exact: gradients.
        found: what the estimator gives.
        draws: frames in a row that differ in the draw of the channel alone.
    """
    result = {}
    for suffix, star, mean, error in zip(("", "_codebook"), exact, found.mean, found.error, strict=True):
        scale = float(star.square().sum())
        distance = float((mean - star).square().sum()) - error
        length = max(float(mean.square().sum()) - error, 1e-300)
        result[f"bias{suffix}"] = (max(distance, 0.0) / scale) ** 0.5
        result[f"cosine{suffix}"] = float((mean * star).sum()) / (length * scale) ** 0.5
    scale = float(exact[0].square().sum()) / len(exact[0])
    by_draw = found.mean[0].unflatten(0, (-1, draws))
    spread = float(by_draw.var(1).sum(-1).mean()) - found.error[0] / len(exact[0])
    own = float(found.variance.mean())
    result["variance"] = own / scale
    result["variance_with_channel"] = (own + max(spread, 0.0)) / scale
    return result


def estimator_rows(
    sizes: Sizes,
    snr_db: Sequence[float],
    vq_temp: Sequence[float],
    *,
    problems: int,
    seed: int,
    symbol_temp: float = 0.7,
    replicas: int = 512,
    advance: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """A row of mean figures with 95 % intervals for each estimator, SNR and temperature.

    Args:
        sizes: of each problem.
        snr_db, vq_temp: where to compare; every point sees the same problems and the same noise.
        problems: independent ones that means and intervals are over, at least 2.
        seed: of everything random.
        symbol_temp: temperature of the soft symbols.
        replicas: samples of Gumbel noise per frame.
        advance: called after every problem, for progress.
    """
    checks.whole("problems", problems, 2)
    checks.whole("replicas", replicas, GROUPS)
    replicas -= replicas % GROUPS
    found: dict[tuple[str, float, float], list[dict[str, float]]] = {}
    for number in range(problems):
        problem = Problem.make(sizes, seed, number)
        link = problem.model.link
        for temperature in vq_temp:
            link.vq_temp, link.symbol_temp = temperature, symbol_temp
            for snr in snr_db:
                draw = problem.draw(snr, seed, number)
                exact = exact_gradient(problem, draw)
                for name in ESTIMATORS:
                    noise = stream_seed(seed, "replicas", number)
                    one = estimate(problem, name, draw, replicas, noise)
                    found.setdefault((name, snr, temperature), []).append(figures(exact, one, sizes.draws))
        advance()
    return [
        {"gradient": name, "snr_db": snr, "vq_temp": temperature, **_means(figures_of)}
        for (name, snr, temperature), figures_of in found.items()
    ]


def _means(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure over independent problems, with ends of its 95 % interval by Student's t."""
    row: dict[str, float] = {}
    for name in found[0]:
        mean, low, high = ratio([one[name] for one in found], [1.0] * len(found))
        row |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    return row
