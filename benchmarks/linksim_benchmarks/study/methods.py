"""The training methods that a study compares, as settings of trainer and link."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linksim.config import DEFECTS
from linksim_training.presets import PRESETS

NEVER = 10_000
"""Epoch in which a training that stays on the soft path would start to transmit hard."""

START, COLDEST = 1.0, 0.1
"""Temperatures between which annealing is meant to lead."""


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        name: on the command line and in results.
        title: what it is, in a few words.
        settings: what it changes against the defaults of the trainer and the link.
        cooler: the temperatures of its soft path at half their values.
        anneals: whether both temperatures fall geometrically to `COLDEST` in the last epoch.
    """

    name: str
    title: str
    settings: Mapping[str, Any]
    cooler: Mapping[str, Any]
    anneals: bool = False

    def of(self, epochs: int, change: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Its settings for so many epochs.

        Args:
            epochs: of the training.
            change: what tuning changes in them.
        """
        settings = {**self.settings, **(change or {})}
        if not self.anneals:
            return settings
        decay = (COLDEST / settings.get("vq_temp_start", START)) ** (1 / max(epochs - 1, 1))
        return {**settings, "vq_temp_decay": decay, "symbol_temp_decay": decay}


_SOFT = {"alignment_start_epoch": NEVER, "temp_freeze_floor": COLDEST}
_COOLER_START = {"vq_temp_start": START / 2, "symbol_temp_start": START / 2}
_HARD = {"alignment_start_epoch": 1, "lambda_consistency": 0.0}
_COOLER_FLOOR = {"temp_freeze_floor": 0.35}
_GUMBEL, _REINMAX, _SCORE = ({**_HARD, "gradient": name} for name in ("gumbel", "reinmax", "score-function"))

_COMPARED = (
    Method(
        "soft-annealed", "soft path alone, both temperatures from 1 down to 0.1", _SOFT, _COOLER_START, True
    ),
    Method("soft-0.97", "soft path alone, times 0.97 an epoch (0.41 in epoch 30)", _SOFT, _COOLER_START),
    Method(
        "soft-floor-0.5",
        "soft path alone, times 0.97 an epoch, not below 0.5",
        {**_SOFT, "temp_freeze_floor": 0.5},
        _COOLER_START,
    ),
    Method("note", "two phases as the note writes them", PRESETS["note"], {**_COOLER_START, **_COOLER_FLOOR}),
    Method(
        "legacy",
        "soft path alone, times 0.97, over a surrogate with four defects",
        PRESETS["legacy"],
        _COOLER_START,
    ),
    Method(
        "straight-through",
        "hard, the link as the identity",
        {**_HARD, "gradient": "straight-through"},
        _COOLER_FLOOR,
    ),
    Method(
        "end-to-end",
        "hard, the gradient of the soft path from the logits on",
        {**_HARD, "gradient": "surrogate", "surrogate_at": "end-to-end"},
        _COOLER_FLOOR,
    ),
    Method(
        "gumbel",
        "indices drawn, straight-through Gumbel-softmax",
        _GUMBEL,
        _COOLER_FLOOR,
    ),
    Method("reinmax", "indices drawn, ReinMax", _REINMAX, _COOLER_FLOOR),
    Method(
        "score-function",
        "indices drawn, score function",
        _SCORE,
        _COOLER_FLOOR,
    ),
    Method(
        "mixed",
        "hard, half surrogate and half straight-through, with consistency loss",
        {"alignment_start_epoch": 1, "gradient": "mixed"},
        _COOLER_FLOOR,
    ),
    Method(
        "recommended",
        "hard, mixed gradient, a loss of the soft path's own, bonus on the codewords used",
        PRESETS["recommended"],
        {"backward_vq_temp": 0.35, "backward_symbol_temp": 0.35},
    ),
)

COMPARED = tuple(method.name for method in _COMPARED)
"""What `linksim study` compares unless told otherwise."""

_SUSPECTS = (
    Method(
        "exact-surrogate", "as legacy, without a defect", {**PRESETS["legacy"], "defects": ()}, _COOLER_START
    ),
    *(
        Method(
            name,
            f"as legacy, with the defect {name} alone",
            {**PRESETS["legacy"], "defects": (name,)},
            _COOLER_START,
        )
        for name in DEFECTS
    ),
)

SUSPECTS = ("legacy", *(method.name for method in _SUSPECTS))
"""Legacy, the same without a defect, and with each defect alone."""

METHODS: Mapping[str, Method] = {method.name: method for method in (*_COMPARED, *_SUSPECTS)}
"""All that there are, by name."""
