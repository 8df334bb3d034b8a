"""A policy that was learned: features, and a network that scores actions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from linksim import checks
from linksim.bits import index_to_bits
from linksim_envs.policies.features import Features
from linksim_envs.policies.network import Network

DECISIONS = ("number", "patterns")


class LearnedPolicy:
    """Takes the action of the highest score.

    It sees observations only, never infos, and draws nothing.

    Args:
        name: for tables and pictures.
        features: of observations.
        network: from features to scores.
        decision: "number", an action is the number of the highest score (`Discrete`); or "patterns", scores
            are those of all 2^b patterns of b bits for each token, one token after the other, and an action
            is the bits of the best ones (`MultiBinary`).
        tokens: of a frame; 1 for "number".
        trained: plain metadata, such as environment, algorithm and seed.

    Raises:
        TypeError, ValueError: if the parts do not fit each other.
    """

    def __init__(
        self,
        name: str,
        features: Features,
        network: Network,
        decision: str,
        tokens: int = 1,
        trained: Mapping[str, Any] | None = None,
    ) -> None:
        if features.size != network.widths[0]:
            raise ValueError(
                f"the network takes {network.widths[0]} features, but there are {features.size} of them"
            )
        self.name = name
        self.features, self.network = features, network
        self.decision = checks.one_of("decision", decision, DECISIONS)
        self.tokens = checks.whole("tokens", tokens, 1, network.widths[-1])
        patterns, left = divmod(network.widths[-1], self.tokens)
        if left or (decision == "number" and self.tokens != 1):
            raise ValueError(f"{network.widths[-1]} scores do not fit {self.tokens} tokens and {decision!r}")
        self.width = patterns.bit_length() - 1
        if decision == "patterns" and patterns != 2**self.width:
            raise ValueError(f"the patterns of a token must be a power of two, got {patterns}")
        self.trained = dict(trained or {})

    def begin(self, count: int) -> None:
        """Forget everything: `count` episodes begin."""
        self.features.begin(count)

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[Any]:
        """[count] int64 numbers, or [count, N·b] int8 bits."""
        return self.decided(self.numbers(observations))

    @torch.inference_mode()
    def numbers(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """[count, tokens] the highest score of each token; takes note of the observations."""
        scores = self.network(torch.from_numpy(self.features.see(observations)))
        return scores.unflatten(1, (self.tokens, -1)).argmax(2).numpy()

    def decided(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Actions from numbers [count, tokens]."""
        return numbers[:, 0] if self.decision == "number" else pattern_bits(numbers, self.width)


def pattern_bits(numbers: NDArray[np.int64], width: int) -> NDArray[np.int8]:
    """[count, tokens·width] bits of patterns [count, tokens], most significant first."""
    return index_to_bits(torch.from_numpy(numbers), width).flatten(1).numpy().astype(np.int8)
