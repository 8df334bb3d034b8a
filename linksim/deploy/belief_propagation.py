"""Belief propagation on the graph of an LDPC code, in NumPy."""

import numpy as np

from linksim.deploy.tables import CodeGraph

LARGEST_LLR = 20.0
"""Beyond, messages saturate; a bit known to be zero has an LLR of −20."""

LEAST_MESSAGE, LARGEST_MESSAGE = np.float32(8.5e-8), np.float32(16.635532)
"""Between them, exp and log of a message stay finite in float32."""


class BeliefPropagation:
    """Flooding schedule with exact check nodes; messages in float32, as Sionna's decoder has them.

    Messages are ln P(b=0)/P(b=1), the sign of the textbooks, inside; LLRs outside are the link's.

    Args:
        graph: of the code.
    """

    def __init__(self, graph: CodeGraph) -> None:
        by_variable = np.lexsort((graph.checks, graph.variables))
        self._variables = graph.variables[by_variable]
        self._by_check = np.argsort(graph.checks[by_variable], kind="stable")
        self._checks = graph.checks[by_variable][self._by_check]
        self._back = np.argsort(self._by_check)
        self._of_variable = _starts(self._variables)
        self._of_check = _starts(self._checks)
        self._graph = graph
        self.edges = len(graph.checks)

    def start(self, llr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Messages [F, E] to begin with and channel values [F, V] of LLRs of coded bits [F, L]."""
        channel = np.zeros((len(llr), len(self._of_variable)), np.float32)
        channel[:, self._graph.positions] = -np.clip(llr, -LARGEST_LLR, LARGEST_LLR)
        channel[:, self._graph.known_zeros] = LARGEST_LLR
        return channel[:, self._variables], channel

    def iterate(
        self, messages: np.ndarray, channel: np.ndarray, iterations: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Messages [F, E] after some iterations, and LLRs [F, V] of all variables, ln P(b=1)/P(b=0)."""
        total = channel
        for _ in range(iterations):
            incoming = self._from_checks(messages[:, self._by_check])[:, self._back]
            total = np.add.reduceat(incoming, self._of_variable, axis=1) + channel
            messages = np.clip(total[:, self._variables] - incoming, -LARGEST_LLR, LARGEST_LLR)
        return messages, -np.clip(total, -LARGEST_LLR, LARGEST_LLR)

    def _from_checks(self, incoming: np.ndarray) -> np.ndarray:
        """[F, E] what checks answer, edges in the order of the checks."""
        negative = incoming < 0
        odd = np.logical_xor.reduceat(negative, self._of_check, axis=1)[:, self._checks] ^ negative
        size = _phi(np.abs(incoming))
        others = np.add.reduceat(size, self._of_check, axis=1)[:, self._checks] - size
        answer = _phi(others)
        return np.clip(np.where(odd, -answer, answer), -LARGEST_LLR, LARGEST_LLR)


def _phi(size: np.ndarray) -> np.ndarray:
    """−ln tanh(x/2), its own inverse (Ryan and Lin, Channel Codes, 2009, section 5.4)."""
    grown = np.exp(np.clip(size, LEAST_MESSAGE, LARGEST_MESSAGE))
    return np.log(grown + np.float32(1)) - np.log(grown - np.float32(1))


def _starts(numbers: np.ndarray) -> np.ndarray:
    """Where each number begins in a sorted list of numbers that leaves none out."""
    return np.flatnonzero(np.diff(numbers, prepend=-1))
