"""Sums of what is logged, over the frames of an epoch."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from linksim.metrics.entropy import entropy, perplexity, usage
from linksim_training.build import AnyModel
from linksim_training.distributions import distribution_sums
from linksim_training.parts import AnyOutput, Part, parts_of


@torch.no_grad()
def measured_sums(
    model: AnyModel, output: AnyOutput, labels: Tensor, known: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """What is logged of a batch beside the loss terms, added over its frames.

    accuracy; vq_entropy and symbol_entropy, conditional, in nats; mean_llr, the mean |LLR|; soft_power, the
    mean energy of the soft symbols; and the mean assignment, symbol distribution and codeword usage. Of
    several modes: the means over all of them, and the distributions of each.

    Args:
        model: what the batch went through.
        output: of it.
        labels: [B].
        known: sums that need not be computed again, those of `distribution_sums`.
    """
    figures = {"accuracy": (output.logits.argmax(-1) == labels).double().sum()}
    parts = parts_of(model, output)
    for part in parts:
        own = distribution_sums(part.output.trace, part.suffix) if known is None else {}
        for name, figure in {**own, **_measured(part)}.items():
            figures[name] = figure if figure.dim() else figures.get(name, 0) + figure / len(parts)
    if known is not None:
        shared = ("vq_entropy", "symbol_entropy", "assignment_usage")
        figures |= {name: one for name, one in known.items() if name.startswith(shared)}
    return {name: figure.double() for name, figure in figures.items()}


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
        "mean_llr": trace.llr.abs().sum() / trace.llr.shape[1],
        "soft_power": torch.view_as_real(soft.symbols).square().sum() / soft.symbols.shape[1],
        f"symbol_usage{part.suffix}": frames * trace.symbol_probabilities.mean((0, 1)),
        f"codeword_usage{part.suffix}": frames * usage(trace.index, trace.assignment.shape[-1]),
    }


class Meter:
    """Means over frames of scalars and distributions, and the figures that follow from the means."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self._sums: dict[str, Tensor | float] = defaultdict(float)  # plain numbers of scalars, for speed
        self._frames = 0
        if state is not None:
            self._frames = int(state["frames"])
            self._sums.update(state["sums"])

    def add(self, means: dict[str, Tensor], frames: int) -> None:
        """Add the means of a batch of that many frames."""
        self._frames += frames
        for name, mean in means.items():
            figure = mean.detach().double().cpu() if mean.dim() else float(mean)
            self._sums[name] = self._sums[name] + frames * figure

    def state(self) -> dict[str, Any]:
        """Everything that a meter must be given to go on."""
        return {"frames": self._frames, "sums": dict(self._sums)}

    def join(self, states: list[dict[str, Any]]) -> None:
        """Become the meter of several."""
        self._frames = sum(state["frames"] for state in states)
        names = [name for state in states for name in state["sums"]]
        for name in names:
            self._sums[name] = sum(state["sums"][name] for state in states if name in state["sums"])

    def result(self) -> dict[str, float]:
        """Means, with marginal_entropy, symbol_marginal_entropy and perplexity in place of distributions."""
        means = {name: total / self._frames for name, total in self._sums.items()}
        distributions = {name: one for name, one in means.items() if isinstance(one, Tensor) and one.dim()}
        figures = {name: float(mean) for name, mean in means.items() if name not in distributions}
        derived = {
            "marginal_entropy": ("assignment_usage", entropy),
            "symbol_marginal_entropy": ("symbol_usage", entropy),
            "perplexity": ("codeword_usage", perplexity),
        }
        for name, (source, function) in derived.items():
            found = [float(function(mean)) for one, mean in distributions.items() if one.startswith(source)]
            if found:
                figures[name] = sum(found) / len(found)
        return figures

    def usage(self) -> list[Tensor]:
        """[K] share of each codeword, float64, for every mode."""
        names = [name for name in self._sums if name.startswith("codeword_usage")]
        return [torch.as_tensor(self._sums[name]) / self._frames for name in names]
