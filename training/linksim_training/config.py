"""Settings of the trainer, and its presets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Literal

from linksim import checks

CONSISTENCY_STAGES = ("vq", "symbol", "features")


@dataclass(kw_only=True)
class Schedule:
    """When each phase runs, and how hard the soft path is."""

    epochs: int = 30
    """Epochs in all."""
    alignment_start_epoch: int = 20
    """First epoch of phase 2 (ALIGNMENT: hard forward, soft backward). Beyond the last epoch: no phase 2."""
    temp_freeze_floor: float = 0.7
    """Lowest value of both temperatures, and their value in phase 2."""
    vq_temp_start: float = 1.0
    """Temperature of the assignment in epoch 1."""
    vq_temp_decay: float = 0.97
    """Factor on it from epoch to epoch."""
    vq_temp_floor: float | None = None
    """Its own floor, instead of --temp-freeze-floor."""
    symbol_temp_start: float = 1.0
    """Temperature of the symbols in epoch 1."""
    symbol_temp_decay: float = 0.97
    """Factor on it from epoch to epoch."""
    symbol_temp_floor: float | None = None
    """Its own floor, instead of --temp-freeze-floor."""

    def _check_schedule(self) -> None:
        checks.whole("epochs", self.epochs, 1)
        checks.whole("alignment_start_epoch", self.alignment_start_epoch, 1)
        for name in ("temp_freeze_floor", "vq_temp_start", "symbol_temp_start"):
            checks.real(name, getattr(self, name), above=0)
        for name in ("vq_temp_decay", "symbol_temp_decay"):
            checks.real(name, getattr(self, name), above=0, most=1)
        for name in ("vq_temp_floor", "symbol_temp_floor"):
            if getattr(self, name) is not None:
                checks.real(name, getattr(self, name), above=0)


@dataclass(kw_only=True)
class LossWeights:
    """Weights of the loss terms, beside the classification loss."""

    lambda_vec: float = 0.1
    """Latent reconstruction: received embedding against latents."""
    lambda_vq: float = 0.1
    """Commitment: latents against their codewords, both ways."""
    lambda_entropy: float = 0.01
    """Bonus on the conditional entropy of assignment and symbols."""
    lambda_marginal: float = 0.5
    """Bonus on the marginal entropy of the assignment, which keeps codewords alive."""
    lambda_consistency: float = 0.5
    """Soft-hard consistency, in phase 2."""
    lambda_sym: float = 0.0
    """Rate: symbols per frame. Constant, hence without gradient, while a model has one mode."""
    lambda_lb: float = 0.0
    """Load balance between modes. Zero while a model has one mode."""
    consistency_stages: tuple[Literal["vq", "symbol", "features"], ...] = ("features",)
    """Where consistency is asked for."""
    symmetric_consistency: float = 0.0
    """Weight of the opposite direction, hard pulled to soft, beside soft pulled to hard; without effect on
    symbols, which have no gradient when hard."""

    def _check_weights(self) -> None:
        for field in fields(LossWeights):
            if field.name.startswith("lambda_") or field.name == "symmetric_consistency":
                checks.real(field.name, getattr(self, field.name), least=0)
        for stage in self.consistency_stages:
            checks.one_of("consistency_stages", stage, CONSISTENCY_STAGES)


@dataclass(kw_only=True)
class Optimisation:
    """How the weights are learnt."""

    lr: float = 1e-3
    """Learning rate of AdamW at the start."""
    lr_schedule: Literal["cosine", "constant"] = "cosine"
    """Cosine decays to zero over all epochs."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW, on encoder and head."""
    gradient: Literal["surrogate", "straight-through", "mixed"] = "mixed"
    """Backward pass of phase 2, from the embedding on."""
    surrogate_weight: float = 0.5
    """Share of the surrogate in the mixed gradient; the rest is straight-through."""
    random_codebook: bool = False
    """Start from a random codebook, not from k-means centres of the untrained encoder's latents."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU if there is one."""
    precision: Literal["32-true", "64-true", "bf16-mixed"] = "32-true"
    """Floating-point precision; the link itself is never in less than 32 bits."""
    seed: int = 0
    """Seed of everything random in training."""

    def _check_optimisation(self) -> None:
        checks.real("lr", self.lr, above=0)
        checks.real("weight_decay", self.weight_decay, least=0)
        checks.one_of("device", self.device, ("auto", "cpu", "cuda"))
        checks.one_of("lr_schedule", self.lr_schedule, ("cosine", "constant"))
        checks.one_of("gradient", self.gradient, ("surrogate", "straight-through", "mixed"))
        checks.one_of("precision", self.precision, ("32-true", "64-true", "bf16-mixed"))
        checks.real("surrogate_weight", self.surrogate_weight, least=0, most=1)
        checks.whole("seed", self.seed, 0, 2**63 - 1)

    @property
    def backward(self) -> str | dict[str, float]:
        """What `Link.forward` takes as `backward`."""
        if self.gradient != "mixed":
            return self.gradient
        return {"surrogate": self.surrogate_weight, "straight-through": 1 - self.surrogate_weight}


@dataclass(kw_only=True)
class TrainConfig(Schedule, LossWeights, Optimisation):
    """Everything that `fit` can be told; keyword arguments.

    Raises:
        TypeError, ValueError: if a value is out of range, naming it.

    Example:
        >>> TrainConfig(epochs=10, alignment_start_epoch=7).phase(7)
        'ALIGNMENT'
    """

    def __post_init__(self) -> None:
        self._check_schedule()
        self._check_weights()
        self._check_optimisation()

    def phase(self, epoch: int) -> str:
        """LEARNING, or ALIGNMENT from `alignment_start_epoch` on; epochs count from 1."""
        return "ALIGNMENT" if epoch >= self.alignment_start_epoch else "LEARNING"

    def vq_temp(self, epoch: int) -> float:
        """Temperature of the assignment in an epoch: max(floor, start·decay^(epoch−1)), then the floor."""
        floor = self.temp_freeze_floor if self.vq_temp_floor is None else self.vq_temp_floor
        return self._temperature(epoch, self.vq_temp_start, self.vq_temp_decay, floor)

    def symbol_temp(self, epoch: int) -> float:
        """Temperature of the symbols in an epoch, by the same rule as `vq_temp`."""
        floor = self.temp_freeze_floor if self.symbol_temp_floor is None else self.symbol_temp_floor
        return self._temperature(epoch, self.symbol_temp_start, self.symbol_temp_decay, floor)

    def _temperature(self, epoch: int, start: float, decay: float, floor: float) -> float:
        if self.phase(epoch) == "ALIGNMENT":
            return floor
        return max(floor, start * decay ** (epoch - 1))

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain numbers, strings and lists."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "basic": {},
        "conservative": {
            "alignment_start_epoch": 25,
            "temp_freeze_floor": 0.8,
            "lambda_consistency": 0.3,
        },
        "aggressive": {
            "alignment_start_epoch": 15,
            "temp_freeze_floor": 0.6,
            "lambda_consistency": 1.0,
        },
        "note": {
            "lambda_marginal": 0.0,
            "lr_schedule": "constant",
            "gradient": "surrogate",
            "random_codebook": True,
        },
    }
)
"""What each preset changes against the defaults. `note` is the two-phase recipe without later additions."""
