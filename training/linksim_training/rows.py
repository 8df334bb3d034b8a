"""What an epoch leaves behind: a row of plain numbers, as in `metrics.jsonl`."""

from typing import Any

import torch

from linksim_training.config import TrainConfig
from linksim_training.evaluate import Evaluation
from linksim_training.meter import Meter
from linksim_training.model import SemanticModel


def epoch_row(
    epoch: int,
    model: SemanticModel,
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
    layout, usage = model.link.layout, meter.usage()
    return {
        "epoch": epoch,
        "phase": config.phase(epoch),
        "vq_temp": model.link.vq_temp,
        "symbol_temp": model.link.symbol_temp,
        "hard_forward": config.phase(epoch) == "ALIGNMENT",
        "hard_share": config.hard_share(epoch),
        "lr": learning_rate,
        "rate": {"bits": layout.information_bits, "symbols": layout.symbols},
        "train": meter.result(),
        "val": {
            **evaluation.figures,
            "soft_accuracy": evaluation.accuracy("soft"),
            "hard_accuracy": evaluation.accuracy("hard"),
            "map_accuracy": evaluation.accuracy("map"),
            "gap": evaluation.gap,
        },
        "mismatch": evaluation.mismatch,
        "codebook": {
            "used": int(torch.count_nonzero(usage)),
            "restarted": restarted,
            "usage": [round(share, 7) for share in usage.tolist()],
        },
    }
