"""The mismatch audit: soft against hard on the same draw, stage by stage."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from linksim.evaluation import evaluating, placed
from linksim.link import Link
from linksim.metrics import mismatch
from linksim.metrics.intervals import clopper_pearson, newcombe_paired, ratio
from linksim.signals import Draw, Trace
from linksim.stage_figures import SQUARED, FrameFigures, path_figures

STAGES = (
    "quantize",
    "map",
    "front end",
    "received",
    "demap",
    "decode",
    "decide",
    "features",
    "task",
)
"""The stages in the order of the chain, as rows name them."""

ONE_FUNCTION = ("front end", "received", "demap", "decode")
"""Stages that are one function on both paths: what differs there came in from the stages before."""

Surrogate = Callable[[Tensor, Draw], Trace]
BATCH = 500


@dataclass(frozen=True)
class AuditReport:
    """Figures of an audit.

    Attributes:
        rows: dictionaries with snr_db, stage, metric, value, low, high; the last two are the ends of a 95 %
            interval over frames.
        frames: number of frames at each SNR.
    """

    rows: list[dict[str, Any]]
    frames: int

    def value(self, snr_db: float, metric: str) -> float:
        """One figure.

        Raises:
            KeyError: if there is none of that name at that SNR.
        """
        for row in self.rows:
            if row["snr_db"] == snr_db and row["metric"] == metric:
                return row["value"]
        raise KeyError(f"no {metric} at {snr_db:g} dB")


@torch.no_grad()
def audit(
    model: Any,
    data: tuple[Tensor, Tensor] | Iterable[tuple[Tensor, Tensor]],
    *,
    snr_db: Sequence[float],
    generator: torch.Generator,
    surrogate: Surrogate | None = None,
    on_batch: Callable[[], None] | None = None,
) -> AuditReport:
    """Measure how far the soft path is from the hard one at each stage, and what both achieve.

    Args:
        model: has `encoder` (images to latents), `transceiver_dig` (a `Link`) and `head` (embedding to logits
            and features), such as `linksim_training.SemanticModel`.
        data: images and labels, or batches of them.
        snr_db: Es/N0 values in dB.
        generator: what the draws are made from, in the order of SNRs and batches.
        surrogate: audited in place of `Link.soft`: a function of latents and draw that returns a `Trace`;
            figures of fields that it leaves None are left out.
        on_batch: called after every batch, for progress.

    Returns:
        figures with 95 % intervals: exact binomial for accuracies, Newcombe's for the paired gap, Student's
        over frames, linearised, for the rest.

    Raises:
        ValueError: if there are fewer than two images or no SNRs, or the surrogate's shapes do not fit.
    """
    if not len(snr_db):
        raise ValueError("snr_db must hold at least one Es/N0 in dB, got none")
    batches = _batches(data)
    if sum(len(labels) for _, labels in batches) < 2:
        raise ValueError("data must hold at least two images, since one frame has no interval")
    with evaluating(model):
        rows = _audit_rows(model, batches, snr_db, generator, surrogate, on_batch)
    return AuditReport(rows, frames=sum(len(labels) for _, labels in batches))


def _audit_rows(
    model: Any,
    batches: list[tuple[Tensor, Tensor]],
    snr_db: Sequence[float],
    generator: torch.Generator,
    surrogate: Surrogate | None,
    on_batch: Callable[[], None] | None,
) -> list[dict[str, Any]]:
    link: Link = model.transceiver_dig
    device = link.codebook.device
    encoded = [(model.encoder(placed(x, link.codebook)), labels.to(device)) for x, labels in batches]
    rows = []
    for snr in snr_db:
        figures = FrameFigures()
        for latents, labels in encoded:
            draw = link.draw(len(latents), snr, generator)
            hard = link.hard(latents, draw)
            soft = link.soft(latents, draw) if surrogate is None else surrogate(latents, draw)
            _check_surrogate(soft, hard)
            figures.add(path_figures(soft, hard))
            hard_logits, hard_features = model.head(hard.embedding)
            soft_logits, soft_features = model.head(soft.embedding)
            figures.add_ratio(
                "features", "feature_nmse", mismatch.normalised_error(soft_features, hard_features)
            )
            figures.add_correct(soft_logits.argmax(-1) == labels, hard_logits.argmax(-1) == labels)
            if on_batch is not None:
                on_batch()
        rows += [{"snr_db": float(snr), **row} for row in _rows(figures)]
    return rows


def _batches(data: tuple[Tensor, Tensor] | Iterable[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], Tensor):
        images, labels = cast("tuple[Tensor, Tensor]", data)
        if len(images) != len(labels):
            raise ValueError(f"data holds {len(images)} images, but {len(labels)} labels")
        data = zip(images.split(BATCH), labels.split(BATCH), strict=True)
    return [(images, labels) for images, labels in data if len(images)]


def _check_surrogate(soft: Trace, hard: Trace) -> None:
    if not isinstance(soft, Trace) or soft.embedding is None:
        raise ValueError("surrogate must return a linksim.Trace that holds at least the embedding")
    assert hard.posterior is not None
    for name, reference in {**vars(hard), "assignment": hard.posterior}.items():
        mine = getattr(soft, name)
        if isinstance(mine, Tensor) and isinstance(reference, Tensor) and mine.shape != reference.shape:
            raise ValueError(
                f"surrogate returned {name} of shape {list(mine.shape)}, expected {list(reference.shape)}"
            )


def _rows(figures: FrameFigures) -> Iterator[dict[str, Any]]:
    for stage in STAGES:
        for metric, (numerators, denominators) in figures.ratios(stage).items():
            figure = ratio(numerators, denominators)
            if metric in SQUARED:
                value, low, high = (max(end, 0.0) ** 0.5 for end in figure)
                figure = value, low, high
            yield _row(stage, metric, figure)
        for metric, ends in figures.marginals(stage).items():
            yield _row(stage, metric, ends)
    soft, hard = figures.correct()
    for metric, correct in (("soft_accuracy", soft), ("hard_accuracy", hard)):
        count, total = int(correct.sum()), len(correct)
        yield _row("task", metric, (count / total, *clopper_pearson(count, total)))
    counts = ((soft & hard).sum(), (soft & ~hard).sum(), (~soft & hard).sum(), (~soft & ~hard).sum())
    yield _row("task", "gap", newcombe_paired(*map(int, counts)))


def _row(stage: str, metric: str, figure: tuple[float, float, float]) -> dict[str, Any]:
    value, low, high = figure
    return {"stage": stage, "metric": metric, "value": value, "low": low, "high": high}
