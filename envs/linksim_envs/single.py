"""One episode at a time, as Gymnasium's `Env`."""

from typing import Any, Generic, TypeVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from linksim_envs.core import Core
from linksim_envs.rendering import RENDER_FPS, RENDER_MODES, Display, check_render_mode

CoreType = TypeVar("CoreType", bound=Core)
ONE = np.zeros(1, dtype=np.intp)


class SingleEnv(gymnasium.Env[dict[str, Any], Any], Generic[CoreType]):
    """One episode of a core.

    Args:
        core: of one episode.
        render_mode: None, "rgb_array" or "human".

    Attributes:
        core: the dynamics.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  Gymnasium declares it as an instance field
        "render_modes": RENDER_MODES,
        "render_fps": RENDER_FPS,
    }

    def __init__(self, core: CoreType, render_mode: str | None) -> None:
        self.render_mode = check_render_mode(render_mode)
        self.core = core
        core.keep_signals = render_mode is not None
        self.observation_space = core.observation_space
        self.action_space = core.action_space
        self._display = Display()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of `np_random`, from which everything random in this environment follows; None goes on with
                the generator as it is.
            options: for this episode only, by name; the class says which there are.

        Returns:
            observation and info.

        Raises:
            TypeError: if an option has the wrong type.
            ValueError: if an option is unknown or out of range.
        """
        super().reset(seed=seed)
        if seed is not None or self.core.generators[0] is not self.np_random:
            self.core.seed(0, self.np_random, self.np_random_seed)
        info = self.core.reset(ONE, options or {})
        self._show()
        return self._observation(), _first(info)

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Send one frame.

        Args:
            action: as the class says.

        Returns:
            observation, reward, False, whether the episode is over, and info.

        Raises:
            ResetNeeded: before the first reset and after truncation.
            InvalidAction: if the action does not lie in the action space; a ValueError too.
        """
        rewards, info = self.core.step(ONE, self.core.checked(action, batched=False))
        self._show()
        over = bool(self.core.steps_left[0] == 0)
        return self._observation(), float(rewards[0]), False, over, _first(info)

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """The picture [height, width, 3] in mode "rgb_array"; nothing in mode "human", which shows each step.

        Raises:
            ResetNeeded: before the first reset.
        """
        if self.render_mode != "rgb_array":
            return None
        self.core.require_begun(ONE, "render()")
        return self._display.pixels(self.core.picture(0))

    def close(self) -> None:
        """Close the window, if there is one."""
        self._display.close()

    def _show(self) -> None:
        if self.render_mode == "human":
            self._display.show(self.core.picture(0))

    def _observation(self) -> dict[str, Any]:
        return _first(self.core.observe())


def _first(rows: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The first of each array's rows; a number where that is one."""
    return {
        name: row if isinstance(row := array[0], np.ndarray) else row.item() for name, array in rows.items()
    }
