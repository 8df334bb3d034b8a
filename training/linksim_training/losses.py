"""Loss terms. Each is a mean over frames; their weights are in the settings."""

from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from linksim.metrics.entropy import entropy
from linksim_training.config import TrainConfig
from linksim_training.model import Output, SemanticModel


def loss_terms(
    model: SemanticModel, output: Output, labels: Tensor, config: TrainConfig, phase: str
) -> dict[str, Tensor]:
    """Every term of the loss before weighting, by name, each to be minimised.

    cls: cross-entropy of the classes.
    vec: mean square error of the received embedding against the latents.
    vq: commitment; latents against their codewords and codewords against their latents.
    sym: symbols per frame, a constant while a model has one mode.
    lb: load balance between modes, zero while a model has one mode.
    entropy: minus the conditional entropies of the assignment and of the symbols, E[H(q|z)] + E[H(p_sym)].
    marginal: minus the marginal entropy of the assignment, H(E[q]).
    consistency: soft against hard, in phase 2.
    """
    trace = output.trace
    assert trace.assignment is not None
    assert trace.symbol_probabilities is not None
    assert trace.latents is not None
    assert trace.embedding is not None
    assert trace.index is not None
    codeword = model.link.codebook[trace.index]
    terms = {
        "cls": cross_entropy(output.logits, labels),
        "vec": mse_loss(trace.embedding, trace.latents),
        "vq": mse_loss(trace.latents, codeword.detach()) + mse_loss(codeword, trace.latents.detach()),
        "sym": trace.latents.new_tensor(float(model.link.layout.symbols)),
        "lb": trace.latents.new_zeros(()),
        "entropy": -(entropy(trace.assignment).mean() + entropy(trace.symbol_probabilities).mean()),
        "marginal": -entropy(trace.assignment.mean((0, 1))),
    }
    if phase == "ALIGNMENT":
        terms["consistency"] = consistency(output, config)
    return terms


def total_loss(terms: dict[str, Tensor], config: TrainConfig) -> Tensor:
    """The classification loss plus the weighted sum of the other terms."""
    weighted = [getattr(config, f"lambda_{name}") * term for name, term in terms.items() if name != "cls"]
    return sum(weighted, start=terms["cls"])


def consistency(output: Output, config: TrainConfig) -> Tensor:
    """Relative energy of the soft-hard difference, summed over the chosen stages.

    ‖soft − sg(hard)‖²/‖sg(hard)‖² pulls the soft path to the hard one; the symmetric part swaps the roles.
    """
    trace, soft = output.trace, output.trace.surrogate
    assert soft is not None
    assert output.surrogate_features is not None
    pairs = {
        "vq": (soft.quantized, trace.quantized),
        "symbol": (soft.symbols, trace.symbols),
        "features": (output.surrogate_features, output.features),
    }
    loss = output.logits.new_zeros(())
    for stage in config.consistency_stages:
        mine, deployed = pairs[stage]
        assert mine is not None
        assert deployed is not None
        loss = loss + relative_error(mine, deployed.detach())
        if config.symmetric_consistency:
            loss = loss + config.symmetric_consistency * relative_error(deployed, mine.detach())
    return loss


def relative_error(signal: Tensor, reference: Tensor) -> Tensor:
    """Σ|x − r|² / Σ|r|² over the whole batch, real or complex."""
    difference = (signal - reference).abs().square().sum()
    return difference / reference.abs().square().sum().clamp_min(1e-12)
