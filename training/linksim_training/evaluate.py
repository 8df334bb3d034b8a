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
from linksim.modes.routed_trace import sum_of_modes
from linksim.stages.decide import Decide
from linksim_training import world
from linksim_training.build import AnyModel
from linksim_training.config import TrainConfig
from linksim_training.losses import loss_terms, total_loss
from linksim_training.meter import Meter, measured_sums
from linksim_training.model import Output, SemanticModel, decode
from linksim_training.parts import AnyOutput
from linksim_training.randomness import FrameRandomness, Snr
from linksim_training.routed_model import RoutedModel, routed_output


@dataclass(frozen=True)
class Evaluation:
    """What both paths make of n frames.

    Attributes:
        correct: [n] booleans by receiver: "hard" (as configured), "mean" and "map" on the hard path, "soft";
            of several modes "hard" and "soft".
        figures: losses and means, as `Meter.result` gives them, of the path of the phase.
        mismatch: soft against hard: `vq_nmse`, `symbol_nmse`, … , `feature_nmse`; over all modes.
        bits, symbols: [n] of each frame, as deployed.
        mode: [n] int64 of each frame; None for a model with one mode.
    """

    correct: dict[str, Tensor]
    figures: dict[str, float]
    mismatch: dict[str, float]
    bits: Tensor
    symbols: Tensor
    mode: Tensor | None = None

    def accuracy(self, receiver: str) -> float:
        """Share of frames classified correctly."""
        return float(self.correct[receiver].double().mean())

    @property
    def gap(self) -> float:
        """Accuracy of the soft path minus that of the hard path."""
        return self.accuracy("soft") - self.accuracy("hard")


@torch.no_grad()
def evaluate(
    model: AnyModel,
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
    of_frames: dict[int, Tensor] = {}
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
            run = paths_of(model, model.encoder(images), draw, phase)
            terms = loss_terms(model, run.shown, labels, config, phase)
            measured = measured_sums(model, run.shown, labels)
            means = {name: one / len(labels) for name, one in measured.items()}
            meter.add({"loss": total_loss(terms, config, epoch), **terms, **means}, len(labels))
            of_frames[number] = run.mode.cpu()
            for receiver, logits in run.logits.items():
                correct[receiver][number] = (logits.argmax(-1) == labels).cpu()
            for soft, hard in run.pairs:
                for name, (error, scale) in path_mismatch(soft, hard).items():
                    errors[name] = errors[name] + torch.stack([error.sum(), scale.sum()]).cpu()
    own = (meter.state(), dict(correct), dict(errors), of_frames)
    return _joined([own] if alone else world.gathered(own), model)


Share = tuple[dict[str, Any], dict[str, dict[int, Tensor]], dict[str, Tensor], dict[int, Tensor]]


def _joined(parts: list[Share], model: AnyModel) -> Evaluation:
    """The evaluation of all processes from those of each, batches in their order."""
    joined = Meter()
    joined.join([state for state, _, _, _ in parts])
    receivers = {receiver for _, correct, _, _ in parts for receiver in correct}
    flags = {
        receiver: {
            number: one for _, correct, _, _ in parts for number, one in correct.get(receiver, {}).items()
        }
        for receiver in receivers
    }
    totals = {
        name: sum((errors[name] for _, _, errors, _ in parts if name in errors), start=torch.zeros(2))
        for name in {name: None for _, _, errors, _ in parts for name in errors}
    }
    modes = {number: one for _, _, _, of_frames in parts for number, one in of_frames.items()}
    mode = torch.cat([modes[number] for number in sorted(modes)])
    bits, symbols = rates(model)
    return Evaluation(
        bits=bits[mode],
        symbols=symbols[mode],
        mode=mode if isinstance(model, RoutedModel) else None,
        correct={name: torch.cat([flags[name][n] for n in sorted(flags[name])]) for name in sorted(flags)},
        figures=joined.result(),
        mismatch={name: float(error / scale.clamp_min(1e-300)) for name, (error, scale) in totals.items()},
    )


def rates(model: AnyModel) -> tuple[Tensor, Tensor]:
    """[modes] information bits and symbols of a frame, headers included."""
    if isinstance(model, RoutedModel):
        return model.link.bits.cpu().double(), model.link.symbols.cpu().double()
    layout = model.link.layout
    sizes = (layout.information_bits, layout.symbols)
    return torch.tensor([sizes[0]], dtype=torch.float64), torch.tensor([sizes[1]], dtype=torch.float64)


@dataclass(frozen=True)
class Paths:
    """Both paths on one draw.

    Attributes:
        logits: [B, classes] by receiver.
        shown: the path of the phase, for loss and figures.
        pairs: soft and hard outputs to compare, of every mode.
        mode: [B] int64, zero where there is one.
    """

    logits: dict[str, Tensor]
    shown: AnyOutput
    pairs: list[tuple[Output, Output]]
    mode: Tensor


def paths_of(model: AnyModel, latents: Tensor, draw: Draw, phase: str) -> Paths:
    """Run both paths.

    Args:
        model: link and head of it are used.
        latents: [B, N, D].
        draw: of B frames.
        phase: LEARNING shows the soft path, ALIGNMENT the hard one.
    """
    if isinstance(model, RoutedModel):
        return _routed_paths(model, latents, draw, phase)
    soft = model.decode(model.link.soft(latents, draw))
    outputs = {**hard_path(model, latents, draw), "soft": soft}
    shown = soft if phase == "LEARNING" else _as_aligned(outputs["hard"], soft)
    mode = torch.zeros(len(draw), dtype=torch.int64)
    return Paths({name: one.logits for name, one in outputs.items()}, shown, [(soft, outputs["hard"])], mode)


def _routed_paths(model: RoutedModel, latents: Tensor, draw: Draw, phase: str) -> Paths:
    link = model.link
    routing = link.route(latents, draw.snr_db)
    soft = [decode(model.head, link.mode(one).soft(latents, draw)) for one in range(len(link.modes))]
    hard = [decode(model.head, link.mode(one).hard(latents, draw)) for one in range(len(link.modes))]
    aligned = tuple(_as_aligned(mine, other) for mine, other in zip(hard, soft, strict=True))
    deployed = routed_output(aligned, routing, "hard", latents)
    softly = routed_output(tuple(soft), routing, "soft", latents)
    mean = sum_of_modes(routing, [one.trace for one in soft])
    logits = {"hard": deployed.logits, "soft": model.head(mean)[0]}
    shown = softly if phase == "LEARNING" else deployed
    return Paths(logits, shown, list(zip(soft, hard, strict=True)), routing.mode)


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


def _as_aligned(hard: Output, soft: Output) -> Output:
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
