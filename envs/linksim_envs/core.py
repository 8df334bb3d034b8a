"""What an environment does, for many episodes at once; the single and the vector form are made of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from linksim import checks

Info = dict[str, NDArray[Any]]
"""By name, a row for each of the episodes asked for."""

NOT_BEGUN = -1


class InvalidActionError(gymnasium.error.InvalidAction, ValueError):
    """An action that does not lie in the action space."""


class Core(ABC):
    """The dynamics of `count` independent episodes.

    Everything random about an episode is drawn from its own generator, in amounts that depend on nothing but
    the settings: neither on actions nor on the other episodes. So the episode with generator g goes the same
    way alone and among others, and two policies meet the same channel under the same seed.

    Attributes:
        count: number of episodes.
        observation_space, action_space: of one episode.
        generators: of each episode, None before the first reset.
        steps_left: [count] until truncation, −1 before the first reset.
        episode_length: steps of an episode.
        keep_signals: whether the signals of the last step are kept for pictures.
    """

    observation_space: gymnasium.spaces.Dict
    action_space: gymnasium.Space[Any]
    options: ClassVar[tuple[str, ...]] = ()
    """Names of the options that `reset` knows."""

    def __init__(self, count: int, episode_length: int) -> None:
        self.count = checks.whole("num_envs", count, 1)
        self.episode_length = checks.whole("episode_length", episode_length, 1)
        self.generators: list[np.random.Generator | None] = [None] * count
        self.seeds: list[int] = [-1] * count
        self.steps_left = np.full(count, NOT_BEGUN)
        self.keep_signals = False

    def reset(self, which: NDArray[np.intp], options: Mapping[str, Any]) -> Info:
        """Begin episodes.

        Args:
            which: their numbers.
            options: for these episodes.

        Returns:
            info of the episodes begun, as `begin` gives it.

        Raises:
            TypeError, ValueError: if an option is unknown or wrong.
        """
        for name in options:
            checks.one_of("a name in options", name, self.options)
        for number in which:
            if self.generators[number] is None:
                generator, seed = seeding.np_random(None)
                self.seed(int(number), generator, seed)
        info = self.begin(which, options)
        self.steps_left[which] = self.episode_length
        return info

    def seed(self, number: int, generator: np.random.Generator, seed: int) -> None:
        """Give an episode another generator; it must be begun anew."""
        self.generators[number], self.seeds[number] = generator, seed
        # What was drawn ahead is gone, also where the reset that seeds then refuses its options.
        self.steps_left[number] = NOT_BEGUN
        self.forget(number)

    def require_begun(self, which: NDArray[np.intp], call: str) -> None:
        """Refuse what needs episodes that have begun.

        Args:
            which: their numbers.
            call: what needs them, for the message.

        Raises:
            ResetNeeded: if one has not begun.
        """
        if (self.steps_left[which] == NOT_BEGUN).any():
            raise gymnasium.error.ResetNeeded(f"call reset() before {call}: no episode has begun")

    def step(self, which: NDArray[np.intp], actions: NDArray[Any]) -> tuple[NDArray[np.float64], Info]:
        """Act in episodes that have begun and are not over.

        Args:
            which: their numbers.
            actions: a row for each of them, as `checked` gives them.

        Returns:
            rewards and info, a row for each of them.

        Raises:
            ResetNeeded: if one has not begun or is over.
        """
        self.require_begun(which, "step()")
        if not self.steps_left[which].all():
            raise gymnasium.error.ResetNeeded("call reset() before step(): the episode is over")
        rewards, info = self.act(which, actions)
        self.steps_left[which] -= 1
        return rewards, info

    def checked(self, actions: Any, batched: bool) -> NDArray[Any]:
        """[count, …] integers from what was given as actions.

        Args:
            actions: of all episodes, or without a batch dimension that of the only one.
            batched: which of the two.

        Raises:
            InvalidActionError: if shape, type or a value does not fit.
        """
        own = self.action_space.shape or ()
        shape = (self.count, *own) if batched else own
        try:
            given = np.asarray(actions)
        except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors that NumPy cannot hold
            raise InvalidActionError(f"action must be an array of shape {shape}: {error}") from error
        if given.shape == shape and self._lies_in_space(given):
            return given if batched else given[None]
        most = int(np.max(self.highest_action()))
        wanted = f"an array of shape {shape} that holds integers" if shape else "an integer"
        what = f"{type(actions).__name__} of shape {given.shape}"
        if given.shape == shape:
            what = checks.one_line(f"{type(actions).__name__} {actions}")
        raise InvalidActionError(
            f"action must be {wanted} from 0 to {most}, {self.action_meaning()}, got {what}"
        )

    def _lies_in_space(self, given: NDArray[Any]) -> bool:
        if isinstance(self.action_space, gymnasium.spaces.MultiBinary):  # in which 1.0 lies, too
            return not np.iscomplexobj(given) and bool(np.isin(given, (0, 1)).all())
        if given.dtype != bool and not np.issubdtype(given.dtype, np.integer):
            return False
        return not ((given < 0) | (given > self.highest_action())).any()

    @abstractmethod
    def highest_action(self) -> NDArray[Any]:
        """Largest value of each component of an action."""

    @abstractmethod
    def action_meaning(self) -> str:
        """What an action is, for messages."""

    @abstractmethod
    def forget(self, number: int) -> None:
        """Drop what was drawn ahead from the generator of an episode."""

    @abstractmethod
    def begin(self, which: NDArray[np.intp], options: Mapping[str, Any]) -> Info:
        """Draw the beginning of episodes and return their info."""

    @abstractmethod
    def act(self, which: NDArray[np.intp], actions: NDArray[Any]) -> tuple[NDArray[np.float64], Info]:
        """Send a frame in each episode and draw what comes next; rewards and info."""

    @abstractmethod
    def observe(self) -> dict[str, NDArray[Any]]:
        """Observations of all episodes, in arrays of the caller's own."""

    @abstractmethod
    def picture(self, number: int) -> Any:
        """A matplotlib figure of an episode."""
