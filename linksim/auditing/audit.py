"""The mismatch audit: soft against hard on the same draw, stage by stage, and what the difference costs."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from linksim import checks
from linksim.auditing.at_one_snr import AuditedLink, Encoded, audit_snr
from linksim.auditing.defects import find_defects, switched_on
from linksim.auditing.faulty_stages import STAGES_OF
from linksim.auditing.finding import Finding
from linksim.auditing.rows import STAGES
from linksim.auditing.ties import tied_tokens
from linksim.auditing.verdict import verdict
from linksim.evaluation import evaluating, placed
from linksim.inputs import MOST_DB
from linksim.link import Link
from linksim.signals import Draw, Trace

__all__ = ["PARTS", "STAGES", "AuditReport", "audit", "one_function"]

Surrogate = Callable[[Tensor, Draw], Trace]

PARTS = ("attribution", "defects", "calibration", "constellations")
"""What an audit does beside the figures of each stage."""

BATCH = 500


@dataclass(frozen=True)
class AuditReport:
    """Figures of an audit. All intervals are at 95 %.

    Attributes:
        rows: dictionaries with snr_db, stage, metric, value, low, high; one for each figure.
        frames: number of images.
        draws: number of transmissions of each image at each SNR.
        kept: [frames] numbers of the images, of those given.
        tied: number of tokens whose two nearest codewords are equally far (`auditing.ties`); None with a
            quantizer of one's own.
        left_out: number of images left out because they have such tokens.
        one_function: stages that are one function on both paths: what differs there came in from before.
        attribution: snr_db, surrogate, measure, place, value, low, high: what each place adds to accuracy (a
            share) or cross-entropy (nats) when it is soft, and their total; `surrogate` is "audited";
            if that one is not exact, "exact" has the same figures without its fault, and "fault" the
            difference.
        finding: which defects explain how the surrogate differs from the exact one; None if
            it was not needed.
        switched: defect, soft_accuracy, low, high, embedding_nmse, over all SNRs together: what each named
            defect would do; the first row is the surrogate without any.
        calibration: snr_db, path, llr, claimed, measured, low, high, bits for each bin of |LLR|; `path` is
            "hard", "soft", "uniform" (hard, with all codewords equally used) or, if the audited surrogate is
            not exact, "exact".
        information: snr_db, path, value, low, high (bit per bit), best_scale, capacity.
        constellations: snr_db, and what `auditing.constellation` collects.
        correct: (snr_db, path) → [draws, images], whether the class was right.
    """

    rows: list[dict[str, Any]]
    frames: int
    draws: int = 1
    kept: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    tied: int | None = 0
    left_out: int = 0
    one_function: tuple[str, ...] = ()
    attribution: list[dict[str, Any]] = field(default_factory=list)
    finding: Finding | None = None
    switched: list[dict[str, Any]] = field(default_factory=list)
    calibration: list[dict[str, Any]] = field(default_factory=list)
    information: list[dict[str, Any]] = field(default_factory=list)
    constellations: list[dict[str, Any]] = field(default_factory=list)
    correct: dict[tuple[float, str], Tensor] = field(default_factory=dict)

    def verdict(self) -> str:
        """The widest gap in accuracy, where most of it comes from, and the defects found, in words."""
        return verdict(self)

    def value(self, snr_db: float, metric: str) -> float:
        """One figure.

        Raises:
            KeyError: if there is none of that name at that SNR.
        """
        return self.row(snr_db, metric)["value"]

    def row(self, snr_db: float, metric: str) -> dict[str, Any]:
        """One figure with its interval.

        Raises:
            KeyError: if there is none of that name at that SNR.
        """
        for row in self.rows:
            if row["snr_db"] == snr_db and row["metric"] == metric:
                return row
        raise KeyError(f"no {metric} at {snr_db:g} dB")


@torch.no_grad()
def audit(
    model: Any,
    data: tuple[Tensor, Tensor] | Iterable[tuple[Tensor, Tensor]],
    *,
    snr_db: Sequence[float],
    generator: torch.Generator,
    surrogate: Surrogate | None = None,
    draws: int = 1,
    leave_out_ties: bool = False,
    parts: Collection[str] = PARTS,
    on_batch: Callable[[], None] | None = None,
) -> AuditReport:
    """Measure how far the soft path is from the hard one at each stage, and what that costs.

    Args:
        model: has `encoder` (images to latents), `transceiver_dig` (a `Link`) and `head` (embedding to logits
            and features), such as `linksim_training.SemanticModel`.
        data: images and labels, or batches of them.
        snr_db: Es/N0 values in dB.
        generator: what the draws are made from, in the order of SNRs, draws and batches.
        surrogate: audited in place of `Link.soft`: a function of latents and draw that returns a `Trace`;
            figures of fields that it leaves None are left out. It is compared at the link's temperatures.
        draws: number of transmissions of every image. Those of one image count as one cluster.
        leave_out_ties: leave out images with a token between two codewords, where no temperature is hard.
        parts: some of `PARTS`; without them there are only the figures of each stage, in half the time.
        on_batch: called after every batch of every draw and SNR, for progress.

    Returns:
        figures with 95 % intervals: for accuracies exact binomial ones; for the paired gap Newcombe's, with
        several draws a bootstrap over images; for the attribution a bootstrap over images; for the rest
        Student's over images, linearised.

    Raises:
        TypeError: if `draws` is no whole number.
        ValueError: if there are fewer than two images or no SNRs, a part is unknown, or what the surrogate
            returns does not fit.
    """
    if not isinstance(snr_db, Iterable):
        raise TypeError(f"snr_db must be a list of Es/N0 in dB, as in [0, 10], got {snr_db!r}")
    snrs = [checks.real("snr_db", snr, least=-MOST_DB, most=MOST_DB) for snr in snr_db]
    if not snrs:
        raise ValueError("snr_db must hold at least one Es/N0 in dB, got none")
    if surrogate is not None and not callable(surrogate):
        raise TypeError(f"surrogate must be a function of latents and draw, got {type(surrogate).__name__}")
    if isinstance(parts, str):
        raise TypeError(f"parts must be a list of names, as in {[PARTS[0]]}, got {parts!r}")
    draws = checks.whole("draws", draws, 1, 10_000)
    for part in parts:
        checks.one_of("parts", part, PARTS)
    batches = _batches(data)
    if sum(len(labels) for _, labels in batches) < 2:
        raise ValueError("data must hold at least two images, since one frame has no interval")
    with evaluating(model):
        link: Link = model.transceiver_dig
        encoded, kept, tied = _encoded(model, batches, leave_out_ties)
        exact = link.with_defects(())
        audited = AuditedLink(model, link, exact, surrogate)
        finding, switched = None, []
        if "defects" in parts or ("attribution" in parts and not audited.is_exact):
            finding = find_defects(audited, encoded, snrs, generator)
        if "defects" in parts:
            switched = switched_on(audited, encoded, snrs, generator)
        report = AuditReport(
            rows=[],
            frames=len(kept),
            draws=draws,
            kept=kept,
            tied=tied,
            left_out=sum(len(labels) for _, labels in batches) - len(kept),
            one_function=one_function(link, surrogate is not None),
            finding=finding,
            switched=switched,
        )
        for snr in snrs:
            found = audit_snr(audited, encoded, snr, draws, generator, parts, finding, on_batch)
            for name in ("rows", "attribution", "calibration", "information", "constellations"):
                getattr(report, name).extend({"snr_db": snr, **row} for row in found[name])
            report.correct.update({(snr, path): right for path, right in found["correct"].items()})
    return report


def one_function(link: Link, own_surrogate: bool) -> tuple[str, ...]:
    """Stages that are one function on both paths, among those that the link has.

    Args:
        link: its decision and defects count.
        own_surrogate: whether a function of one's own is audited, of whose stages nothing is known.
    """
    config = link.config
    there = set(STAGES)
    if (config.dac_bits, config.pa_backoff_db, config.adc_bits) == (None,) * 3:
        there.discard("front end")
    if not link.layout.coded:
        there.discard("decode")
    different = {"quantize", "map"}
    if own_surrogate:
        different = set(STAGES) - {"features", "task"}  # the head is the model's
    if config.decision == "map":
        different.add("decide")
    for name in config.defects:
        different |= STAGES_OF[name]
    return tuple(stage for stage in STAGES if stage in there - different)


def _batches(data: tuple[Tensor, Tensor] | Iterable[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    if isinstance(data, (tuple, list)) and len(data) == 2 and isinstance(data[0], Tensor):
        images, labels = cast("tuple[Tensor, Tensor]", data)
        if len(images) != len(labels):
            raise ValueError(f"data holds {len(images)} images, but {len(labels)} labels")
        data = zip(images.split(BATCH), labels.split(BATCH), strict=True)
    if not isinstance(data, Iterable):
        raise TypeError(f"data must be images and labels, or batches of them, got {type(data).__name__}")
    batches = [(images, labels) for images, labels in data if len(images)]
    for _, labels in batches:
        if labels.dim() != 1 or labels.is_floating_point() or labels.is_complex():
            raise ValueError(
                f"data must have a whole number as label of each image, [n], got {list(labels.shape)} of "
                f"{labels.dtype}"
            )
    return [(images, labels.long()) for images, labels in batches]


def _encoded(
    model: Any, batches: list[tuple[Tensor, Tensor]], leave_out_ties: bool
) -> tuple[list[Encoded], Tensor, int | None]:
    """Latents and labels; numbers of the images that they are of; number of tied tokens among all."""
    link: Link = model.transceiver_dig
    encoded, numbers, tied, first = [], [], 0, 0
    for images, labels in batches:
        latents = model.encoder(placed(images, link.codebook))
        ties = tied_tokens(link, latents)
        kept = torch.arange(len(labels), device=link.codebook.device)
        if ties is None:
            tied = None
        elif tied is not None:
            tied += int(ties.sum())
            kept = kept[~ties.any(1)] if leave_out_ties else kept
        if len(kept):
            encoded.append((latents[kept], labels.to(link.codebook.device)[kept]))
            numbers.append(first + kept.cpu())
        first += len(labels)
    if sum(map(len, numbers)) < 2:
        raise ValueError(
            "data holds fewer than two images without tokens between two codewords: give more images, or "
            "leave none out"
        )
    return encoded, torch.cat(numbers), tied
