"""The settings that a method is given a choice of, the same for every method, and which of them it takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from linksim_benchmarks.study.methods import Method
from linksim_benchmarks.study.training import Record, unpacked
from linksim_training.config import TrainConfig

CANDIDATES = 4
FASTER = 2.0
BONUS = 0.5


def candidates(method: Method) -> list[dict[str, Any]]:
    """What a method may change: nothing, or its learning rate, marginal-entropy bonus or temperatures.

    The learning rate is doubled. The bonus is left out where the method has one, and put in where it has
    none. Temperatures are halved.

    Args:
        method: the method.

    Returns:
        `CANDIDATES` changes of its settings.
    """
    defaults = TrainConfig()
    own = method.settings.get("lambda_marginal", defaults.lambda_marginal)
    return [
        {},
        {"lr": FASTER * method.settings.get("lr", defaults.lr)},
        {"lambda_marginal": 0.0 if own else BONUS},
        dict(method.cooler),
    ]


def label(candidate: Mapping[str, Any]) -> str:
    """A candidate in a few words."""
    words = {"lr": "learning rate", "lambda_marginal": "marginal bonus"}
    shown = [f"{words[name]} {value:g}" for name, value in candidate.items() if name in words]
    return ", ".join(shown) or ("half the temperatures" if candidate else "as defined")


def validation_accuracy(record: Record, draws: int) -> float:
    """Share of the validation transmissions that the deployed checkpoint classifies correctly.

    That checkpoint has been chosen on this part, for all methods alike.

    Args:
        record: of a training.
        draws: transmissions of every image.
    """
    counts = unpacked(record["by_hard"]["validation"]["mean"])
    return float(counts.mean()) / draws


def choice(accuracies: Sequence[Sequence[float]]) -> int:
    """The candidate with the best mean accuracy; of equal ones the first.

    Args:
        accuracies: of each candidate, one for each Es/N0 and seed.
    """
    means = [sum(one) / len(one) for one in accuracies]
    return means.index(max(means))
