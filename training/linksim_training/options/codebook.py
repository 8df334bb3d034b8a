"""How the codebook starts, moves and stays alive."""

from dataclasses import dataclass
from typing import Literal

from linksim import checks


@dataclass(kw_only=True)
class CodebookOptions:
    """The codebook's start, its updates, and what happens to codewords that nobody uses."""

    random_codebook: bool = False
    """Start from a random codebook, not from k-means centres of the untrained encoder's latents."""
    codebook_update: Literal["gradient", "ema"] = "gradient"
    """Codewords learn by gradient, or follow the exponential moving average of the latents nearest them,
    where unused ones fade (--restart-dead-codes revives them)."""
    ema_decay: float = 0.99
    """Decay of that average per step."""
    restart_dead_codes: float = 0.0
    """Codewords used less than this share of their fair share 1/K in an epoch move to random latents at its
    end, but for the last epoch; 0 leaves them alone."""

    def _check_codebook(self) -> None:
        checks.one_of("codebook_update", self.codebook_update, ("gradient", "ema"))
        checks.real("ema_decay", self.ema_decay, least=0, most=1)
        checks.real("restart_dead_codes", self.restart_dead_codes, least=0, most=1)
