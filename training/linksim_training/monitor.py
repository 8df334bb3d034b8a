"""Warnings and diagnoses, from the rows of a training: what is wrong, and what to do about it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from linksim import Link
from linksim.expected_llr import expected_mean_llr
from linksim_training.config import TrainConfig
from linksim_training.options.monitoring import VQ_ENTROPY_NATS
from linksim_training.randomness import Snr

Row = dict[str, Any]

DROP = 0.03
STEADY_EPOCHS = 4
GAP_EPOCHS = 3
LITTLE_CONSISTENCY = 0.05
VANISHING = 1e-3
LOW_TEMPERATURE = 0.5
SAME = 0.005


@dataclass(frozen=True)
class Finding:
    """Something to be told about a training.

    Attributes:
        name: which kind, such as "entropy-collapse".
        epoch: in which it was seen.
        message: what was seen, with its figures.
        remedy: what to do about it.
        good: whether it is good news.
    """

    name: str
    epoch: int
    message: str
    remedy: str
    good: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def line(self) -> str:
        """As a line of the log."""
        return f"{'✓' if self.good else '🚨'} {self.message}. {self.remedy}"


class Monitor:
    """Looks at each epoch's row, and remembers what was seen first and when.

    Args:
        links: of all modes; they give the sizes, and the expectation of the mean |LLR|.
        config: thresholds, and settings that remedies refer to.
        snr_db: Es/N0 in dB of the validation, or a range.

    Attributes:
        first: the first finding of each kind.
    """

    def __init__(self, links: Sequence[Link], config: TrainConfig, snr_db: Snr) -> None:
        self.config = config
        self.codeword_nats = _mean([math.log(link.config.codebook_size) for link in links])
        self.point_nats = _mean([math.log(2) * link.config.bits_per_symbol for link in links])
        self.expected_llr = _mean([expected_mean_llr(link, snr_db) for link in links])
        self.rows: list[Row] = []
        self.first: dict[str, Finding] = {}

    def observe(self, row: Row) -> list[Finding]:
        """What this epoch shows, given those before; to be called once per epoch, in their order."""
        self.rows.append(row)
        findings = [*self._warnings(row), *self._diagnoses(row)]
        for finding in findings:
            self.first.setdefault(finding.name, finding)
        return findings

    def _warnings(self, row: Row) -> Iterator[Finding]:
        config, epoch, val = self.config, row["epoch"], row["val"]
        threshold = self.vq_entropy_threshold
        if val["marginal_entropy"] < threshold:
            yield Finding(
                "entropy-collapse",
                epoch,
                f"Entropy collapse: marginal VQ entropy {val['marginal_entropy']:.3f} nats, below "
                f"{threshold:.3f} of at most {self.codeword_nats:.3f}",
                "Raise --lambda-marginal, or move dead codewords by --restart-dead-codes 0.1",
            )
        least = config.symbol_entropy_share * self.point_nats
        if val["symbol_marginal_entropy"] < least:
            yield Finding(
                "symbol-entropy-collapse",
                epoch,
                f"Symbol entropy collapse: marginal entropy {val['symbol_marginal_entropy']:.3f} nats of the "
                f"symbols, below {least:.3f}",
                "Raise --lambda-marginal: few codewords in use make few constellation points",
            )
        ratio = self.llr_ratio(row)
        if ratio > config.llr_ratio_warning:
            yield Finding(
                "llr-saturation",
                epoch,
                f"LLR saturation: mean |LLR| {val['mean_llr']:.2f}, {ratio:.1f} times its expectation for "
                "this link",
                "Over-confident LLRs stop gradients: check noise variance and LLR scale of the surrogate",
            )
        before = self.rows[-2] if len(self.rows) > 1 else None
        if before is not None and before["phase"] == row["phase"]:  # else the path is another
            change = ratio / max(self.llr_ratio(before), 1e-12)
            if change > config.llr_jump_warning or change < 1 / config.llr_jump_warning:
                yield Finding(
                    "llr-jump",
                    epoch,
                    f"LLR jump: mean |LLR| changed by a factor of {change:.2f} within an epoch",
                    "Lower --lr, or let the temperature fall more slowly",
                )
        # In the first epochs the hard path lags behind in healthy trainings, too.
        long = 1 if epoch == config.epochs else max(GAP_EPOCHS, config.epochs // 3)
        gaps = [abs(one["val"]["gap"]) for one in self.rows[-long:]]
        if len(gaps) == long and min(gaps) > config.gap_warning:
            yield Finding(
                "accuracy-collapse",
                epoch,
                f"Accuracy collapse: soft path {val['soft_accuracy']:.4f}, hard path "
                f"{val['hard_accuracy']:.4f} on validation data",
                "The surrogate does not match the deployed path: "
                + (
                    "begin phase 2 earlier (--alignment-start-epoch)"
                    if row["phase"] == "LEARNING"
                    else "raise --lambda-consistency or --lambda-soft"
                )
                + ", and look at the mismatch of each stage with linksim audit",
            )
        train_gap = row["train"]["accuracy"] - val["accuracy"]
        same_path = row["hard_share"] == float(row["hard_forward"])  # not while phase 2 ramps
        if same_path and train_gap > config.train_gap_warning:
            yield Finding(
                "train-validation-gap",
                epoch,
                f"Training accuracy {row['train']['accuracy']:.4f} exceeds validation accuracy "
                f"{val['accuracy']:.4f} on the same path",
                "Overfitting: more data, a higher --weight-decay or --label-smoothing, or fewer epochs",
            )

    def _diagnoses(self, row: Row) -> Iterator[Finding]:
        config, epoch, val = self.config, row["epoch"], row["val"]
        aligned = [one for one in self.rows if one["phase"] == "ALIGNMENT"]
        learning = [one for one in self.rows if one["phase"] == "LEARNING"]
        if aligned and learning:
            best = max(one["val"]["accuracy"] for one in learning)
            if val["accuracy"] < best - DROP:
                yield Finding(
                    "phase-2-drop",
                    epoch,
                    f"Accuracy fell from {best:.4f} in phase 1 to {val['accuracy']:.4f} in phase 2",
                    "Raise --temp-freeze-floor to 0.8, lower --lambda-consistency to 0.3, or start alignment "
                    f"later (now --alignment-start-epoch {config.alignment_start_epoch})",
                )
        if row["phase"] == "LEARNING" and val["marginal_entropy"] < self.vq_entropy_threshold:
            yield Finding(
                "phase-1-entropy-collapse",
                epoch,
                f"Entropy collapses in phase 1: {val['marginal_entropy']:.3f} nats",
                "Raise --lambda-entropy to 0.05 and --temp-freeze-floor to 0.8, or warm up with "
                "--entropy-warmup-epochs 10; --lambda-marginal 0.5 is what keeps codewords alive",
            )
        if len(aligned) >= STEADY_EPOCHS and config.lambda_consistency:
            first, last = aligned[0]["val"]["consistency"], val["consistency"]
            if last > LITTLE_CONSISTENCY and last > 0.95 * first:
                yield Finding(
                    "consistency-steady",
                    epoch,
                    f"The consistency loss does not decrease: {first:.4f} when phase 2 began, {last:.4f} now",
                    "Check bit grouping and LLR scale of the surrogate (linksim verify), raise "
                    "--lambda-consistency to 1.0, or extend phase 2 (--epochs 40)",
                )
        train = row["train"]
        through = train["gradient_norm_assignment"] / max(train["gradient_norm_embedding"], 1e-30)
        temperatures = config.backward_temperatures
        lowest = min(
            row[name] if backward is None else backward
            for name, backward in zip(("vq_temp", "symbol_temp"), temperatures, strict=True)
        )
        softly = row["phase"] == "LEARNING" or config.gradient in ("surrogate", "gumbel", "reinmax")
        if through < VANISHING and lowest < LOW_TEMPERATURE and softly:
            yield Finding(
                "vanishing-gradients",
                epoch,
                f"Vanishing gradients: {through:.1e} of the gradient at the embedding reaches the assignment "
                f"at a temperature of {lowest:.2f}",
                "Raise --temp-freeze-floor, or keep the backward pass warm with --backward-vq-temp 0.7 "
                "--backward-symbol-temp 0.7",
            )
        best_hard = max(one["val"]["hard_accuracy"] for one in self.rows)
        last = epoch == config.epochs or reached_alignment(row, config)
        if last and best_hard - val["hard_accuracy"] <= SAME and abs(val["gap"]) <= config.gap_warning / 2:
            yield Finding(
                "no-collapse",
                epoch,
                f"The last epoch's hard path ({val['hard_accuracy']:.4f}) is as good as the best "
                f"({best_hard:.4f})",
                "Both checkpoints can be used",
                good=True,
            )

    @property
    def vq_entropy_threshold(self) -> float:
        """Marginal entropy of the assignment in nats below which it counts as collapsed."""
        if self.config.vq_entropy_warning == "relative":
            return self.config.vq_entropy_share * self.codeword_nats
        return VQ_ENTROPY_NATS[self.config.vq_entropy_warning]

    def llr_ratio(self, row: Row) -> float:
        """Mean |LLR| of the validation over its expectation for this link."""
        return row["val"]["mean_llr"] / max(self.expected_llr, 1e-12)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def reached_alignment(row: Row, config: TrainConfig) -> bool:
    """Whether early stopping is on and an epoch meets its three conditions."""
    return (
        config.early_stop
        and row["phase"] == "ALIGNMENT"
        and row["hard_share"] == 1
        and row["mismatch"]["feature_nmse"] < config.early_stop_consistency
        and row["val"]["hard_accuracy"] > config.early_stop_accuracy
        and abs(row["val"]["gap"]) < config.early_stop_gap
    )
