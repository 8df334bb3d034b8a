"""Many episodes at once, as Gymnasium's `VectorEnv`."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from linksim import checks
from linksim_envs.core import Core, Info
from linksim_envs.rendering import RENDER_FPS, RENDER_MODES, Display, check_render_mode

CoreType = TypeVar("CoreType", bound=Core)


class BatchEnv(VectorEnv[dict[str, Any], Any, Any], Generic[CoreType]):
    """All episodes of a core, each frame transmitted beside the others.

    Sub-environment i of one that is seeded s goes the same way as the single environment seeded s + i.

    Args:
        core: of `num_envs` episodes.
        autoreset_mode: "NextStep" (a step after the end begins the next episode, and does nothing else),
            "SameStep" (the step that ends an episode begins the next one; the last observation and info are
            `final_obs` and `final_info`), or "Disabled" (`reset` with the option `reset_mask`).
        render_mode: None, "rgb_array" or "human", which shows the first episode.
        tensors: whether observations, rewards and ends come as PyTorch tensors instead of NumPy arrays; they
            share their memory. Info stays NumPy.

    Attributes:
        core: the dynamics.
        autoreset_mode: as a `gymnasium.vector.AutoresetMode`.
    """

    def __init__(
        self,
        core: CoreType,
        autoreset_mode: str | AutoresetMode,
        render_mode: str | None,
        tensors: bool,
    ) -> None:
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError as error:
            known = ", ".join(mode.value for mode in AutoresetMode)
            raise ValueError(f"autoreset_mode must be one of {known}, got {autoreset_mode!r}") from error
        self.metadata = {
            "render_modes": RENDER_MODES,
            "render_fps": RENDER_FPS,
            "autoreset_mode": self.autoreset_mode,
        }
        self.render_mode = check_render_mode(render_mode)
        self.core = core
        core.keep_signals = render_mode is not None
        self.tensors = checks.flag("tensors", tensors)
        self.num_envs = core.count
        self.single_observation_space = core.observation_space
        self.single_action_space = core.action_space
        self.observation_space = batch_space(core.observation_space, core.count)
        self.action_space = batch_space(core.action_space, core.count)
        self._all = np.arange(core.count)
        self._display = Display()

    @property
    def np_random(self) -> tuple[np.random.Generator | None, ...]:  # type: ignore[override]
        """The generators of the episodes."""
        return tuple(self.core.generators)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seeds of the episodes, −1 where there is none."""
        return tuple(self.core.seeds)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: s for seeds s, s + 1, …; or one for each; None goes on with the generators as they are.
            options: for these episodes only, by name; the class says which there are. "reset_mask", boolean
                [num_envs], restarts those where it is true and leaves the others alone.

        Returns:
            observations of all, and info of those begun.

        Raises:
            TypeError: if an option has the wrong type, or `seed` is neither a number nor a list.
            ValueError: if an option is unknown or out of range, or there are too few seeds.
            ResetNeeded: if one that "reset_mask" leaves alone has not begun.
        """
        options = dict(options or {})
        which = self._all
        if "reset_mask" in options:
            mask = _check_mask(options.pop("reset_mask"), self.num_envs)
            which = np.flatnonzero(mask)
            self.core.require_begun(np.flatnonzero(~mask), "leaving it out of options['reset_mask']")
        if seed is None or isinstance(seed, (int, np.integer)):
            seeds = [None if seed is None else int(seed) + number for number in range(self.num_envs)]
        elif isinstance(seed, (Sequence, np.ndarray)) and not isinstance(seed, str):
            seeds = list(seed)
        else:
            raise TypeError(f"seed must be a number, a list of numbers or None, got {seed!r}")
        if len(seeds) != self.num_envs:
            raise ValueError(
                f"seed must be a number, or a list of one for each of the {self.num_envs} environments, got "
                f"{len(seeds)}"
            )
        # All are made before the first is taken over, so that a wrong one changes nothing.
        made = [
            (int(number), *seeding.np_random(one))
            for number in which
            if (one := _plain(seeds[number])) is not None
        ]
        for number, generator, found in made:
            self.core.seed(number, generator, found)
        infos = spread(self.num_envs, [(which, self.core.reset(which, options))])
        self._show()
        return self._given(self.core.observe()), infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Send one frame in each episode.

        Args:
            actions: [num_envs, …], as the class says, as a NumPy array or a tensor.

        Returns:
            observations, rewards, [num_envs] False, whether episodes are over, and info.

        Raises:
            ResetNeeded: before the first reset, and with autoreset "Disabled" after an end.
            InvalidAction: if the actions do not lie in the action space; a ValueError too.
        """
        core = self.core
        if isinstance(actions, torch.Tensor):
            actions = actions.cpu()
        acted = core.checked(actions, batched=True)
        rewards = np.zeros(self.num_envs)
        over = core.steps_left == 0
        if self.autoreset_mode == AutoresetMode.NEXT_STEP and over.any():
            going, begun = np.flatnonzero(~over), np.flatnonzero(over)
            parts: list[tuple[NDArray[np.intp], Info]] = []
            if len(going):
                rewards[going], info = core.step(going, acted[going])
                parts.append((going, info))
            parts.append((begun, core.reset(begun, {})))
            truncated = core.steps_left == 0
            infos = spread(self.num_envs, parts)
            observations = core.observe()
        else:
            rewards[:], info = core.step(self._all, acted)
            truncated = core.steps_left == 0
            observations = core.observe()
            if self.autoreset_mode == AutoresetMode.SAME_STEP and truncated.any():
                observations, infos = self._restart(truncated, observations, info)
            else:
                infos = spread(self.num_envs, [(self._all, info)])
        self._show()
        terminated = np.zeros(self.num_envs, dtype=bool)
        return (*(self._given(part) for part in (observations, rewards, terminated, truncated)), infos)

    def _restart(
        self, over: NDArray[np.bool_], observations: dict[str, NDArray[Any]], info: Info
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Begin anew where episodes are over; observations and infos with what was last in them."""
        ended, going = np.flatnonzero(over), np.flatnonzero(~over)
        final_obs = np.full(self.num_envs, None, dtype=object)
        for number in ended:
            final_obs[number] = {name: array[number].copy() for name, array in observations.items()}
        final_info = spread(self.num_envs, [(ended, {name: array[ended] for name, array in info.items()})])
        kept = {name: array[going] for name, array in info.items()}
        infos = spread(self.num_envs, [(going, kept), (ended, self.core.reset(ended, {}))])
        infos |= {"final_obs": final_obs, "_final_obs": over.copy()}
        infos |= {"final_info": final_info, "_final_info": over.copy()}
        return self.core.observe(), infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """A picture [height, width, 3] of each episode in mode "rgb_array"; nothing in mode "human".

        Raises:
            ResetNeeded: before the first reset.
        """
        if self.render_mode != "rgb_array":
            return None
        self.core.require_begun(self._all, "render()")
        return tuple(self._display.pixels(self.core.picture(number)) for number in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window, if there is one."""
        self._display.close()

    def _show(self) -> None:
        if self.render_mode == "human":
            self._display.show(self.core.picture(0))

    def _given(self, content: Any) -> Any:
        if not self.tensors:
            return content
        if isinstance(content, dict):
            return {name: torch.from_numpy(array) for name, array in content.items()}
        return torch.from_numpy(content)


def spread(count: int, parts: Sequence[tuple[NDArray[np.intp], Info]]) -> dict[str, Any]:
    """Info of some episodes as Gymnasium has it for all: arrays with a row for each, and masks of those told.

    Args:
        count: number of episodes.
        parts: numbers of episodes, and their info.
    """
    infos: dict[str, Any] = {}
    for which, info in parts:
        if not len(which):  # what nobody is told has no name
            continue
        for name, rows in info.items():
            if len(which) == count:
                infos[name], infos[f"_{name}"] = rows, np.ones(count, dtype=bool)
                continue
            if name not in infos:
                infos[name] = np.zeros((count, *rows.shape[1:]), dtype=rows.dtype)
                infos[f"_{name}"] = np.zeros(count, dtype=bool)
            infos[name][which] = rows
            infos[f"_{name}"][which] = True
    return infos


def _check_mask(mask: Any, count: int) -> NDArray[np.bool_]:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must be a NumPy array of booleans, got {type(mask).__name__}")
    if mask.shape != (count,) or not mask.any():
        raise ValueError(f"options['reset_mask'] must have shape ({count},) and a True in it, got {mask}")
    return mask


def _plain(seed: Any) -> Any:
    """A NumPy integer as Python's own, which Gymnasium insists on."""
    return int(seed) if isinstance(seed, np.integer) else seed
