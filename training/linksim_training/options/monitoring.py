"""When a run is warned about, and when it has reached its aim."""

from dataclasses import dataclass
from typing import Literal

from linksim import checks

VQ_ENTROPY_NATS = {"collapse": 1.0, "phase-1": 1.5, "diverse": 2.0, "healthy": 3.0}
"""The note's thresholds of the codewords' entropy in nats, by name."""


@dataclass(kw_only=True)
class Monitoring:
    """Thresholds of the warnings, and early stopping."""

    vq_entropy_warning: Literal["relative", "collapse", "phase-1", "diverse", "healthy"] = "relative"
    """Warn of a marginal entropy of the assignment below --vq-entropy-share of ln K, or below the note's 1.0,
    1.5, 2.0 or 3.0 nats."""
    vq_entropy_share: float = 0.75
    """Share of ln K below which the marginal entropy is warned of."""
    symbol_entropy_share: float = 0.5
    """Share of ln M below which the marginal entropy of the symbols is warned of."""
    llr_ratio_warning: float = 1.5
    """Warn of a mean |LLR| above this multiple of its expectation for constellation, channel and Es/N0."""
    llr_jump_warning: float = 1.5
    """Warn of a mean |LLR| that changes by more than this factor from one epoch to the next."""
    gap_warning: float = 0.1
    """Warn of a soft-hard gap in validation accuracy larger than this."""
    train_gap_warning: float = 0.15
    """Warn of a training accuracy that exceeds the validation accuracy by more than this."""
    early_stop: bool = False
    """Stop in phase 2 when both paths agree and the hard one is good enough."""
    early_stop_consistency: float = 0.01
    """Relative error of the receiver features, soft against hard, below which the paths agree."""
    early_stop_accuracy: float = 0.90
    """Validation accuracy of the hard path that is good enough."""
    early_stop_gap: float = 0.01
    """Largest soft-hard gap in validation accuracy, either way, at which training stops."""

    def _check_monitoring(self) -> None:
        checks.one_of("vq_entropy_warning", self.vq_entropy_warning, ("relative", *VQ_ENTROPY_NATS))
        for name in ("vq_entropy_share", "symbol_entropy_share", "gap_warning", "train_gap_warning"):
            checks.real(name, getattr(self, name), least=0, most=1)
        for name in ("llr_ratio_warning", "llr_jump_warning"):
            checks.real(name, getattr(self, name), least=1)
        checks.real("early_stop_consistency", self.early_stop_consistency, least=0)
        for name in ("early_stop_accuracy", "early_stop_gap"):
            checks.real(name, getattr(self, name), least=0, most=1)
