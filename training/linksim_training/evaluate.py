"""Both paths of a model over data, on the same draws."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from linksim import Draw
from linksim.evaluation import evaluating, placed
from linksim.metrics import mismatch
from linksim.stages.decide import Decide
from linksim_training import world
from linksim_training.config import TrainConfig
from linksim_training.losses import loss_terms, total_loss
from linksim_training.meter import Meter, measured_sums
from linksim_training.model import Output, SemanticModel
from linksim_training.randomness import FrameRandomness, Snr


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
    snr_db: Snr,
    randomness: torch.Generator | FrameRandomness,
    config: TrainConfig,
    phase: str,
    epoch: int | None = None,
    *,
    alone: bool = False,
) -> Evaluation:
    """Run both paths over batches, at the link's temperatures.

    Processes that train together share the batches, and each gets the result of all.

    Args:
        model: what to evaluate; its mode (training or not) is kept.
        batches: of images [B, c, h, w] and labels [B].
        snr_db: Es/N0 in dB; where `randomness` is a `FrameRandomness`, that one's counts.
        randomness: what the draws are made from: a generator, in order, or numbered frames.
        config: weights of the loss terms.
        phase: LEARNING reports the loss of the soft path, ALIGNMENT that of the hard path.
        epoch: whose weights count, if they warm up; the last if None.
        alone: do all of it in this process, without the others.
    """
    codebook = model.link.codebook
    meter, correct = Meter(), defaultdict(dict)
    errors: dict[str, Tensor] = defaultdict(lambda: torch.zeros(2, dtype=torch.float64))
    start = 0
    with evaluating(model):
        for number, (images, labels) in enumerate(batches):
            first, start = start, start + len(labels)
            if not alone and number % world.size() != world.rank():
                continue
            images, labels = placed(images, codebook), labels.to(codebook.device)
            if isinstance(randomness, FrameRandomness):
                draw = randomness.draw(first, start)
            else:
                assert not isinstance(snr_db, tuple)
                draw = model.link.draw(len(images), snr_db, randomness)
            outputs = both_paths(model, model.encoder(images), draw)
            shown = outputs["soft"] if phase == "LEARNING" else _as_aligned(outputs)
            terms = loss_terms(model, shown, labels, config, phase)
            measured = {name: one / len(labels) for name, one in measured_sums(shown, labels).items()}
            meter.add({"loss": total_loss(terms, config, epoch), **terms, **measured}, len(labels))
            for receiver, output in outputs.items():
                correct[receiver][number] = (output.logits.argmax(-1) == labels).cpu()
            for name, (error, scale) in path_mismatch(outputs["soft"], outputs["hard"]).items():
                errors[name] = errors[name] + torch.stack([error.sum(), scale.sum()]).cpu()
    own = (meter.state(), dict(correct), dict(errors))
    return _joined([own] if alone else world.gathered(own))


def _joined(
    parts: list[tuple[dict[str, Any], dict[str, dict[int, Tensor]], dict[str, Tensor]]],
) -> Evaluation:
    """The evaluation of all processes from those of each, batches in their order."""
    joined = Meter()
    joined.join([state for state, _, _ in parts])
    receivers = {receiver for _, correct, _ in parts for receiver in correct}
    flags = {
        receiver: {
            number: one for _, correct, _ in parts for number, one in correct.get(receiver, {}).items()
        }
        for receiver in receivers
    }
    totals = {
        name: sum((errors[name] for _, _, errors in parts if name in errors), start=torch.zeros(2))
        for name in {name: None for _, _, errors in parts for name in errors}
    }
    return Evaluation(
        correct={name: torch.cat([flags[name][n] for n in sorted(flags[name])]) for name in sorted(flags)},
        figures=joined.result(),
        mismatch={name: float(error / scale.clamp_min(1e-300)) for name, (error, scale) in totals.items()},
    )


def both_paths(model: SemanticModel, latents: Tensor, draw: Draw) -> dict[str, Output]:
    """Both paths on one draw.

    Args:
        model: link and head of it are used.
        latents: [B, N, D].
        draw: of B frames.

    Returns:
        "hard", "mean" and "map" as `hard_path` gives them, "soft": the soft path.
    """
    return {**hard_path(model, latents, draw), "soft": model.decode(model.link.soft(latents, draw))}


def hard_path(model: SemanticModel, latents: Tensor, draw: Draw) -> dict[str, Output]:
    """The hard path on one draw, with several receivers.

    Args:
        model: link and head of it are used.
        latents: [B, N, D].
        draw: of B frames.

    Returns:
        "hard": as configured, "mean" and "map": with each receiver.
    """
    hard = model.link.hard(latents, draw)
    assert hard.posterior is not None
    assert hard.decoded_index is not None
    codebook, config = model.link.codebook, model.link.config
    posterior = hard.posterior
    if config.decision == "radius":  # which leaves codewords out of it
        assert hard.information_llr is not None
        posterior = Decide(config.layout).to(codebook).soft(hard.information_llr, codebook).posterior
    receivers = {
        "mean": model.decode(hard.replace(embedding=posterior @ codebook)),
        "map": model.decode(hard.replace(embedding=codebook[hard.decoded_index])),
    }
    as_deployed = config.arithmetic == "float" and config.decision in receivers
    return {
        "hard": receivers[config.decision] if as_deployed else model.decode(hard),
        **receivers,
    }


def _as_aligned(outputs: dict[str, Output]) -> Output:
    hard, soft = outputs["hard"], outputs["soft"]
    trace = hard.trace.replace(
        assignment=soft.trace.assignment,
        symbol_probabilities=soft.trace.symbol_probabilities,
        surrogate=soft.trace,
    )
    return Output(
        hard.logits, hard.features, trace, surrogate_features=soft.features, surrogate_logits=soft.logits
    )


def path_mismatch(soft: Output, hard: Output) -> dict[str, tuple[Tensor, Tensor]]:
    """Error and scale per frame of every stage, the receiver features last, by the name of the figure."""
    features = mismatch.normalised_error(soft.features, hard.features)
    return {**mismatch.stage_errors(soft.trace, hard.trace), "feature_nmse": features}
