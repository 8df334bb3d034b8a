"""Weights of the loss terms."""

from dataclasses import dataclass, fields
from typing import Literal

from linksim import checks

CONSISTENCY_STAGES = ("vq", "symbol", "features")


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
    marginal_of: Literal["assignment", "usage"] = "assignment"
    """Whose marginal entropy is rewarded: that of the soft assignment, or that of the codewords really used,
    with the gradient of the assignment."""
    lambda_consistency: float = 0.5
    """Soft-hard consistency, in phase 2."""
    lambda_soft: float = 0.0
    """Classification loss of the soft path, in phase 2, beside that of the hard one."""
    lambda_sym: float = 0.0
    """Rate: symbols per frame, by which --modes are weighed against their accuracy. Without gradient while a
    model has one mode."""
    lambda_lb: float = 0.0
    """Load balance between --modes. Without effect while a model has one mode."""
    mode_floor: float = 0.8
    """Share of the classification loss to which all --modes contribute alike, whatever the router picks, so
    that none is left untrained. The router's own gradient does not depend on it."""
    entropy_warmup_epochs: int = 0
    """Epochs over which --lambda-entropy grows from 0 to its value, as min(1, epoch/n); the note has 10."""
    marginal_warmup_epochs: int = 0
    """The same for --lambda-marginal."""
    label_smoothing: float = 0.0
    """Share of the classification target that is spread over all classes."""
    consistency_stages: tuple[Literal["vq", "symbol", "features"], ...] = ("features",)
    """Where consistency is asked for."""
    consistency_vq: float = 1.0
    """Weight of the stage vq in the consistency."""
    consistency_symbol: float = 1.0
    """Weight of the stage symbol in the consistency."""
    consistency_features: float = 1.0
    """Weight of the stage features in the consistency."""
    symmetric_consistency: float = 0.0
    """Weight of the opposite direction, hard pulled to soft, beside soft pulled to hard; without effect on
    symbols, which have no gradient when hard."""

    def _check_weights(self) -> None:
        for field in fields(LossWeights):
            if field.name.startswith(("lambda_", "symmetric_")):
                checks.real(field.name, getattr(self, field.name), least=0)
        for stage in self.consistency_stages:
            checks.one_of("consistency_stages", stage, CONSISTENCY_STAGES)
        self.consistency_stages = tuple(self.consistency_stages)
        for stage in CONSISTENCY_STAGES:
            checks.real(f"consistency_{stage}", getattr(self, f"consistency_{stage}"), least=0)
        checks.one_of("marginal_of", self.marginal_of, ("assignment", "usage"))
        for name in ("entropy_warmup_epochs", "marginal_warmup_epochs"):
            checks.whole(name, getattr(self, name), 0)
        checks.real("mode_floor", self.mode_floor, least=0, most=1)
        checks.real("label_smoothing", self.label_smoothing, least=0, most=1)

    def weight(self, term: str, epoch: int) -> float:
        """Weight of a term of the loss in an epoch, its warm-up included."""
        weight = 1.0 if term == "cls" else getattr(self, f"lambda_{term}")
        warmup = getattr(self, f"{term}_warmup_epochs", 0)
        return weight * min(1.0, epoch / warmup) if warmup else weight
