"""Results of a bit error rate sweep as rows."""

from typing import Any

from linksim.metrics.frames import Method, proportion
from linksim_benchmarks.ber import Point
from linksim_benchmarks.ber_tally import BerTally
from linksim_benchmarks.montecarlo.engine import Progress, run
from linksim_benchmarks.montecarlo.point import PointState
from linksim_benchmarks.montecarlo.stop import LEVEL, StopRule
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.montecarlo.workers import local_workers


def rows(progress: Progress, method: Method = "clopper-pearson") -> list[dict[str, Any]]:
    """A row for each path of each point that was run, in the order of the grid.

    Args:
        progress: of a sweep of `Point`s.
        method: of the intervals.

    Returns:
        dictionaries with bits_per_symbol, channel, ebno_db, snr_db, bits, bit_errors, ber, low, high, frames,
        frame_errors, theory (None where there is no closed form), modulation, demapper, code, code_rate, crc,
        fer, fer_low, fer_high, undetected (frames with errors that passed the CRC; None without one),
        evm_percent (of the transmitted symbols behind converters and amplifier), path, ber_unbiased (without
        the bias of stopping at a number of errors), stopped_by ("target errors", "relative width",
        "max bits", "time limit"; None while unfinished), backend (what computed the LLRs).
    """
    return [row(state, path, method) for state in progress.results for path in state.tally.paths]  # type: ignore[attr-defined]


def points_of(progress: Progress) -> list[Point]:
    """The points of the rows, in their order."""
    works = [state.work for state in progress.results]
    return [work for work in works if isinstance(work, Point) for _ in work.paths]


def row(state: PointState, path: str, method: Method) -> dict[str, Any]:
    """The row of one path of a point; columns as in `rows`."""
    point, tally, rule = state.work, state.tally, state.rule
    assert isinstance(point, Point)
    assert isinstance(tally, BerTally)
    sums = tally.sums[path]
    low, high = tally.interval(path, LEVEL, method)
    fer_low, fer_high = proportion(sums.frame_errors, tally.frames, LEVEL, method)
    evm = (sums.error_energy / sums.reference_energy) ** 0.5 if sums.reference_energy else 0.0
    return {
        "bits_per_symbol": point.bits_per_symbol,
        "channel": point.channel,
        "ebno_db": round(point.config().layout.ebno_db(point.snr_db), 9) + 0.0,
        "snr_db": point.snr_db,
        "bits": tally.bits,
        "bit_errors": sums.bit_errors,
        "ber": sums.bit_errors / tally.bits,
        "low": low,
        "high": high,
        "frames": tally.frames,
        "frame_errors": sums.frame_errors,
        "theory": point.theory(),
        "modulation": point.modulation,
        "demapper": point.demapper,
        "code": point.coding.code,
        "code_rate": None if point.coding.code == "none" else point.coding.code_rate,
        "crc": point.coding.crc,
        "fer": sums.frame_errors / tally.frames,
        "fer_low": fer_low,
        "fer_high": fer_high,
        "undetected": sums.undetected,
        "evm_percent": 100 * evm,
        "path": path,
        "ber_unbiased": tally.unbiased(path, _target(rule, tally)),
        "stopped_by": state.reason,
        "backend": ", ".join(sorted(tally.backends)),
    }


def _target(rule: StopRule, tally: BerTally) -> int | None:
    """Number of errors that stops a point; None where the spread between frames has a say."""
    return rule.needed_errors() if tally.independent or rule.relative_width is None else rule.target_errors


def simulate(point: Point, bits: int, seed: int) -> dict[str, Any]:
    """Simulate a point in this process, without a store.

    Args:
        point: what to simulate.
        bits: at least this many information bits, rounded up to whole frames.
        seed: root of the random streams; a point's result does not depend on other points.

    Returns:
        the row of its first path, as in `rows`.
    """
    sweep = Sweep("ber", [point], seed, {})
    with local_workers(1) as workers:
        return rows(run(sweep, StopRule(max_bits=bits), workers))[0]
