"""Rows of an audit: figures with intervals, from what was measured frame by frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linksim.auditing.bootstrap import Figure, mean_difference
from linksim.auditing.figures import FrameFigures
from linksim.expected_llr import expected_mean_llr
from linksim.link import Link
from linksim.metrics.intervals import clopper_pearson, clustered_proportion, newcombe_paired, ratio

STAGES = (
    "quantize",
    "map",
    "front end",
    "received",
    "demap",
    "decode",
    "decide",
    "features",
    "task",
)
"""The stages in the order of the chain, as rows name them."""

LEAST_DB = -200.0
"""What errors of zero count as in dB."""

SHARES = (
    "bit_disagreement",
    "llr_sign_disagreement",
    "information_llr_sign_disagreement",
    "index_disagreement",
    "soft_frame_errors_detected",
    "hard_frame_errors_detected",
)
"""Figures that count: bits, indices or frames out of all."""

SQUARED = ("soft_evm", "hard_evm", "llr_rms_error")
"""Figures whose ratio is the square of what is reported."""


@dataclass(frozen=True)
class Expectations:
    """What figures are compared with.

    Attributes:
        symbol_entropy: marginal entropy of symbols that is enough, ln(M)/2, in nats.
        mean_llr: mean |LLR| where all codewords are sent equally often.
    """

    symbol_entropy: float
    mean_llr: float

    @classmethod
    def of(cls, link: Link, snr_db: float) -> Expectations:
        """Those of a link at an Es/N0 in dB."""
        return cls(link.config.bits_per_symbol * math.log(2) / 2, expected_mean_llr(link, snr_db))


def stage_rows(figures: FrameFigures, expected: Expectations) -> Iterator[dict[str, Any]]:
    """Rows of one SNR: stage, metric, value, low, high.

    Ratios over frames have Student's interval from their linearised variance, accuracies of one draw the
    exact binomial one, of several that of clusters, the gap Newcombe's or the bootstrap's.
    """
    for stage in STAGES:
        found: dict[str, Figure] = {}
        for metric, (top, bottom) in figures.ratios(stage).items():
            figure = _ratio(metric, _array(top), _array(bottom))
            if figure is not None:
                found[metric] = figure
        found |= {metric: _entropy(parts) for metric, parts in figures.distributions(stage).items()}
        if stage == "task":
            found |= _accuracies(figures)
        for metric in SQUARED:
            if metric in found:
                found[metric] = _mapped(lambda value: max(value, 0.0) ** 0.5, found[metric])
        for metric, figure in _with_derived(found, expected):
            value, low, high = figure
            yield {"stage": stage, "metric": metric, "value": value, "low": low, "high": high}


def _ratio(metric: str, top: np.ndarray, bottom: np.ndarray) -> Figure | None:
    """Ratio of sums with its interval; 0/0 is 0, and something over nothing has no figure."""
    if not bottom.any():
        return None if top.any() else (0.0, 0.0, 0.0)
    if metric in SHARES:
        return clustered_proportion(top, bottom)
    return ratio(top, bottom)


def _with_derived(found: Mapping[str, Figure], expected: Expectations) -> Iterator[tuple[str, Figure]]:
    """Every figure, each followed by what is derived from it."""
    derived: dict[str, tuple[str, Callable[[float], float]]] = {
        "symbol_nmse": ("symbol_evm_db", _decibels),
        "soft_power": ("power_error_db", _decibels),
        "marginal_entropy": ("assignment_perplexity", math.exp),
        "symbol_marginal_entropy": ("symbol_entropy_ratio", lambda nats: nats / expected.symbol_entropy),
        "soft_mean_llr": ("soft_mean_llr_ratio", lambda llr: llr / expected.mean_llr),
        "hard_mean_llr": ("hard_mean_llr_ratio", lambda llr: llr / expected.mean_llr),
    }
    for metric, figure in found.items():
        yield metric, figure
        expectation_missing = metric.endswith("mean_llr") and expected.mean_llr == 0
        if metric in derived and not expectation_missing:
            name, function = derived[metric]
            yield name, _mapped(function, figure)


def _mapped(function: Callable[[float], float], figure: Figure) -> Figure:
    value, low, high = figure
    return function(value), function(low), function(high)


def _decibels(power: float) -> float:
    return max(10 * math.log10(power), LEAST_DB) if power > 0 else LEAST_DB


def _array(values: Tensor) -> np.ndarray:
    return values.double().numpy()


def _entropy(frames: Tensor) -> Figure:
    """Entropy of the mean of distributions [images, K], in nats.

    It is the mean of the frames' cross-entropies to that mean, whose spread is its linearised variance.
    """
    log_mean = frames.mean(0).clamp_min(torch.finfo(torch.float64).tiny).log()
    return ratio(_array(-(frames @ log_mean)), np.ones(len(frames)))


def _accuracies(figures: FrameFigures) -> dict[str, Figure]:
    """Accuracy of both paths, and the paired gap."""
    found: dict[str, Figure] = {}
    correct = {path: figures.frames(f"{path} correct") for path in ("soft", "hard")}
    for path, right in correct.items():
        if figures.draws == 1:
            count, total = int(right.sum()), right.numel()
            found[f"{path}_accuracy"] = count / total, *clopper_pearson(count, total)
        else:
            trials = np.full(right.shape[1], figures.draws)
            found[f"{path}_accuracy"] = clustered_proportion(_array(right.sum(0)), trials)
    found["gap"] = paired_gap(correct["soft"], correct["hard"])
    return found


def paired_gap(first: Tensor, second: Tensor, level: float = 0.95) -> Figure:
    """Accuracy of the first minus that of the second, on the same images, with an interval.

    Newcombe's interval for one draw; for several, that of `mean_difference` over images.

    Args:
        first, second: [draws, images] booleans.
        level: confidence level.
    """
    if len(first) == 1:
        counts = (first & second), (first & ~second), (~first & second), (~first & ~second)
        both, one, other, neither = (int(count.sum()) for count in counts)
        return newcombe_paired(both, one, other, neither, level)
    difference = (first.double() - second.double()).mean(0)
    return mean_difference(_array(difference), level)
