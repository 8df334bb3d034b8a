"""The environments for TorchRL, whose `EnvBase` steps many at once in tensors.

TorchRL is imported here, so this module is not part of `import linksim_envs`; it comes with
`pip install 'linksim[rl]'`.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from linksim_envs.vector import BatchEnv, spread

try:
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import Binary, Bounded, Categorical, Composite, MultiCategorical, TensorSpec, Unbounded
    from torchrl.envs import EnvBase
except ImportError as error:
    raise ImportError("linksim_envs.torch_rl needs torchrl: pip install 'linksim[rl]'") from error

__all__ = ["TorchRLEnv", "make"]


class TorchRLEnv(EnvBase):
    """The native vector form of an environment as TorchRL has it; all frames still go together.

    Batch size [num_envs]. Observations have the names of the environment's; "action" is `Binary`,
    `MultiCategorical` or `Categorical`, that is in integers and not one-hot; "reward" is float32
    [num_envs, 1]; "done", "terminated" and "truncated" are boolean [num_envs, 1], and "terminated" is never
    true. An episode's last step has the last observation under "next"; the entry "_reset" says which episodes
    begin anew, and "_step" which take a step. `reset` takes `seed` and `options`; a seed s, as `set_seed`
    takes it, too, stands for s, s + 1, … at each one's next reset. Under the same seed and actions everything
    is as in the vector form.

    Info is no entry: part of it must stay unseen by the agent, and has names that observations have, such as
    the true SNR of a slot. `infos` has that of the last call.

    Args:
        vector_env: native vector form, with reset disabled; `make` gives all at once.
        device: where the tensors are to be; the environment itself computes on the CPU.

    Attributes:
        vector_env: as given.
        infos: what the vector form told at the last step or reset, as NumPy arrays [num_envs, …].

    Raises:
        TypeError: if `vector_env` is not the native vector form of a linksim environment.
        ValueError: if it resets by itself.

    Example:
        >>> envs = gymnasium.make_vec("linksim/Transmit-v0", num_envs=4, autoreset_mode="Disabled")
        >>> env = TorchRLEnv(envs)
        >>> env.rollout(40, break_when_any_done=False)["next", "truncated"].sum()
        tensor(4)
    """

    def __init__(
        self, vector_env: VectorEnv[Any, Any, Any], *, device: torch.device | str | None = "cpu"
    ) -> None:
        native = getattr(vector_env, "unwrapped", None)
        if not isinstance(native, BatchEnv):
            raise TypeError(
                "vector_env must be the native vector form of a linksim environment, as gymnasium.make_vec "
                f"gives it, got {type(vector_env).__name__}"
            )
        if native.autoreset_mode != AutoresetMode.DISABLED:
            raise ValueError(
                f"vector_env must have autoreset_mode 'Disabled', got {native.autoreset_mode.value!r}"
            )
        count = vector_env.num_envs
        super().__init__(device=device, batch_size=torch.Size([count]))
        self.vector_env = vector_env
        self.infos: dict[str, Any] = {}
        self._core = native.core
        self._seeds: list[int | None] = [None] * count
        self.observation_spec = Composite(
            {name: self._spec(space) for name, space in native.core.observation_space.items()},
            shape=(count,),
        )
        self.action_spec = self._spec(vector_env.single_action_space)
        column = torch.Size([count, 1])
        self.reward_spec = Unbounded(shape=column, dtype=torch.float32, device=self.device)
        ends = {
            name: Categorical(2, shape=column, dtype=torch.bool, device=self.device)
            for name in ("done", "terminated", "truncated")
        }
        self.done_spec = Composite(ends, shape=(count,))

    def close(self, *, raise_if_closed: bool = True) -> None:
        """Close the vector form.

        Raises:
            RuntimeError: if it is closed already, unless `raise_if_closed` is False.
        """
        super().close(raise_if_closed=raise_if_closed)
        self.vector_env.close()

    def _reset(
        self,
        tensordict: TensorDictBase | None = None,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> TensorDictBase:
        if kwargs:
            raise TypeError(f"reset() takes seed and options, got {', '.join(kwargs)}")
        if seed is not None:
            self._set_seed(seed)
        mask = _mask(tensordict, "_reset", self._core.count)
        observations = self._core.observe() if not mask.any() else None
        if observations is None:
            seeds = [seed if begins else None for seed, begins in zip(self._seeds, mask, strict=True)]
            observations, self.infos = self.vector_env.reset(
                seed=seeds,  # type: ignore[arg-type]  # None leaves a generator as it is
                options={**(options or {}), "reset_mask": mask},
            )
            self._seeds = [None if begins else seed for seed, begins in zip(self._seeds, mask, strict=True)]
        return self._given(observations, {})

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        actions = tensordict.get("action")
        mask = _mask(tensordict, "_step", self._core.count)
        if mask.all():
            observations, rewards, _, _, self.infos = self.vector_env.step(actions)
        else:  # the vector form steps all or none
            which = np.flatnonzero(mask)
            rewards = np.zeros(self._core.count)
            acted = self._core.checked(actions.cpu().numpy(), batched=True)[which]
            rewards[which], told = self._core.step(which, acted)
            observations, self.infos = self._core.observe(), spread(self._core.count, [(which, told)])
        return self._given(observations, {"reward": rewards})

    def _set_seed(self, seed: int | None) -> None:
        self._seeds = [None if seed is None else seed + number for number in range(self._core.count)]

    def _given(self, observations: Mapping[str, Any], more: Mapping[str, Any]) -> TensorDict:
        over = self._core.steps_left == 0
        rows = {**more, "done": over, "truncated": over.copy(), "terminated": np.zeros_like(over)}
        content = {name: torch.as_tensor(array, device=self.device) for name, array in observations.items()}
        for name, row in rows.items():
            content[name] = torch.as_tensor(row, device=self.device)[:, None]
        if "reward" in content:
            content["reward"] = content["reward"].float()
        return TensorDict(content, batch_size=self.batch_size, device=self.device)

    def _spec(self, space: gymnasium.Space[Any]) -> TensorSpec:
        """The values of one environment's space, for all environments."""
        dtype = torch.from_numpy(np.zeros(0, space.dtype)).dtype
        if isinstance(space, spaces.MultiBinary):
            spec: TensorSpec = Binary(shape=torch.Size(space.shape), dtype=dtype)
        elif isinstance(space, spaces.MultiDiscrete):
            spec = MultiCategorical(torch.from_numpy(space.nvec), dtype=dtype)
        elif isinstance(space, spaces.Discrete):
            spec = Categorical(int(space.n), dtype=dtype)
        else:
            assert isinstance(space, spaces.Box)
            low, high = torch.from_numpy(space.low), torch.from_numpy(space.high)
            spec = Bounded(low, high, shape=torch.Size(space.shape), dtype=dtype)
        return spec.to(self.device or "cpu").expand(self._core.count, *spec.shape)


