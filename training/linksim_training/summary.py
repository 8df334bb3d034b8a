"""The result of a training run, on the test part of the data."""

import math
from typing import Any

import torch
from torch import Tensor

from linksim.metrics.intervals import clopper_pearson, newcombe_paired
from linksim_training.build import AnyModel
from linksim_training.evaluate import Evaluation
from linksim_training.loop import History
from linksim_training.noiseless import Noiseless
from linksim_training.parts import links_of

LEVEL = 0.95


def summarise(
    model: AnyModel,
    test: Evaluation,
    history: History,
    snr_db: float,
    noiseless: Noiseless | None,
) -> dict[str, Any]:
    """Accuracies with 95 % intervals, paired differences, rate, and how phase 2 went.

    Args:
        model: the deployed one.
        test: its evaluation on the test part.
        history: of its training.
        snr_db: Es/N0 in dB of training and test.
        noiseless: the baseline; None leaves it out.
    """
    bits, symbols = float(test.bits.mean()), float(test.symbols.mean())
    receivers = [name for name in ("mean", "map") if name in test.correct]
    summary = {
        "samples": len(test.correct["hard"]),
        "hard": {"receiver": links_of(model)[0].config.decision, **_accuracy(test.correct["hard"])},
        **{f"hard_{name}": _accuracy(test.correct[name]) for name in receivers},
        "soft": {
            "vq_temp": model.link.vq_temp,
            "symbol_temp": model.link.symbol_temp,
            **_accuracy(test.correct["soft"]),
        },
        "gap": paired(test.correct["soft"], test.correct["hard"]),
        "mismatch": test.mismatch,
        "epochs": len(history.rows),
        "validation": _validation(history),
        "findings": [finding.as_dict() for finding in history.findings],
        "information_bits": bits,
        "symbols": symbols,
        "snr_db": snr_db,
        "ebno_db": snr_db + 10 * math.log10(symbols / bits),
    }
    if test.mode is not None:
        counts = torch.bincount(test.mode, minlength=len(links_of(model)))
        summary["mode_usage"] = (counts / counts.sum()).tolist()
    if noiseless is not None:
        summary["noiseless"] = {
            **_accuracy(noiseless.correct),
            "lr": noiseless.lr,
            "epoch": noiseless.epoch,
            "validation_accuracy": noiseless.validation_accuracy,
        }
        summary["noiseless_gap"] = paired(noiseless.correct, test.correct["hard"])
    return summary


def _accuracy(correct: Tensor) -> dict[str, float]:
    count, total = int(correct.sum()), len(correct)
    low, high = clopper_pearson(count, total, LEVEL)
    return {"accuracy": count / total, "low": low, "high": high}


def paired(first: Tensor, second: Tensor) -> dict[str, float]:
    """Accuracy of the first minus that of the second on the same frames, with Newcombe's interval."""
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    value, low, high = newcombe_paired(both, only_first, only_second, neither, LEVEL)
    return {"value": value, "low": low, "high": high}


def _validation(history: History) -> dict[str, float]:
    hard = [row["val"]["hard_accuracy"] for row in history.rows]
    aligned = [row["val"]["perplexity"] for row in history.rows if row["phase"] == "ALIGNMENT"]
    figures = {
        "best_hard_accuracy": max(hard),
        "last_hard_accuracy": hard[-1],
        "last_perplexity": history.rows[-1]["val"]["perplexity"],
    }
    return {**figures, "lowest_perplexity_in_phase_2": min(aligned)} if aligned else figures
