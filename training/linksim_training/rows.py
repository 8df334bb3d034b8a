"""What an epoch leaves behind: a row of plain numbers, as in `metrics.jsonl`."""

from typing import Any

import torch

from linksim_training.build import AnyModel
from linksim_training.config import TrainConfig
from linksim_training.evaluate import Evaluation
from linksim_training.meter import Meter
from linksim_training.routed_model import RoutedModel


def epoch_row(
    epoch: int,
    model: AnyModel,
    config: TrainConfig,
    learning_rate: float,
    meter: Meter,
    evaluation: Evaluation,
    restarted: int,
) -> dict[str, Any]:
    """The row of an epoch.

    Args:
        epoch: its number, from 1.
        model: at the temperatures of the epoch.
        config: settings of the training.
        learning_rate: at the start of the epoch.
        meter: of its training steps.
        evaluation: on the validation part, after it.
        restarted: number of codewords that got a new place at its end.
    """
    usage = meter.usage()
    row = {
        "epoch": epoch,
        "phase": config.phase(epoch),
        "vq_temp": model.link.vq_temp,
        "symbol_temp": model.link.symbol_temp,
        "hard_forward": config.phase(epoch) == "ALIGNMENT",
        "hard_share": config.hard_share(epoch),
        "lr": learning_rate,
        "rate": {"bits": float(evaluation.bits.mean()), "symbols": float(evaluation.symbols.mean())},
        "train": meter.result(),
        "val": {
            **evaluation.figures,
            "soft_accuracy": evaluation.accuracy("soft"),
            "hard_accuracy": evaluation.accuracy("hard"),
            **({"map_accuracy": evaluation.accuracy("map")} if "map" in evaluation.correct else {}),
            "gap": evaluation.gap,
        },
        "mismatch": evaluation.mismatch,
        "codebook": {
            "used": sum(int(torch.count_nonzero(one)) for one in usage),
            "restarted": restarted,
            "usage": [round(share, 7) for one in usage for share in one.tolist()],
        },
    }
    if isinstance(model, RoutedModel):
        assert evaluation.mode is not None
        counts = torch.bincount(evaluation.mode, minlength=len(model.link.modes))
        row["modes"] = {
            "modes": [list(mode) for mode in model.link.modes],
            "usage": (counts / counts.sum()).tolist(),
        }
    return row
