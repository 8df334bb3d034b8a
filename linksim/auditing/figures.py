"""What an audit measures of each stage, frame by frame, so that it has an interval."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

from linksim.metrics import mismatch
from linksim.metrics.entropy import entropy
from linksim.metrics.evm import error_vector
from linksim.signals import Trace

Ratio = tuple[Tensor, Tensor]
Key = tuple[str, str]
"""Stage and metric."""

STAGE_OF = {
    "vq_nmse": "quantize",
    "bit_disagreement": "map",
    "symbol_nmse": "map",
    "received_nmse": "received",
    "llr_nmse": "demap",
    "llr_sign_disagreement": "demap",
    "index_disagreement": "decide",
    "embedding_nmse": "decide",
}
"""Figure of `Trace.compare` → stage of the audit."""


def path_figures(soft: Trace, hard: Trace) -> tuple[dict[Key, Ratio], dict[Key, Tensor]]:
    """Everything that two traces tell of their mismatch.

    Returns:
        ratios: (stage, metric) → numerators [B] and denominators [B], whose sums are divided;
        distributions: (stage, metric) → [B, K] per-frame mean distributions, whose mean has an entropy.
    """
    ratios: dict[Key, Ratio] = {}
    distributions: dict[Key, Tensor] = {}
    if soft.assignment is not None:
        ratios["quantize", "assignment_confidence"] = mean_over_frame(soft.assignment.amax(-1))
        ratios["quantize", "conditional_entropy"] = mean_over_frame(entropy(soft.assignment))
        distributions["quantize", "marginal_entropy"] = soft.assignment.mean(1)
    for name, error_and_scale in mismatch.stage_errors(soft, hard).items():
        ratios[STAGE_OF[name], name] = error_and_scale
    if soft.symbols is not None:
        assert hard.symbols is not None
        ratios["map", "soft_power"] = mismatch.energy(soft.symbols), mismatch.energy(hard.symbols)
    if soft.symbol_probabilities is not None:
        ratios["map", "symbol_entropy"] = mean_over_frame(entropy(soft.symbol_probabilities))
        distributions["map", "symbol_marginal_entropy"] = soft.symbol_probabilities.mean(1)
    for name, trace in (("soft", soft), ("hard", hard)):
        # Without converters and amplifier, the hard path transmits its very symbols.
        shaped = hard.transmitted is not hard.symbols
        if shaped and trace.transmitted is not None and trace.symbols is not None:
            ratios["front end", f"{name}_evm"] = error_vector(trace.transmitted, trace.symbols)
        if trace.llr is not None:
            ratios["demap", f"{name}_mean_llr"] = mean_over_frame(trace.llr.abs())
        if trace.crc_ok is not None:
            ratios["decode", f"{name}_frame_errors_detected"] = mean_over_frame(~trace.crc_ok)
    if soft.llr is not None:
        assert hard.llr is not None
        ratios["demap", "llr_rms_error"] = mean_over_frame((soft.llr - hard.llr).double().square())
    if hard.information_llr is not hard.llr and soft.information_llr is not None:
        assert hard.information_llr is not None
        pair = mismatch.sign_disagreement(soft.information_llr, hard.information_llr)
        ratios["decode", "information_llr_sign_disagreement"] = pair
    return ratios, distributions


def task_figures(
    soft: tuple[Tensor, Tensor], hard: tuple[Tensor, Tensor], labels: Tensor
) -> dict[Key, Ratio]:
    """What two outputs of the head tell of their mismatch.

    Args:
        soft, hard: logits [B, C] and features [B, F] of each path.
        labels: [B] classes.

    Returns:
        (stage, metric) → numerators [B] and denominators [B]: `feature_nmse`, `feature_cosine`, `class_kl`
        (Kullback-Leibler divergence of the soft path's class posterior from the hard one's, in nats), and
        the cross-entropies.
    """
    (soft_logits, soft_features), (hard_logits, hard_features) = soft, hard
    cosine = cosine_similarity(soft_features.flatten(1).double(), hard_features.flatten(1).double())
    soft_log, hard_log = soft_logits.double().log_softmax(-1), hard_logits.double().log_softmax(-1)
    divergence = (hard_log.exp() * (hard_log - soft_log)).sum(-1)  # rounding takes it a little below zero
    return {
        ("features", "feature_nmse"): mismatch.normalised_error(soft_features, hard_features),
        ("features", "feature_cosine"): mean_over_frame(cosine),
        ("task", "class_kl"): mean_over_frame(divergence.clamp_min(0)),
        ("task", "soft_cross_entropy"): mean_over_frame(frame_cross_entropy(soft_logits, labels)),
        ("task", "hard_cross_entropy"): mean_over_frame(frame_cross_entropy(hard_logits, labels)),
    }


def frame_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """[B] cross-entropies in nats, in float64, from logits [B, C] and classes [B]."""
    return cross_entropy(logits.double(), labels, reduction="none")


def mean_over_frame(values: Tensor) -> Ratio:
    """Sum over each frame, and number of values: their ratio is the mean."""
    values = values.reshape(len(values), -1).double()
    return values.sum(1), torch.full_like(values[:, 0], values.shape[1])


class FrameFigures:
    """Figures of all transmissions at one SNR, collected batch by batch, and draw by draw.

    Args:
        draws: number of transmissions of every image. All images are added once before any is again, always
            in the same order; the transmissions of an image then count as one cluster.
    """

    def __init__(self, draws: int = 1) -> None:
        self.draws = draws
        self._ratios: dict[Key, list[Ratio]] = {}
        self._distributions: dict[Key, list[Tensor]] = {}
        self._frames: dict[str, list[Tensor]] = {}

    def add(self, ratios: Mapping[Key, Ratio], distributions: Mapping[Key, Tensor] | None = None) -> None:
        """Add what `path_figures` or `task_figures` measured of a batch."""
        for key, (top, bottom) in ratios.items():
            self._ratios.setdefault(key, []).append((top.cpu(), bottom.cpu()))
        for key, distribution in (distributions or {}).items():
            self._distributions.setdefault(key, []).append(distribution.double().cpu())

    def add_frames(self, name: str, values: Tensor) -> None:
        """Add a value for each frame of a batch, such as whether it was classified correctly."""
        self._frames.setdefault(name, []).append(values.cpu())

    def ratios(self, stage: str) -> dict[str, Ratio]:
        """Metric → numerators and denominators [images]."""
        return {
            metric: (
                self._by_image([a for a, _ in pairs]).sum(0),
                self._by_image([b for _, b in pairs]).sum(0),
            )
            for (its_stage, metric), pairs in self._ratios.items()
            if its_stage == stage
        }

    def distributions(self, stage: str) -> dict[str, Tensor]:
        """Metric → [images, K] mean distributions."""
        return {
            metric: self._by_image(parts).mean(0)
            for (its_stage, metric), parts in self._distributions.items()
            if its_stage == stage
        }

    def has_frames(self, name: str) -> bool:
        """Whether `add_frames` was given values of that name."""
        return name in self._frames

    def frames(self, name: str) -> Tensor:
        """[draws, images] values that `add_frames` was given, or with further dimensions behind."""
        return self._by_image(self._frames[name])

    def _by_image(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts).unflatten(0, (self.draws, -1))
