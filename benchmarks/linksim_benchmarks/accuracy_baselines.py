"""What an accuracy sweep compares a model with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from linksim_benchmarks.accuracy import data_digest, model_points
from linksim_benchmarks.baseline_point import baseline_points
from linksim_benchmarks.baselines.base import design_snr_db
from linksim_benchmarks.baselines.codec import fit_codec
from linksim_benchmarks.baselines.noiseless import NoiselessBound, known_bound, noiseless_bound
from linksim_benchmarks.baselines.separate import fit_separate
from linksim_benchmarks.baselines.straight_through import trained
from linksim_benchmarks.image_point import ImagePoint, PathSetting
from linksim_training.checkpoints import Checkpoint
from linksim_training.data import ImageData

BaselineName = Literal["noiseless", "straight-through", "separate", "codec"]


@dataclass
class BaselineSweep:
    """Baselines made ready.

    Attributes:
        points: of those that are sent over the link.
        bound: of the one that is not, the noiseless one.
        constant_rows: its rows, one for each SNR, for pictures.
    """

    points: list[ImagePoint] = field(default_factory=list)
    bound: NoiselessBound | None = None
    constant_rows: list[dict[str, Any]] = field(default_factory=list)


def baseline_sweep(
    names: Sequence[BaselineName] | None,
    path: Path,
    checkpoint: Checkpoint,
    data: ImageData,
    dataset: str | None,
    snr_db: Sequence[float],
    folder: Path,
    target: Console,
) -> BaselineSweep:
    """Make baselines ready: read, fit or train them.

    Args:
        names: which; None for the noiseless bound if the checkpoint's training left it beside it.
        path: of the checkpoint.
        checkpoint: what it holds.
        data: whose test part is sent.
        dataset: its name, None for that of the training.
        snr_db: Es/N0 in dB.
        folder: where what was trained is kept, under `baselines`.
        target: says what takes time.

    Raises:
        OSError, ValueError: as fitting and training raise them.
    """
    found = BaselineSweep()
    if names is None:
        found.bound = known_bound(path, checkpoint, data)
    elif "noiseless" in names:
        found.bound = known_bound(path, checkpoint, data)
        if found.bound is None:
            target.print("Training without a link, for the noiseless bound …")
            found.bound = noiseless_bound(path, checkpoint, data)
    if found.bound is not None:
        found.constant_rows = _constant_rows(found.bound, snr_db)
    names = names or ()
    if "straight-through" in names:
        target.print("Straight-through training end to end, unless an earlier one is kept …")
        kept = trained(checkpoint, folder / "baselines" / "straight-through")
        setting = PathSetting("straight-through", "straight-through", label="straight-through, end to end")
        found.points += model_points(kept, dataset, snr_db, [setting], "straight-through")
    design, config = design_snr_db(checkpoint.metadata), checkpoint.model.link.config
    for name, fit in (("separate", fit_separate), ("codec", fit_codec)):
        if name in names:
            what = "source and channel coding" if name == "separate" else "an image codec"
            target.print(f"Fitting {what} …")
            baseline = fit(data, config, design)
            found.points += baseline_points(baseline, len(data.y_test), data_digest(data), snr_db)
    return found


def _constant_rows(bound: NoiselessBound, snr_db: Sequence[float]) -> list[dict[str, Any]]:
    """The bound at every SNR, as pictures take it."""
    figures = {"accuracy": bound.accuracy, "low": bound.low, "high": bound.high}
    return [{"snr_db": float(snr), "path": "noiseless", "label": "no link", **figures} for snr in snr_db]
