"""What an audit measures of each stage, kept frame by frame so that it has an interval."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from linksim.metrics import mismatch
from linksim.metrics.entropy import entropy
from linksim.metrics.evm import error_vector
from linksim.metrics.intervals import ratio
from linksim.signals import Trace

Ratio = tuple[Tensor, Tensor]

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

SQUARED = ("soft_evm", "hard_evm")
"""Figures whose ratio is the square of what is reported."""


def path_figures(
    soft: Trace, hard: Trace
) -> tuple[dict[tuple[str, str], Ratio], dict[tuple[str, str], Tensor]]:
    """Everything that two traces tell of their mismatch, frame by frame.

    Returns:
        ratios: (stage, metric) → numerators [B] and denominators [B], whose sums are divided;
        distributions: (stage, metric) → [B, K] per-frame mean distributions, whose mean has an entropy.
    """
    ratios: dict[tuple[str, str], Ratio] = {}
    distributions: dict[tuple[str, str], Tensor] = {}
    if soft.assignment is not None:
        confidence = soft.assignment.amax(-1)
        ratios["quantize", "assignment_confidence"] = mean_over_frame(confidence)
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
        if trace.transmitted is not None and trace.transmitted is not trace.symbols:
            assert trace.symbols is not None
            ratios["front end", f"{name}_evm"] = error_vector(trace.transmitted, trace.symbols)
        if trace.llr is not None:
            ratios["demap", f"{name}_mean_llr"] = mean_over_frame(trace.llr.abs())
        if trace.crc_ok is not None:
            ratios["decode", f"{name}_frame_errors_detected"] = mean_over_frame(~trace.crc_ok)
    if hard.information_llr is not hard.llr and soft.information_llr is not None:
        assert hard.information_llr is not None
        pair = mismatch.sign_disagreement(soft.information_llr, hard.information_llr)
        ratios["decode", "information_llr_sign_disagreement"] = pair
    return ratios, distributions


def mean_over_frame(values: Tensor) -> Ratio:
    """Sum over each frame, and number of values: their ratio is the mean."""
    values = values.reshape(len(values), -1).double()
    return values.sum(1), torch.full_like(values[:, 0], values.shape[1])


class FrameFigures:
    """Figures of all frames of one SNR."""

    def __init__(self) -> None:
        self._ratios: dict[tuple[str, str], list[Ratio]] = defaultdict(list)
        self._distributions: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
        self._correct: list[Tensor] = []

    def add(self, figures: tuple[Mapping[tuple[str, str], Ratio], Mapping[tuple[str, str], Tensor]]) -> None:
        """Add what `path_figures` measured of a batch."""
        ratios, distributions = figures
        for (stage, metric), pair in ratios.items():
            self.add_ratio(stage, metric, pair)
        for key, distribution in distributions.items():
            self._distributions[key].append(distribution.double().cpu())

    def add_ratio(self, stage: str, metric: str, pair: Ratio) -> None:
        """Add numerators and denominators of a batch."""
        self._ratios[stage, metric].append((pair[0].cpu(), pair[1].cpu()))

    def add_correct(self, soft: Tensor, hard: Tensor) -> None:
        """Add which frames of a batch each path classified correctly."""
        self._correct.append(torch.stack([soft, hard]).cpu())

    def ratios(self, stage: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Metric → numerators and denominators over all frames."""
        return {
            metric: (
                torch.cat([top for top, _ in pairs]).numpy(),
                torch.cat([bottom for _, bottom in pairs]).numpy(),
            )
            for (its_stage, metric), pairs in self._ratios.items()
            if its_stage == stage
        }

    def marginals(self, stage: str) -> dict[str, tuple[float, float, float]]:
        """Metric → entropy of the mean distribution with its interval, in nats.

        Beside that of the assignment stands its exponential, the perplexity. The entropy of a mean is the
        mean of the frames' cross-entropies to it, whose spread is its linearised variance.
        """
        found: dict[str, tuple[float, float, float]] = {}
        for (its_stage, metric), parts in self._distributions.items():
            if its_stage != stage:
                continue
            frames = torch.cat(parts)
            log_mean = frames.mean(0).clamp_min(torch.finfo(torch.float64).tiny).log()
            cross_entropies = -(frames @ log_mean)
            figure = ratio(cross_entropies.numpy(), np.ones(len(frames)))
            found[metric] = figure
            if metric == "marginal_entropy":
                value, low, high = np.exp(figure)
                found["assignment_perplexity"] = float(value), float(low), float(high)
        return found

    def correct(self) -> tuple[Tensor, Tensor]:
        """[n] booleans: soft path, hard path."""
        soft, hard = torch.cat(self._correct, 1)
        return soft, hard