def make(
    id: str,
    num_envs: int,
    *,
    seed: int | None = None,
    device: torch.device | str | None = "cpu",
    **kwargs: Any,
) -> TorchRLEnv:
    """Make an environment for TorchRL.

    Args:
        id: such as "linksim/Transmit-v0", "linksim/LinkAdaptation-v0" or "linksim/SemanticRate-v0".
        num_envs: number of environments, at least 1.
        seed: s for seeds s, s + 1, … at the first reset, as `set_seed` would set them; None for seeds of the
            operating system.
        device: as for `TorchRLEnv`.
        kwargs: of the environment, as for `gymnasium.make`.

    Raises:
        TypeError, ValueError: as for `TorchRLEnv` and the environment.

    Example:
        >>> env = make("linksim/LinkAdaptation-v0", 4, seed=0, coded=False, episode_length=10)
        >>> rollout = env.rollout(25, break_when_any_done=False)
        >>> rollout["next", "acks"].shape, int(rollout["next", "done"].sum())
        (torch.Size([4, 25, 8]), 8)
    """
    vector_env = gymnasium.make_vec(id, num_envs=num_envs, autoreset_mode=AutoresetMode.DISABLED, **kwargs)
    env = TorchRLEnv(vector_env, device=device)
    if seed is not None:
        env.set_seed(seed)
    return env


def _mask(tensordict: TensorDictBase | None, name: str, count: int) -> NDArray[np.bool_]:
    """[count] whom an entry names; all, where there is none."""
    entry = None if tensordict is None else tensordict.get(name, None)
    return np.ones(count, dtype=bool) if entry is None else entry.reshape(count).cpu().numpy()
