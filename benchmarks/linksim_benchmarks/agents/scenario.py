"""What the comparison and the training of agents have to know of an environment in one setting."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from gymnasium.vector import AutoresetMode

from linksim_envs.policies.policy import Policy
from linksim_envs.vector import BatchEnv


class Scenario(Protocol):
    """One setting of one environment; plain enough to be sent to another process.

    Attributes:
        env: name of the environment on the command line.
        policies: names of the policies to compare with.
        agents: names of the recipes that can be trained on it.
        reference: name of the policy that all are compared with.
        told: names of info whose mean is wanted in the rows.
        reward_scale: rewards are divided by it in training, to numbers that differ by one at most.
    """

    env: ClassVar[str]
    policies: ClassVar[tuple[str, ...]]
    agents: ClassVar[tuple[str, ...]]
    reference: ClassVar[str]
    told: ClassVar[tuple[str, ...]]

    @property
    def reward_scale(self) -> float:
        """Of training."""
        ...

    def row(self) -> dict[str, Any]:
        """The setting in rows: plain values by name."""
        ...

    def title(self) -> str:
        """The setting in words, short, for tables and pictures."""
        ...

    def slug(self) -> str:
        """The setting in names of files."""
        ...

    def exact_env(self, count: int) -> BatchEnv[Any]:
        """So many episodes over the exact link, with autoreset disabled."""
        ...

    def training_env(self, count: int, autoreset_mode: str | AutoresetMode) -> BatchEnv[Any]:
        """So many episodes to train in; may replace the link by an abstraction of it."""
        ...

    def features(self) -> dict[str, Any]:
        """Description of the features of an agent, as `linksim_envs.policies.features_from` takes it."""
        ...

    def baselines(self, names: Sequence[str], seed: int) -> list[Policy]:
        """The policies of these names, and the reference in any case.

        Args:
            names: of `policies`.
            seed: root of the random streams; what is tuned, is tuned on other episodes than are played.
        """
        ...

    def further(self, policy: Policy, seed: int) -> dict[str, float]:
        """Further figures of a policy for its row, the same names for every policy."""
        ...
