"""What a policy is: a rule from observations to actions, for many episodes in step."""

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray


class Policy(Protocol):
    """Acts in many episodes that begin together."""

    @property
    def name(self) -> str:
        """For tables and pictures."""
        ...

    def begin(self, count: int) -> None:
        """Forget everything: `count` episodes begin."""
        ...

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[Any]:
        """Choose.

        Args:
            observations: of the coming step, each with a row for every episode.
            infos: what came with them. An honest policy leaves alone what the agent may not know.

        Returns:
            [count, …] actions.
        """
        ...
