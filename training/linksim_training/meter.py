"""Sums of what is logged, over the frames of an epoch."""

from collections import defaultdict

import torch
from torch import Tensor

from linksim.metrics.entropy import entropy, perplexity, usage
from linksim_training.model import Output


def measure(output: Output, labels: Tensor) -> dict[str, Tensor]:
    """What is logged of a batch beside the loss terms; scalars, and distributions to be averaged.

    accuracy; vq_entropy and symbol_entropy, conditional, in nats; mean_llr, the mean |LLR|; soft_power, the
    mean energy of the soft symbols; and the mean assignment, symbol distribution and codeword usage.
    """
    trace = output.trace
    soft = trace if trace.surrogate is None else trace.surrogate
    assert trace.assignment is not None
    assert trace.symbol_probabilities is not None
    assert trace.index is not None
    assert trace.llr is not None
    assert soft.symbols is not None
    figures = {
        "accuracy": (output.logits.argmax(-1) == labels).double().mean(),
        "vq_entropy": entropy(trace.assignment).mean(),
        "symbol_entropy": entropy(trace.symbol_probabilities).mean(),
        "mean_llr": trace.llr.abs().mean(),
        "soft_power": soft.symbols.abs().square().mean(),
        "assignment": trace.assignment.mean((0, 1)),
        "symbol": trace.symbol_probabilities.mean((0, 1)),
        "usage": usage(trace.index, trace.assignment.shape[-1]),
    }
    return {name: figure.detach() for name, figure in figures.items()}


class Meter:
    """Means over frames of scalars and distributions, and the figures that follow from the means."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), dtype=torch.float64))
        self._frames = 0

    def add(self, figures: dict[str, Tensor], frames: int) -> None:
        """Add the means of a batch of that many frames."""
        self._frames += frames
        for name, figure in figures.items():
            self._sums[name] = self._sums[name] + frames * figure.detach().double().cpu()

    def result(self) -> dict[str, float]:
        """Means, with marginal_entropy, symbol_marginal_entropy and perplexity in place of distributions."""
        means = {name: total / self._frames for name, total in self._sums.items()}
        figures = {name: float(mean) for name, mean in means.items() if mean.dim() == 0}
        if "usage" in means:
            figures["marginal_entropy"] = float(entropy(means["assignment"]))
            figures["symbol_marginal_entropy"] = float(entropy(means["symbol"]))
            figures["perplexity"] = float(perplexity(means["usage"]))
        return figures
