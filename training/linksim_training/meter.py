"""Sums of what is logged, over the frames of an epoch."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from linksim.metrics.entropy import entropy, perplexity, usage
from linksim_training.build import AnyModel
from linksim_training.parts import AnyOutput, Part, parts_of


def measured_sums(model: AnyModel, output: AnyOutput, labels: Tensor) -> dict[str, Tensor]:
    """What is logged of a batch beside the loss terms, added over its frames.

    accuracy; vq_entropy and symbol_entropy, conditional, in nats; mean_llr, the mean |LLR|; soft_power, the
    mean energy of the soft symbols; and the mean assignment, symbol distribution and codeword usage. Of
    several modes: the means over all of them, and the distributions of each.
    """
    figures = {"accuracy": (output.logits.argmax(-1) == labels).double().sum()}
    parts = parts_of(model, output)
    for part in parts:
        for name, figure in _measured(part).items():
            if figure.dim():
                figures[name + part.suffix] = figure
            else:
                figures[name] = figures.get(name, 0) + figure / len(parts)
    return {name: figure.detach().double() for name, figure in figures.items()}


def _measured(part: Part) -> dict[str, Tensor]:
    trace = part.output.trace
    soft = trace if trace.surrogate is None else trace.surrogate
    assert trace.assignment is not None
    assert trace.symbol_probabilities is not None
    assert trace.index is not None
    assert trace.llr is not None
    assert soft.symbols is not None
    frames = len(trace.index)
    return {
        "vq_entropy": frames * entropy(trace.assignment).mean(),
        "symbol_entropy": frames * entropy(trace.symbol_probabilities).mean(),
        "mean_llr": frames * trace.llr.abs().mean(),
        "soft_power": frames * soft.symbols.abs().square().mean(),
        "assignment_usage": frames * trace.assignment.mean((0, 1)),
        "symbol_usage": frames * trace.symbol_probabilities.mean((0, 1)),
        "codeword_usage": frames * usage(trace.index, trace.assignment.shape[-1]),
    }


class Meter:
    """Means over frames of scalars and distributions, and the figures that follow from the means."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self._sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), dtype=torch.float64))
        self._frames = 0
        if state is not None:
            self._frames = int(state["frames"])
            self._sums.update(state["sums"])

    def add(self, means: dict[str, Tensor], frames: int) -> None:
        """Add the means of a batch of that many frames."""
        self._frames += frames
        for name, mean in means.items():
            self._sums[name] = self._sums[name] + frames * mean.detach().double().cpu()

    def state(self) -> dict[str, Any]:
        """Everything that a meter must be given to go on."""
        return {"frames": self._frames, "sums": dict(self._sums)}

    def join(self, states: list[dict[str, Any]]) -> None:
        """Become the meter of several."""
        self._frames = sum(state["frames"] for state in states)
        names = [name for state in states for name in state["sums"]]
        for name in names:
            self._sums[name] = sum(
                (state["sums"][name] for state in states if name in state["sums"]),
                start=torch.zeros((), dtype=torch.float64),
            )

    def result(self) -> dict[str, float]:
        """Means, with marginal_entropy, symbol_marginal_entropy and perplexity in place of distributions."""
        means = {name: total / self._frames for name, total in self._sums.items()}
        figures = {name: float(mean) for name, mean in means.items() if mean.dim() == 0}
        derived = {
            "marginal_entropy": ("assignment_usage", entropy),
            "symbol_marginal_entropy": ("symbol_usage", entropy),
            "perplexity": ("codeword_usage", perplexity),
        }
        for name, (source, function) in derived.items():
            found = [float(function(mean)) for one, mean in means.items() if one.startswith(source)]
            if found:
                figures[name] = sum(found) / len(found)
        return figures

    def usage(self) -> list[Tensor]:
        """[K] share of each codeword, float64, for every mode."""
        names = [name for name in self._sums if name.startswith("codeword_usage")]
        return [self._sums[name] / self._frames for name in names]
