"""The score-function estimator: an unbiased gradient through indices that were drawn."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from linksim import Draw
from linksim_training.config import TrainConfig
from linksim_training.model import Output, SemanticModel


def with_score(
    model: SemanticModel, output: Output, labels: Tensor, draw: Draw, config: TrainConfig
) -> Output:
    """Add the score of each frame, if its indices were drawn for the score function.

    score = (loss − baseline)·ln P(indices), whose gradient has the mean ∇E[loss] over the indices (Williams,
    Machine Learning 8:229, 1992). The baseline is the loss of the deployed transmission, with the nearest
    codewords, on the same draw (Rennie et al., Self-critical sequence training, CVPR 2017); it does not
    depend on what was drawn, so it leaves the mean alone.
    """
    trace = output.trace
    if trace.log_probability is None:
        return output
    assert trace.surrogate is not None
    with torch.no_grad():
        deployed = model.decode(model.link.hard(index=trace.surrogate.index, draw=draw))
        baseline = _loss(deployed, trace.latents, labels, config)
        loss = _loss(output, trace.latents, labels, config)
    return replace(output, score=(loss - baseline) * trace.log_probability)


def _loss(output: Output, latents: Tensor | None, labels: Tensor, config: TrainConfig) -> Tensor:
    """[B] what depends on the drawn indices: classification and latent reconstruction."""
    assert output.trace.embedding is not None
    assert latents is not None
    classes = cross_entropy(output.logits, labels, label_smoothing=config.label_smoothing, reduction="none")
    error = (output.trace.embedding - latents).square().flatten(1).mean(1)
    return classes + config.lambda_vec * error
