"""The environments for stable-baselines3, which steps many at once through its own `VecEnv`.

stable-baselines3 is imported here, so this module is not part of `import linksim_envs`; it comes with
`pip install 'linksim[rl]'`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from linksim_envs.vector import BatchEnv

try:
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn
except ImportError as error:
    raise ImportError(
        "linksim_envs.stable_baselines needs stable-baselines3: pip install 'linksim[rl]'"
    ) from error

__all__ = ["StableBaselinesVecEnv", "make"]

OWN_METHODS = ("reset", "step", "close")


class StableBaselinesVecEnv(VecEnv):
    """The native vector form of an environment as stable-baselines3 has it; all frames still go together.

    A step returns observations (a dictionary of arrays [num_envs, …]), rewards (float32 [num_envs]), dones
    (boolean [num_envs]) and infos (a dictionary for each environment). An environment whose episode is over
    begins the next one in the same step. Then its info holds "terminal_observation", the last observation of
    the episode, and "TimeLimit.truncated", which is True as episodes are only ever truncated; so algorithms
    bootstrap from the value of that observation.

    What else the environment tells stays out of the infos unless it is named in `info_keys`: filling a
    dictionary for each of a thousand environments can take longer than a step. `reset_infos` is complete.

    The environments share one object. `get_attr` gives each its own of what there is one of for each
    (`np_random`, `np_random_seed`, spaces) and the shared value of everything else; `set_attr` works for all
    at once only; `env_method` calls a batched method once, such as `label_action`, and hands out the rows.
    Episode returns are not recorded; wrap in `stable_baselines3.common.vec_env.VecMonitor` for that.

    Args:
        vector_env: native vector form, with same-step reset and NumPy arrays; `make` gives all at once.
        info_keys: names of the environment's info that go into the infos of each step.

    Attributes:
        vector_env: as given.
        info_keys: as given.

    Raises:
        TypeError: if `vector_env` is not the native vector form of a linksim environment.
        ValueError: if it resets in another way, or gives tensors.

    Example:
        >>> envs = gymnasium.make_vec("linksim/Transmit-v0", num_envs=4, autoreset_mode="SameStep")
        >>> adapted = StableBaselinesVecEnv(envs, info_keys=["bit_errors"])
        >>> adapted.reset()["codewords"].shape
        (4, 4)
        >>> observations, rewards, dones, infos = adapted.step(np.zeros((4, 4), dtype=np.int8))
        >>> list(infos[0])
        ['bit_errors']
    """

    def __init__(self, vector_env: VectorEnv[Any, Any, Any], *, info_keys: Sequence[str] = ()) -> None:
        native = getattr(vector_env, "unwrapped", None)
        if not isinstance(native, BatchEnv):
            raise TypeError(
                "vector_env must be the native vector form of a linksim environment, as gymnasium.make_vec "
                f"gives it, got {type(vector_env).__name__}"
            )
        if native.autoreset_mode != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"vector_env must have autoreset_mode 'SameStep', got {native.autoreset_mode.value!r}"
            )
        if native.tensors:
            raise ValueError("vector_env must give NumPy arrays: make it with tensors=False")
        self.vector_env = vector_env
        self.info_keys = tuple(info_keys)
        self._actions: Any = None
        self._begun = False
        super().__init__(
            vector_env.num_envs, vector_env.single_observation_space, vector_env.single_action_space
        )

    def reset(self) -> VecEnvObs:
        """Begin all episodes, with the seeds of `seed` and the options of `set_options`, which serve once.

        Returns:
            observations, a dictionary of arrays [num_envs, …].

        Raises:
            TypeError, ValueError: if an option is unknown or wrong, or there is not one set for each.
        """
        if len(self._options) != self.num_envs:
            raise ValueError(
                f"set_options must be given one dictionary, or one for each of the {self.num_envs} "
                f"environments, got {len(self._options)}"
            )
        groups: list[tuple[dict[str, Any], NDArray[np.bool_]]] = []
        for number, options in enumerate(self._options):
            mask = next((mask for known, mask in groups if known == options), None)
            if mask is None:
                mask = np.zeros(self.num_envs, dtype=bool)
                groups.append((options, mask))
            mask[number] = True
        if len(groups) > 1 and not self._begun:
            self.vector_env.reset(seed=self._seeds)  # type: ignore[arg-type]  # some may begin after all have
        observations: Any = {}
        for options, mask in groups:
            observations, told = self.vector_env.reset(
                seed=self._seeds,  # type: ignore[arg-type]  # None leaves a generator as it is
                options={**options, "reset_mask": mask} if len(groups) > 1 else options,
            )
            self._keep_reset_infos(told, np.flatnonzero(mask))
        self._begun = True
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions [num_envs, …] of the coming step; `step_wait` takes the step itself."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Send one frame in each environment.

        Returns:
            observations, rewards, dones and infos, as the class says.

        Raises:
            ResetNeeded: before the first reset.
            InvalidAction: if the actions do not lie in the action space; a ValueError too.
            ValueError: if the environment tells nothing by a name in `info_keys`.
        """
        observations, rewards, terminated, truncated, told = self.vector_env.step(self._actions)
        dones = terminated | truncated
        ended = np.flatnonzero(dones)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if self.info_keys:
            self._fill(infos, told, np.flatnonzero(~dones))
            self._fill(infos, told.get("final_info", {}), ended)
        if len(ended):
            self._keep_reset_infos(told, ended)
            for number in ended.tolist():
                infos[number]["terminal_observation"] = told["final_obs"][number]
                infos[number]["TimeLimit.truncated"] = bool(truncated[number] and not terminated[number])
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close the vector form."""
        self.vector_env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of each environment asked for.

        Raises:
            AttributeError: if there is none of this name.
        """
        numbers = list(self._get_indices(indices))
        if attr_name in ("observation_space", "action_space"):
            return [getattr(self.vector_env, f"single_{attr_name}")] * len(numbers)
        value = getattr(self.vector_env, attr_name)
        if attr_name in ("np_random", "np_random_seed"):
            return [value[number] for number in numbers]
        return [value] * len(numbers)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute that all environments share.

        Raises:
            ValueError: if `indices` leaves one out.
        """
        if set(self._get_indices(indices)) != set(range(self.num_envs)):
            raise ValueError(f"indices must be None: the environments share {attr_name!r}")
        setattr(self.vector_env.unwrapped, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a batched method once, and hand out its result.

        Args:
            method_name: a method of the vector form, such as "label_action".
            method_args, method_kwargs: for it, with rows for all environments where it takes rows.
            indices: whose rows to return; None for all.

        Returns:
            a row for each environment asked for; None where the method returns None.

        Raises:
            AttributeError: if there is no method of this name.
            ValueError: if it is one that this object has in its own form.
        """
        if method_name in OWN_METHODS:
            raise ValueError(f"method_name must not be {method_name!r}: call {method_name}() of this object")
        result = getattr(self.vector_env, method_name)(*method_args, **method_kwargs)
        return [None if result is None else result[number] for number in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """False for each: there are no single environments to wrap."""
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """A picture [height, width, 3] of each environment in mode "rgb_array", else None for each.

        Raises:
            ResetNeeded: before the first reset.
        """
        images: Any = self.vector_env.render()
        return images or [None] * self.num_envs

    def _keep_reset_infos(self, told: Mapping[str, Any], begun: NDArray[np.intp]) -> None:
        names = [name for name in told if f"_{name}" in told and not name.startswith("final_")]
        # Beside episodes that begin, others go on, and tell what a reset does not.
        names = [name for name in names if told[f"_{name}"][begun].all()]
        for number, row in zip(begun.tolist(), _rows(told, begun, names), strict=True):
            self.reset_infos[number] = row

    def _fill(self, infos: list[dict[str, Any]], told: Mapping[str, Any], numbers: NDArray[np.intp]) -> None:
        """Put what is wanted into the infos of some environments."""
        if not len(numbers):
            return
        for name in self.info_keys:
            if name not in told:
                known = ", ".join(other for other in told if f"_{other}" in told)
                raise ValueError(f"info_keys must hold some of {known}, got {name!r}")
        for number, row in zip(numbers.tolist(), _rows(told, numbers, self.info_keys), strict=True):
            infos[number] = row


def make(
    id: str, num_envs: int, *, seed: int | None = None, info_keys: Sequence[str] = (), **kwargs: Any
) -> StableBaselinesVecEnv:
    """Make an environment for stable-baselines3.

    Args:
        id: such as "linksim/Transmit-v0", "linksim/LinkAdaptation-v0" or "linksim/SemanticRate-v0".
        num_envs: number of environments, at least 1.
        seed: s for seeds s, s + 1, … at the first reset; None for seeds of the operating system. Algorithms
            that are given a seed of their own set this one anew.
        info_keys: as for `StableBaselinesVecEnv`.
        kwargs: of the environment, as for `gymnasium.make`.

    Raises:
        TypeError, ValueError: as for `StableBaselinesVecEnv` and the environment.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from stable_baselines3.common.vec_env import VecMonitor
        >>> envs = VecMonitor(make("linksim/LinkAdaptation-v0", 4, coded=False))
        >>> model = PPO("MultiInputPolicy", envs, n_steps=16, batch_size=64, seed=0).learn(64)
        >>> model.num_timesteps
        64
    """
    vector_env = gymnasium.make_vec(id, num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **kwargs)
    adapted = StableBaselinesVecEnv(vector_env, info_keys=info_keys)
    if seed is not None:
        adapted.seed(seed)
        adapted.action_space.seed(seed)
    return adapted


def _rows(told: Mapping[str, Any], numbers: NDArray[np.intp], names: Iterable[str]) -> list[dict[str, Any]]:
    """What was told of some environments by some names, a dictionary for each."""
    columns = {}
    for name in names:
        column = told[name][numbers]
        columns[name] = column.tolist() if column.ndim == 1 else column  # plain numbers, as a single one has
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
