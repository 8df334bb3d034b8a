"""Sums over frames of what both the loss and the log are made of: distributions and their entropies."""

from torch import Tensor

from linksim import Trace
from linksim.metrics.entropy import entropy


def distribution_sums(trace: Trace, suffix: str = "") -> dict[str, Tensor]:
    """Of a trace with an assignment: differentiable sums over its frames of means over tokens or symbols.

    vq_entropy and symbol_entropy, conditional, in nats; assignment_usage, [K], the assignment itself.

    Args:
        trace: of B frames.
        suffix: of the names of what is no scalar.
    """
    assert trace.assignment is not None
    assert trace.symbol_probabilities is not None
    return {
        "vq_entropy": entropy(trace.assignment).sum() / trace.assignment.shape[1],
        "symbol_entropy": entropy(trace.symbol_probabilities).sum() / trace.symbol_probabilities.shape[1],
        f"assignment_usage{suffix}": trace.assignment.sum((0, 1)) / trace.assignment.shape[1],
    }
