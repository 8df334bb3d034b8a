"""Both paths of a model over data, on the same draws."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim import Draw
from linksim.evaluation import evaluating, placed
from linksim.metrics import mismatch
from linksim_training.config import TrainConfig
from linksim_training.losses import loss_terms, total_loss
from linksim_training.meter import Meter, measure
from linksim_training.model import Output, SemanticModel


@dataclass(frozen=True)
class Evaluation:
    """What both paths make of n frames.

    Attributes:
        correct: [n] booleans by receiver: "hard" (as configured), "mean" and "map" on the hard path, "soft".
        figures: losses and means, as `Meter.result` gives them, of the path of the phase.
        mismatch: soft against hard: `vq_nmse`, `symbol_nmse`, … , `feature_nmse`.
    """

    correct: dict[str, Tensor]
    figures: dict[str, float]
    mismatch: dict[str, float]

    def accuracy(self, receiver: str) -> float:
        """Share of frames classified correctly."""
        return float(self.correct[receiver].double().mean())

    @property
    def gap(self) -> float:
        """Accuracy of the soft path minus that of the hard path."""
        return self.accuracy("soft") - self.accuracy("hard")


@torch.no_grad()
def evaluate(
    model: SemanticModel,
    batches: Iterable[tuple[Tensor, Tensor]],
    snr_db: float,
    generator: torch.Generator,
    config: TrainConfig,
    phase: str,
) -> Evaluation:
    """Run both paths over batches, at the link's temperatures.

    Args:
        model: what to evaluate; its mode (training or not) is kept.
        batches: of images [B, c, h, w] and labels [B].
        snr_db: Es/N0 in dB.
        generator: what the draws are made from, in order.
        config: weights of the loss terms.
        phase: LEARNING reports the loss of the soft path, ALIGNMENT that of the hard path.
    """
    codebook = model.link.codebook
    meter, correct = Meter(), defaultdict(list)
    errors: dict[str, Tensor] = defaultdict(lambda: torch.zeros(2, dtype=torch.float64))
    with evaluating(model):
        for images, labels in batches:
            images, labels = placed(images, codebook), labels.to(codebook.device)
            draw = model.link.draw(len(images), snr_db, generator)
            outputs = both_paths(model, model.encoder(images), draw)
            shown = outputs["soft"] if phase == "LEARNING" else _as_aligned(outputs)
            terms = loss_terms(model, shown, labels, config, phase)
            meter.add({"loss": total_loss(terms, config), **terms, **measure(shown, labels)}, len(images))
            for receiver, output in outputs.items():
                correct[receiver].append((output.logits.argmax(-1) == labels).cpu())
            for name, (error, scale) in path_mismatch(outputs["soft"], outputs["hard"]).items():
                errors[name] = errors[name] + torch.stack([error.sum(), scale.sum()]).cpu()
    return Evaluation(
        correct={receiver: torch.cat(parts) for receiver, parts in correct.items()},
        figures=meter.result(),
        mismatch={name: float(error / scale.clamp_min(1e-300)) for name, (error, scale) in errors.items()},
    )


def both_paths(model: SemanticModel, latents: Tensor, draw: Draw) -> dict[str, Output]:
    """Both paths on one draw.

    Args:
        model: link and head of it are used.
        latents: [B, N, D].
        draw: of B frames.

    Returns:
        "hard": the hard path as configured, "mean" and "map": with each receiver, "soft": the soft path.
    """
    hard, soft = model.link.hard(latents, draw), model.link.soft(latents, draw)
    assert hard.posterior is not None
    assert hard.decoded_index is not None
    codebook = model.link.codebook
    receivers = {
        "mean": model.decode(hard.replace(embedding=hard.posterior @ codebook)),
        "map": model.decode(hard.replace(embedding=codebook[hard.decoded_index])),
    }
    return {"hard": receivers[model.link.config.decision], **receivers, "soft": model.decode(soft)}


def _as_aligned(outputs: dict[str, Output]) -> Output:
    hard, soft = outputs["hard"], outputs["soft"]
    trace = hard.trace.replace(
        assignment=soft.trace.assignment,
        symbol_probabilities=soft.trace.symbol_probabilities,
        surrogate=soft.trace,
    )
    return Output(hard.logits, hard.features, trace, soft.features)


def path_mismatch(soft: Output, hard: Output) -> dict[str, tuple[Tensor, Tensor]]:
    """Error and scale per frame of every stage, the receiver features last, by the name of the figure."""
    features = mismatch.normalised_error(soft.features, hard.features)
    return {**mismatch.stage_errors(soft.trace, hard.trace), "feature_nmse": features}
