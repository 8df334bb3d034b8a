"""Rows of `linksim modes`: accuracy and rate of modes and routers, beside the line between the modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linksim.metrics.means import student
from linksim_benchmarks.modes.choices import Choice, picked
from linksim_benchmarks.modes.hull import time_sharing
from linksim_benchmarks.modes.outcomes import Outcomes


@dataclass(frozen=True)
class Policy:
    """How modes are chosen.

    Attributes:
        name: "fixed", "router" (as trained) or "refitted" (the router alone, for another price).
        mode: of a fixed one.
        price: λ_sym in nats per symbol of a router.
    """

    name: str
    mode: int | None = None
    price: float | None = None


def row(policy: Policy, sent: Sequence[Outcomes], choices: Sequence[Choice]) -> dict[str, Any]:
    """One row, over all models.

    Images are what varies: an image counts with its mean over draws and models, and Student's interval over
    images at 95 %. The line is that of random switching between the fixed modes at the same mean symbols, for
    each model; the difference to it is taken image by image.

    Args:
        policy: whose row.
        sent: of every model, on the same images at one Es/N0.
        choices: of the policy, for every model.
    """
    right = [picked(one, choice).mean(0) for one, choice in zip(sent, choices, strict=True)]
    accuracy, low, high = student(np.mean(right, axis=0))
    behind, usage, symbols, bits = [], [], [], []
    for one, choice, own in zip(sent, choices, right, strict=True):
        symbols.append(float(one.symbols[choice].mean()))
        bits.append(float(one.bits[choice].mean()))
        usage.append(np.bincount(choice.ravel(), minlength=len(one.symbols)) / choice.size)
        of_modes = one.correct.mean(1)
        shares = time_sharing(one.symbols, of_modes.mean(1), symbols[-1])
        behind.append(own - shares @ of_modes)
    above, above_low, above_high = student(np.mean(behind, axis=0))
    of_models = [float(one.mean()) for one in right]
    return {
        "policy": policy.name,
        "mode": policy.mode,
        "lambda_sym": policy.price,
        "snr_db": sent[0].snr_db,
        "models": len(sent),
        "images": len(right[0]),
        "draws": sent[0].correct.shape[1],
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "lowest_model": min(of_models),
        "highest_model": max(of_models),
        "symbols": float(np.mean(symbols)),
        "bits": float(np.mean(bits)),
        **{f"usage_{mode}": float(share) for mode, share in enumerate(np.mean(usage, axis=0))},
        "above_line": above,
        "above_line_low": above_low,
        "above_line_high": above_high,
    }
