"""A router for another price of symbols, with everything else of a model as it is."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from linksim import checks
from linksim.evaluation import evaluating, placed
from linksim.modes.router import Router
from linksim.seeds import stream
from linksim_training.routed_model import RoutedModel

STEPS = 1000
BATCH = 1024
LR = 3e-3
WEIGHT_DECAY = 1e-2
TOGETHER = 500


@torch.no_grad()
def losses_of_modes(
    model: RoutedModel,
    images: Tensor,
    labels: Tensor,
    snr_db: tuple[float, float],
    draws: int,
    seed: int,
    on_share: Callable[[float], None] = lambda share: None,
) -> tuple[Tensor, Tensor, Tensor]:
    """What each mode's deployed path costs.

    Args:
        model: whose modes.
        images: [n, c, h, w].
        labels: [n].
        snr_db: range that the Es/N0 of each frame is drawn from, in dB.
        draws: transmissions of every image.
        seed: of these.
        on_share: called with the share that is done.

    Returns:
        latents [draws·n, N, D], snr_db [draws·n], and [draws·n, modes] cross-entropies in nats.
    """
    link, (low, high) = model.link, snr_db
    checks.whole("draws", draws, 1)
    generator = stream(seed, "losses of modes")
    latents, snrs, losses = [], [], []
    parts = list(zip(images.split(TOGETHER), labels.split(TOGETHER), strict=True))
    with evaluating(model):
        encoded = [model.encoder(placed(part, link.codebook)) for part, _ in parts]
        for number in range(draws):
            for place, (latent, (_, label)) in enumerate(zip(encoded, parts, strict=True)):
                share = torch.rand(len(label), generator=generator)
                draw = link.draw(len(label), low + (high - low) * share, generator)
                costs = []
                for mode in range(len(link.modes)):
                    logits = model.logits(link.mode(mode).hard(latent, draw))
                    costs.append(cross_entropy(logits, label.to(logits.device), reduction="none"))
                latents.append(latent)
                snrs.append(draw.snr_db)
                losses.append(torch.stack(costs, dim=1))
                on_share((number + (place + 1) / len(parts)) / draws)
    normalised = link.link_of(0).quantize.normalise(torch.cat(latents))
    return normalised, torch.cat(snrs), torch.cat(losses)


def fit_router(
    model: RoutedModel, frames: tuple[Tensor, Tensor, Tensor], price: float, seed: int, steps: int = STEPS
) -> Router:
    """Train a router on what modes cost: the least mean over its probabilities of loss + price·symbols.

    Nothing is sampled or approximated: the loss of every mode is known for every frame.

    Args:
        model: left as it is.
        frames: as `losses_of_modes` gives them.
        price: λ_sym in nats per symbol.
        seed: of initial weights and batches.
        steps: of the optimiser.

    Returns:
        the router, which can take the place of `model.link.router`.
    """
    latents, snr_db, losses = frames
    checks.real("price", price, least=0)
    link = model.link
    config, modes = link.config, len(link.modes)
    router = Router(config.tokens, config.embedding_dim, modes, stream(seed, "router")).to(latents)
    costs = losses + price * link.symbols.to(losses)
    optimiser = torch.optim.AdamW(router.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generator = stream(seed, "router batches")
    for _ in range(steps):
        chosen = torch.randint(len(costs), (min(BATCH, len(costs)),), generator=generator)
        chosen = chosen.to(costs.device)
        probabilities = router(latents[chosen], snr_db[chosen]).softmax(-1)
        loss = (probabilities * costs[chosen]).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return router.requires_grad_(False)
