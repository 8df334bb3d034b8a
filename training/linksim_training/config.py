"""Settings of the trainer."""

from dataclasses import asdict, dataclass
from typing import Any

from linksim.gradients import SAMPLED
from linksim_training.options.codebook import CodebookOptions
from linksim_training.options.gradient import GradientOptions
from linksim_training.options.loss_weights import LossWeights
from linksim_training.options.monitoring import Monitoring
from linksim_training.options.optimisation import Devices, Optimisation
from linksim_training.options.schedule import Schedule


@dataclass(kw_only=True)
class TrainConfig(Schedule, LossWeights, GradientOptions, CodebookOptions, Optimisation, Monitoring, Devices):
    """Everything that `fit` can be told; keyword arguments, those of its bases, all flat.

    Raises:
        TypeError, ValueError: if a value is out of range, naming it.

    Example:
        >>> TrainConfig(epochs=10, alignment_start_epoch=7).phase(7)
        'ALIGNMENT'
    """

    def __post_init__(self) -> None:
        self._check_schedule()
        self._check_weights()
        self._check_gradient()
        self._check_codebook()
        self._check_optimisation()
        self._check_monitoring()
        self._check_devices()

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain numbers, strings and lists."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def check_routed(config: TrainConfig) -> None:
    """Refuse settings that models with several modes do not have.

    Raises:
        ValueError: naming the setting.
    """
    if config.codebook_update == "ema":
        raise ValueError(
            "codebook_update 'ema' keeps the averages of one codebook, and modes have their own: give "
            "--codebook-update gradient"
        )
    if config.gradient in SAMPLED:
        raise ValueError(
            f"gradient {config.gradient!r} draws indices from one codebook, and modes have their own: give "
            "--gradient mixed, surrogate or straight-through"
        )
