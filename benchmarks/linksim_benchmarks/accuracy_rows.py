"""Results of an accuracy sweep as rows."""

from typing import Any

from linksim.metrics.frames import Method
from linksim_benchmarks.image_point import ImagePoint, ImageTally, PathSetting
from linksim_benchmarks.montecarlo.engine import Progress
from linksim_benchmarks.montecarlo.point import PointState


def rows(progress: Progress, method: Method = "clopper-pearson") -> list[dict[str, Any]]:
    """A row for each setting of each point, over whole passes through the images, in the order of the grid.

    Args:
        progress: of a sweep of `ImagePoint`s.
        method: of the intervals.

    Returns:
        dictionaries with snr_db, ebno_db, path, samples, correct, accuracy, low, high, vq_temp, symbol_temp
        (None except on the soft path), label (of a baseline, else None), symbols (of the channel, for an
        image), draws, gap, gap_low, gap_high (accuracy of the soft path minus that of the hard path on the
        same draws, with a paired interval; None elsewhere), stopped_by.
    """
    found = []
    for state in progress.results:
        point, tally = state.work, state.tally
        assert isinstance(point, ImagePoint)
        assert isinstance(tally, ImageTally)
        if tally.draws:
            found += [_row(state, point, tally, setting, method) for setting in point.settings]
    return found


def _row(
    state: PointState, point: ImagePoint, tally: ImageTally, setting: PathSetting, method: Method
) -> dict[str, Any]:
    correct, samples = int(tally.correct[setting.name].sum()), tally.draws * tally.images
    low, high = tally.interval(setting.name, method)
    hard = next((one.name for one in point.settings if one.path == "hard"), None)
    gap, gap_low, gap_high = None, None, None
    if setting.path == "soft" and hard is not None:
        gap, gap_low, gap_high = tally.gap(setting.name, hard)
    return {
        "snr_db": point.snr_db,
        "ebno_db": point.ebno_db,
        "path": setting.path,
        "samples": samples,
        "correct": correct,
        "accuracy": correct / samples,
        "low": low,
        "high": high,
        "vq_temp": setting.vq_temp,
        "symbol_temp": setting.symbol_temp,
        "label": setting.label,
        "symbols": point.symbols,
        "draws": tally.draws,
        "gap": gap,
        "gap_low": gap_low,
        "gap_high": gap_high,
        "stopped_by": state.reason,
    }
