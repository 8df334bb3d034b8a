"""Loss terms: sums over frames first, then what follows from them."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding, one_hot

from linksim import Trace
from linksim.metrics.entropy import entropy
from linksim_training.build import AnyModel
from linksim_training.config import TrainConfig
from linksim_training.distributions import distribution_sums
from linksim_training.model import Output
from linksim_training.options.loss_weights import CONSISTENCY_STAGES
from linksim_training.parts import AnyOutput, Part, parts_of
from linksim_training.routed_model import RoutedModel, RoutedOutput

SMOOTHING = 0.1
"""Share of the assignment in the usage of codewords."""

EVEN = ("vq", "vq_entropy", "symbol_entropy")
"""Sums to which all modes contribute alike."""


def loss_terms(
    model: AnyModel, output: AnyOutput, labels: Tensor, config: TrainConfig, phase: str
) -> dict[str, Tensor]:
    """Every term of the loss before weighting, by name, each to be minimised.

    cls: cross-entropy of the classes; with several modes, of each mode with its weight.
    vec: mean square error of the received embedding against the latents.
    vq: commitment; latents against their codewords and codewords against their latents.
    sym: symbols per frame, a constant while a model has one mode.
    lb: load balance between modes, zero without a router: with J modes, J·Σ_j f_j·P_j of the share
        of frames f_j whose most probable mode is j and its mean probability P_j, least (1) at equal shares
        (Fedus et al., Switch Transformers, JMLR 23:120, 2022, equation 4).
    entropy: minus the conditional entropies of the assignment and of the symbols, E[H(q|z)] + E[H(p_sym)].
    marginal: minus the marginal entropy of the assignment, H(E[q]), or of the codewords used.
    consistency: soft against hard, in phase 2.
    soft: cross-entropy of the soft path, in phase 2.

    Of several modes, vq, entropy, marginal and consistency are means over all of them, so that those that the
    router leaves aside do not decay.
    """
    return terms_of(frame_sums(model, output, labels, config, phase), config)


def frame_sums(
    model: AnyModel, output: AnyOutput, labels: Tensor, config: TrainConfig, phase: str
) -> dict[str, Tensor]:
    """What the terms are made of, added over the frames of a batch, and the number of frames."""
    parts = parts_of(model, output, config.mode_floor)
    sums: dict[str, Tensor] = {}
    for part in parts:
        for name, one in _part_sums(part, labels, config, phase).items():
            share = 1 / len(parts) if name in EVEN or name.startswith("consistency") else 1.0
            own = one if share == 1 else share * one
            sums[name] = sums[name] + own if name in sums else own
    sums["frames"] = sums["cls"].new_tensor(float(len(labels)))
    if isinstance(output, RoutedOutput):
        assert isinstance(model, RoutedModel)
        assert output.weights is not None
        probabilities, weights = output.routing.probabilities, output.weights
        symbols = model.link.symbols.to(weights)
        sums["sym"] = (weights * symbols).sum()
        sums["modes chosen"] = one_hot(output.routing.mode, len(symbols)).to(probabilities).sum(0)
        sums["modes probable"] = probabilities.sum(0)
    return sums


def _part_sums(part: Part, labels: Tensor, config: TrainConfig, phase: str) -> dict[str, Tensor]:
    """The same of one mode."""
    link, output, suffix, weight = part
    trace = output.trace
    assert trace.assignment is not None
    assert trace.symbol_probabilities is not None
    assert trace.latents is not None
    assert trace.embedding is not None
    nearest = trace.index if trace.surrogate is None else trace.surrogate.index
    assert nearest is not None
    off = _energy(trace.latents - embedding(nearest, link.codebook))
    shared = distribution_sums(trace, suffix)
    fixed = None if weight is None else weight.detach()
    parts = {
        "cls": _cross_entropy(output.logits, labels, config, weight),
        "vec": _energy(trace.embedding - trace.latents, fixed),
        # Latents to fixed codewords and codewords to fixed latents: twice one value, each with its gradient.
        "vq": off + off.detach(),
        "sym": trace.latents.new_tensor(float(len(labels) * link.layout.symbols)),
        "lb": trace.latents.new_zeros(()),
        **shared,
        f"marginal{suffix}": (
            shared[f"assignment_usage{suffix}"]
            if config.marginal_of == "assignment"
            else _smoothed_usage(trace).mean(1).sum(0)
        ),
    }
    if phase == "ALIGNMENT":
        parts.update(_consistency_sums(output, config))
        if output.surrogate_logits is not None:
            parts["soft"] = _cross_entropy(output.surrogate_logits, labels, config, fixed)
    if output.score is not None:
        parts["score"] = output.score.sum()
    return parts


def terms_of(sums: dict[str, Tensor], config: TrainConfig) -> dict[str, Tensor]:
    """The terms from sums over all frames; most are means over frames."""
    frames = sums["frames"]
    terms = {name: sums[name] / frames for name in ("cls", "vec", "vq", "sym", "lb")}
    terms["entropy"] = -(sums["vq_entropy"] + sums["symbol_entropy"]) / frames
    if "modes chosen" in sums:
        chosen, probable = sums["modes chosen"] / frames, sums["modes probable"] / frames
        terms["lb"] = len(chosen) * (chosen * probable).sum()
    marginals = [entropy(one / frames) for name, one in sums.items() if name.startswith("marginal")]
    terms["marginal"] = -torch.stack(marginals).mean()
    if any(name.startswith("consistency") for name in sums) or "soft" in sums:
        terms["consistency"] = _consistency(sums, config)
    for name in ("soft", "score"):
        if name in sums:
            terms[name] = sums[name] / frames
    return terms


def total_loss(terms: dict[str, Tensor], config: TrainConfig, epoch: int | None = None) -> Tensor:
    """The classification loss plus the weighted sum of the other terms.

    A term of weight zero counts in value, so that it is noticed if it is not finite, and has no gradient.

    Args:
        terms: as `loss_terms` gives them.
        config: their weights.
        epoch: whose warm-up counts; the last if None.
    """
    epoch = config.epochs if epoch is None else epoch
    loss = terms["cls"]
    for name, term in terms.items():
        if name not in ("cls", "score"):
            weight = config.weight(name, epoch)
            loss = loss + weight * (term if weight else term.detach())
    return loss


def consistency(output: Output, config: TrainConfig) -> Tensor:
    """Relative energy of the soft-hard difference, weighted and summed over the chosen stages.

    ‖soft − sg(hard)‖²/‖sg(hard)‖² pulls the soft path to the hard one; the symmetric part swaps the roles.
    """
    return _consistency(_consistency_sums(output, config), config)


def _consistency_sums(output: Output, config: TrainConfig) -> dict[str, Tensor]:
    trace, soft = output.trace, output.trace.surrogate
    assert soft is not None
    assert output.surrogate_features is not None
    pairs = {
        "vq": (soft.quantized, trace.quantized),
        "symbol": (soft.symbols, trace.symbols),
        "features": (output.surrogate_features, output.features),
    }
    parts = {"consistency": output.logits.new_zeros(())}
    for stage in config.consistency_stages:
        mine, deployed = pairs[stage]
        assert mine is not None
        assert deployed is not None
        parts[f"consistency {stage}"] = _square(mine - deployed.detach())
        parts[f"consistency {stage} scale"] = _square(deployed.detach())
        if config.symmetric_consistency:
            parts[f"consistency {stage} back"] = _square(deployed - mine.detach())
            parts[f"consistency {stage} back scale"] = _square(mine.detach())
    return parts


def _consistency(sums: dict[str, Tensor], config: TrainConfig) -> Tensor:
    loss = sums["consistency"]
    for stage in CONSISTENCY_STAGES:
        weight = getattr(config, f"consistency_{stage}")
        for name, share in ((stage, 1.0), (f"{stage} back", config.symmetric_consistency)):
            if f"consistency {name}" in sums:
                scale = sums[f"consistency {name} scale"].clamp_min(1e-12)
                loss = loss + weight * share * sums[f"consistency {name}"] / scale
    return loss


def _smoothed_usage(trace: Trace) -> Tensor:
    """[B, N, K] codewords used, as distributions with the gradient of the assignment."""
    assert trace.assignment is not None
    soft = trace if trace.surrogate is None else trace.surrogate
    assert soft.index is not None
    used = one_hot(soft.index, trace.assignment.shape[-1]).to(trace.assignment.dtype)
    used = used + trace.assignment - trace.assignment.detach()
    # A little of the assignment keeps the logarithm of an unused codeword finite.
    return (1 - SMOOTHING) * used + SMOOTHING * trace.assignment


def _cross_entropy(
    logits: Tensor, labels: Tensor, config: TrainConfig, weight: Tensor | None = None
) -> Tensor:
    if weight is None:
        return cross_entropy(logits, labels, label_smoothing=config.label_smoothing, reduction="sum")
    of_frames = cross_entropy(logits, labels, label_smoothing=config.label_smoothing, reduction="none")
    return (weight * of_frames).sum()


def _energy(difference: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean square of each frame, added over the frames."""
    if weight is None:
        return difference.square().sum() / difference[0].numel()
    return (weight * difference.square().flatten(1).mean(1)).sum()


def _square(signal: Tensor) -> Tensor:
    """Σ|x|² of a real or complex signal."""
    return torch.view_as_real(signal).square().sum() if signal.is_complex() else signal.square().sum()
