"""Two-phase training of semantic models over a linksim link."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linksim_training.build import build_model, build_routed_model
    from linksim_training.checkpoints import load_checkpoint, load_routed_checkpoint
    from linksim_training.config import TrainConfig
    from linksim_training.data import load_data
    from linksim_training.loop import fit
    from linksim_training.model import SemanticModel
    from linksim_training.routed_model import RoutedModel

_HOMES = {
    "RoutedModel": "linksim_training.routed_model",
    "SemanticModel": "linksim_training.model",
    "TrainConfig": "linksim_training.config",
    "build_model": "linksim_training.build",
    "build_routed_model": "linksim_training.build",
    "fit": "linksim_training.loop",
    "load_checkpoint": "linksim_training.checkpoints",
    "load_routed_checkpoint": "linksim_training.checkpoints",
    "load_data": "linksim_training.data",
}

__all__ = [
    "RoutedModel",
    "SemanticModel",
    "TrainConfig",
    "build_model",
    "build_routed_model",
    "fit",
    "load_checkpoint",
    "load_data",
    "load_routed_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'linksim_training' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
