"""Gymnasium environments over a linksim link, registered on import.

- `linksim/Transmit-v0`, `TransmitEnv`: choose the bits of each frame.
- `linksim/LinkAdaptation-v0`, `LinkAdaptationEnv`: choose the modulation and coding scheme of each slot.
- `linksim/SemanticRate-v0`, `SemanticRateEnv`: choose the codebook size and modulation of each image.

All have a native vector form, which `gymnasium.make_vec` gives. PyTorch and Sionna are imported when the
first environment is made, not here.

Example:
    >>> import gymnasium
    >>> env = gymnasium.make("linksim_envs:linksim/Transmit-v0")
    >>> observation, info = env.reset(seed=0)
    >>> observation["codewords"].shape
    (4,)
    >>> envs = gymnasium.make_vec("linksim_envs:linksim/LinkAdaptation-v0", num_envs=8)
    >>> envs.action_space
    MultiDiscrete([10 10 10 10 10 10 10 10])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from linksim_envs.link_adaptation import LinkAdaptationEnv, LinkAdaptationVectorEnv
    from linksim_envs.mcs import Mcs
    from linksim_envs.semantic_rate import SemanticRateEnv, SemanticRateVectorEnv
    from linksim_envs.transmit import TransmitEnv, TransmitVectorEnv

__all__ = [
    "LinkAdaptationEnv",
    "LinkAdaptationVectorEnv",
    "Mcs",
    "SemanticRateEnv",
    "SemanticRateVectorEnv",
    "TransmitEnv",
    "TransmitVectorEnv",
]

_HOMES = {
    "LinkAdaptationEnv": "linksim_envs.link_adaptation",
    "LinkAdaptationVectorEnv": "linksim_envs.link_adaptation",
    "Mcs": "linksim_envs.mcs",
    "SemanticRateEnv": "linksim_envs.semantic_rate",
    "SemanticRateVectorEnv": "linksim_envs.semantic_rate",
    "TransmitEnv": "linksim_envs.transmit",
    "TransmitVectorEnv": "linksim_envs.transmit",
}
_ENTRY_POINTS = {
    "linksim/Transmit-v0": "linksim_envs.transmit:Transmit",
    "linksim/LinkAdaptation-v0": "linksim_envs.link_adaptation:LinkAdaptation",
    "linksim/SemanticRate-v0": "linksim_envs.semantic_rate:SemanticRate",
}

for _id, _entry_point in _ENTRY_POINTS.items():
    # Registering twice warns, and the module may be reloaded.
    if _id not in gymnasium.registry:
        gymnasium.register(
            id=_id, entry_point=f"{_entry_point}Env", vector_entry_point=f"{_entry_point}VectorEnv"
        )


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'linksim_envs' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
