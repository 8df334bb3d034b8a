"""The training methods that a study compares, as settings of trainer and link."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from linksim.config import DEFECTS
from linksim_training.presets import PRESETS

NEVER = 10_000
"""Epoch in which a training that stays on the soft path would start to transmit hard."""

COLDEST = 0.1
"""Temperature at which annealing is meant to end."""


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        name: on the command line and in results.
        title: what it is, in a few words.
        settings: what it changes against the defaults of the trainer and the link.
        anneals: whether both temperatures fall geometrically from 1 to `COLDEST` in the last epoch.
    """

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    anneals: bool = False

    def of(self, epochs: int) -> dict[str, Any]:
        """Its settings for so many epochs.

        Args:
            epochs: of the training.
        """
        if not self.anneals:
            return dict(self.settings)
        decay = COLDEST ** (1 / max(epochs - 1, 1))
        return {**self.settings, "vq_temp_decay": decay, "symbol_temp_decay": decay}


_SOFT = {"alignment_start_epoch": NEVER, "temp_freeze_floor": COLDEST}
_HARD = {"alignment_start_epoch": 1, "lambda_consistency": 0.0}

_COMPARED = (
    Method("soft-annealed", "soft path alone, both temperatures from 1 down to 0.1", _SOFT, anneals=True),
    Method("soft-0.97", "soft path alone, times 0.97 an epoch (0.41 in epoch 30)", _SOFT),
    Method(
        "soft-floor-0.5",
        "soft path alone, times 0.97 an epoch, not below 0.5",
        {**_SOFT, "temp_freeze_floor": 0.5},
    ),
    Method("note", "two phases as the note writes them", PRESETS["note"]),
    Method("legacy", "soft path alone, times 0.97, over a surrogate with four defects", PRESETS["legacy"]),
    Method("straight-through", "hard, the link as the identity", {**_HARD, "gradient": "straight-through"}),
    Method(
        "end-to-end",
        "hard, the gradient of the soft path from the logits on",
        {**_HARD, "gradient": "surrogate", "surrogate_at": "end-to-end"},
    ),
    Method("gumbel", "indices drawn, straight-through Gumbel-softmax", {**_HARD, "gradient": "gumbel"}),
    Method("reinmax", "indices drawn, ReinMax", {**_HARD, "gradient": "reinmax"}),
    Method("score-function", "indices drawn, score function", {**_HARD, "gradient": "score-function"}),
    Method(
        "mixed",
        "hard, half surrogate and half straight-through, with consistency loss",
        {"alignment_start_epoch": 1, "gradient": "mixed"},
    ),
    Method(
        "recommended",
        "hard, mixed gradient, a loss of the soft path's own, bonus on the codewords used",
        PRESETS["recommended"],
    ),
)

COMPARED = tuple(method.name for method in _COMPARED)
"""What `linksim study` compares unless told otherwise."""

_SUSPECTS = (
    Method("exact-surrogate", "as legacy, without a defect", {**PRESETS["legacy"], "defects": ()}),
    *(
        Method(name, f"as legacy, with the defect {name} alone", {**PRESETS["legacy"], "defects": (name,)})
        for name in DEFECTS
    ),
)

SUSPECTS = ("legacy", *(method.name for method in _SUSPECTS))
"""Legacy, the same without a defect, and with each defect alone."""

METHODS: Mapping[str, Method] = {method.name: method for method in (*_COMPARED, *_SUSPECTS)}
"""All that there are, by name."""
