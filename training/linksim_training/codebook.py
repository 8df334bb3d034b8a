"""The codebook's start, its moving averages, and new places for codewords that nobody uses."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from linksim.centres import centres
from linksim.evaluation import evaluating, placed
from linksim_training.build import AnyModel
from linksim_training.parts import links_of

SMOOTHING = 1e-5


@torch.no_grad()
def latents_of(model: AnyModel, inputs: Tensor) -> Tensor:
    """[n·N, D] normalised latents of some inputs, without training."""
    with evaluating(model):
        latents = model.encoder(placed(inputs, model.link.codebook)).to(model.link.codebook.dtype)
        return links_of(model)[0].quantize.normalise(latents).flatten(0, 1)


def initialise_codebook(model: AnyModel, images: Tensor, seed: int) -> None:
    """Set the codebooks to the k-means centres of the latents of some images.

    Does nothing to a codebook if the images give fewer different latents than there are codewords, or latents
    that are not finite, which training reports.
    """
    latents = latents_of(model, images).cpu().double()
    if not bool(torch.isfinite(latents).all()):
        return
    different = len(torch.unique(latents, dim=0))
    found: dict[int, Tensor] = {}
    for link in links_of(model):
        clusters = link.config.codebook_size
        if different < clusters:
            continue
        if clusters not in found:
            found[clusters] = torch.from_numpy(centres(latents.numpy(), clusters, seed))
        with torch.no_grad():
            link.codebook.copy_(found[clusters])


class MovingAverages:
    """Codewords as exponential moving averages of the latents nearest to them.

    Van den Oord et al., Neural Discrete Representation Learning, 2017, appendix A.1, with counts smoothed
    towards equal use.

    Args:
        codebook: [K, D], changed in place.
        decay: per step.

    Attributes:
        counts: [K] averaged number of latents per codeword.
        totals: [K, D] averaged sum of them.
    """

    def __init__(self, codebook: Tensor, decay: float) -> None:
        self.codebook = codebook
        self.decay = decay
        self.counts = torch.ones(len(codebook), dtype=torch.float64)
        self.totals = codebook.detach().double().cpu().clone()

    @torch.no_grad()
    def update(self, counts: Tensor, totals: Tensor) -> None:
        """Take in a step's number of latents per codeword, [K], and their sums, [K, D]."""
        keep = self.decay
        self.counts = keep * self.counts + (1 - keep) * counts.detach().double().cpu()
        self.totals = keep * self.totals + (1 - keep) * totals.detach().double().cpu()
        number, total = len(self.counts), self.counts.sum()
        smoothed = (self.counts + SMOOTHING) / (total + number * SMOOTHING) * total
        self.codebook.copy_(self.totals / smoothed.unsqueeze(1))

    def restart(self, dead: Tensor) -> None:
        """Let the averages of some codewords begin anew where the codewords are now."""
        self.counts[dead] = 1.0
        self.totals[dead] = self.codebook.detach().double().cpu()[dead]

    def state(self) -> dict[str, Tensor]:
        """Everything that changes."""
        return {"counts": self.counts, "totals": self.totals}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state`."""
        self.counts, self.totals = state["counts"].clone(), state["totals"].clone()


@torch.no_grad()
def restart_dead_codes(
    codebook: Tensor,
    usage: Tensor,
    share: float,
    latents: Tensor,
    generator: torch.Generator,
    optimiser: Optimizer,
) -> Tensor:
    """Move codewords that are hardly used to random latents, and forget what the optimiser knew of them.

    Args:
        codebook: [K, D], changed in place.
        usage: [K] share of each codeword in an epoch.
        share: of the fair share 1/K below which a codeword counts as dead.
        latents: [n, D], n ≥ 1, to choose from.
        generator: what the choice is made with.
        optimiser: with moments of the codebook, or without.

    Returns:
        [d] numbers of the codewords that moved.
    """
    dead = torch.nonzero(usage.cpu() < share / len(codebook)).squeeze(1)
    chosen = torch.randint(len(latents), (len(dead),), generator=generator)
    codebook[dead.to(codebook.device)] = latents[chosen.to(latents.device)].to(codebook)
    for moment in ("exp_avg", "exp_avg_sq"):
        if moment in optimiser.state.get(codebook, {}):
            optimiser.state[codebook][moment][dead.to(codebook.device)] = 0
    return dead
