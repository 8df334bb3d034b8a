"""Gymnasium environments over a linksim link, registered on import.

`linksim/Transmit-v0` is `TransmitEnv`: choose the bits of each frame. PyTorch and Sionna are imported when
the first environment is made, not here.

Example:
    >>> import gymnasium
    >>> env = gymnasium.make("linksim_envs:linksim/Transmit-v0")
    >>> observation, info = env.reset(seed=0)
    >>> observation["codewords"].shape
    (1, 4)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from linksim_envs.transmit import TransmitEnv

__all__ = ["TransmitEnv"]

_ENTRY_POINTS = {"linksim/Transmit-v0": "linksim_envs.transmit:TransmitEnv"}

for _id, _entry_point in _ENTRY_POINTS.items():
    # Registering twice warns, and the module may be reloaded.
    if _id not in gymnasium.registry:
        gymnasium.register(id=_id, entry_point=_entry_point)


def __getattr__(name: str) -> Any:
    if name != "TransmitEnv":
        raise AttributeError(f"module 'linksim_envs' has no attribute {name!r}")
    value = import_module("linksim_envs.transmit").TransmitEnv
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
