"""Throughput of several subjects, in rounds in which they take turns."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from linksim_benchmarks.speed.subject import Case, Chain, Subject, Unavailable
from linksim_benchmarks.speed.trial import Trial, expected_rate, tried
from linksim_benchmarks.step_cost import interleaved, ratio_of_medians

TRIAL_SHARE = 0.3
"""Of the time of a round, for each size of batch that is tried."""

REFERENCE, BOUND = "sionna", "rng-bound"


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        threads: that each subject may use.
        seconds: about so long a subject runs in a round.
        rounds: to be measured.
        seed: of bits and noise, and of the intervals.
    """

    threads: int
    seconds: float
    rounds: int
    seed: int


@dataclass
class Entry:
    """A subject that runs here."""

    subject: Subject
    case: Case
    chain: Chain
    trial: Trial
    batches: int

    @property
    def bits(self) -> int:
        """Information bits of a round."""
        return self.trial.bits * self.batches * self.chain.lanes

    @property
    def tried_rate(self) -> float:
        """Information bits per second in the trial."""
        return self.trial.bits * self.chain.lanes / self.trial.seconds

    def run(self) -> None:
        """A round."""
        try:
            self.chain.count(self.trial.bits, self.batches)
        except Unavailable as reason:
            raise Unavailable(f"{self.subject.name}: {reason}") from None


def measure(
    case: Case,
    subjects: Sequence[Subject],
    effort: Effort,
    advance: Callable[[], None] = lambda: None,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Check and time subjects at one case.

    Args:
        case: modulation, LLRs, SNR.
        subjects: in the order of the rows.
        effort: threads, time, rounds and seed.
        advance: called after every subject that was tried and after every round, for progress.

    Returns:
        a row for each subject that runs here, and why the others do not, by name.
    """
    threads = torch.get_num_threads()
    entries: list[Entry] = []
    missing: dict[str, str] = {}
    try:
        with ExitStack() as stack:
            for subject in subjects:
                try:
                    entries.append(_opened(subject, case, effort, stack))
                except Unavailable as reason:
                    missing[subject.name] = f"{subject.name}: {reason}"
                advance()
            runs = {entry.subject.name: entry.run for entry in entries}
            seconds = interleaved(runs, effort.rounds, advance) if runs else {}
    finally:
        torch.set_num_threads(threads)
    per_bit = {entry.subject.name: seconds[entry.subject.name] / entry.bits for entry in entries}
    return [_row(entry, case, per_bit, effort) for entry in entries], missing


def _opened(subject: Subject, asked: Case, effort: Effort, stack: ExitStack) -> Entry:
    if asked.bits_per_symbol not in subject.widths:
        raise Unavailable(f"it has no {2**asked.bits_per_symbol}-QAM")
    case = subject.case(asked)
    best: Entry | None = None
    for way in subject.ways:
        chain = way(case, effort.threads, effort.seed)
        stack.callback(chain.close)
        trial = tried(chain, TRIAL_SHARE * effort.seconds)
        entry = Entry(subject, case, chain, trial, trial.batches(effort.seconds))
        if best is not None:
            best, slower = sorted((best, entry), key=lambda one: -one.tried_rate)
            slower.chain.close()
        best = best or entry
    assert best is not None
    return best


def _row(entry: Entry, asked: Case, per_bit: dict[str, np.ndarray], effort: Effort) -> dict[str, Any]:
    own = per_bit[entry.subject.name]
    low, middle, high = np.quantile(1e-6 / own, [0.25, 0.5, 0.75]).tolist()
    ratio, ratio_low, ratio_high = (
        ratio_of_medians(per_bit[REFERENCE], own, effort.seed) if REFERENCE in per_bit else (None,) * 3
    )
    share = float(np.median(per_bit[BOUND]) / np.median(own)) if BOUND in per_bit else None
    decides = entry.subject.decides
    expected = expected_rate(entry.case)
    return {
        "subject": entry.subject.name,
        "bits_per_symbol": asked.bits_per_symbol,
        "demapper": asked.demapper,
        "mbit_per_s": middle,
        "low": low,
        "high": high,
        "ratio": ratio,
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
        "fraction_of_rng_bound": share,
        "threads": effort.threads,
        "batch_bits": entry.trial.bits,
        "lanes": entry.chain.lanes,
        "snr_db": asked.snr_db,
        "ber": entry.trial.ber if decides else None,
        "theory": expected if decides else None,
        "checked_bits": entry.trial.checked if decides else None,
        "agrees": entry.trial.agrees(expected) if decides else None,
        "version": entry.chain.version,
        "note": entry.subject.remark(asked),
    }
