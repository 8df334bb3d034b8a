"""Which named defect, or which pair, explains how a surrogate differs from the exact one.

Every stage of the audited surrogate is compared with the exact stage fed with the audited surrogate's own
input, so that a difference counts where it arises. Signals that the surrogate does not give are bridged: the
stages between two known signals are compared as one. A hypothesis of one or two defects then has to reproduce
every comparison that differs; defects that come in degrees take the strength that fits best.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from linksim.auditing.faulty_stages import SIGNALS, STAGES, STAGES_OF, STRENGTHS, FaultyStages, Strengths
from linksim.config import Defect
from linksim.metrics.mismatch import energy
from linksim.signals import Trace
from linksim.stages.defects import RADII

AGREES = 1e-6
"""Relative energy up to which two signals are the same but for rounding."""

EXPLAINED = 0.9
"""Least share of the energy of every difference that an explanation must account for."""

ALL_EXPLAINED = 0.99
"""Share from which nothing worth mentioning is left."""

PAIR_FACTOR = 5.0
"""A second defect must leave at least so many times less unexplained."""

EXACT_FIT = 1e-5
"""Unexplained share that leaves nothing for a second defect to explain."""

GRID = 7
"""Strengths of a defect that the search for the best one starts from."""

STEPS = 60
"""Steps of that search."""

LEAST_ERROR = 1e-15
"""Keeps the logarithm of an error finite."""


@dataclass(frozen=True)
class Finding:
    """What explains how a surrogate differs from the exact one.

    Attributes:
        verdict: "none" if it does not differ, "explained", or "unexplained".
        defects: names of the one or two defects that explain it.
        strengths: defect → fitted strength, None for those that come in no degrees.
        agreement: stage → energy of the difference from the exact stage, given the same input, over that of
            the signal, averaged over frames. A comparison that spans several stages has the last one's name.
        decision: of the link's receiver.
        candidates: every hypothesis that is possible: `defects`, `explained` (share of the energy of the
            difference, the least over the comparisons), `strengths`; best first.
    """

    verdict: str
    defects: tuple[Defect, ...] = ()
    strengths: dict[str, float | None] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    candidates: list[dict[str, Any]] = field(default_factory=list)
    decision: str = "mean"

    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict == "none":
            causes = "its temperatures"
            if self.decision == "map":
                causes += " and from the posterior mean in place of the MAP decision"
            return f"The surrogate has no defect: what is left of the mismatch comes from {causes}."
        if self.verdict == "explained":
            degrees = [
                name if strength is None else f"{name} (strength {strength:.3g})"
                for name, strength in self.strengths.items()
            ]
            text = f"The surrogate differs from the exact one by {' and '.join(degrees)}"
            share = next(
                (one["explained"] for one in self.candidates if set(one["defects"]) == set(self.defects)), 1.0
            )
            if share >= ALL_EXPLAINED:
                return f"{text}."
            return f"{text}: that accounts for {100 * share:.0f} % of it, and the rest is unexplained."
        first = next(stage for stage, error in self.agreement.items() if error > AGREES)
        return (
            "The surrogate differs from the exact one in a way that no named defect, and no pair, explains; "
            f"it differs first at the stage {first!r}."
        )


@dataclass(frozen=True)
class Comparison:
    """One comparison: the audited surrogate between two of its signals.

    Attributes:
        start, end: names of the signals.
        stages: what lies between them.
        base: energy of the difference from the exact stages over that of the signal.
    """

    start: str
    end: str
    stages: tuple[str, ...]
    base: float

    @property
    def differs(self) -> bool:
        """Whether there is a difference to explain."""
        return self.base > AGREES


class DefectFinder:
    """Tries every defect and every pair on one batch of frames.

    Args:
        stages: exact stages on the draw of that batch.
        audited: trace of the audited surrogate on it; latents are those of the exact one.
    """

    def __init__(self, stages: FaultyStages, audited: Trace) -> None:
        self.stages = stages
        self.audited = audited
        known = [name for name in SIGNALS if getattr(audited, name) is not None]
        if audited.symbols is None and "received" in known:
            known.remove("received")  # without the symbols nothing tells the scale of the transmission
        self.comparisons = [self._comparison(*ends) for ends in pairwise(known)]
        self._fits: dict[tuple[str, frozenset[Defect]], tuple[float, dict[str, float]]] = {}

    def find(self) -> Finding:
        """Look for the smallest explanation."""
        decision = self.stages.link.config.decision
        agreement = {comparison.stages[-1]: comparison.base for comparison in self.comparisons}
        if not any(comparison.differs for comparison in self.comparisons):
            return Finding("none", agreement=agreement, decision=decision)
        names: list[Defect] = [name for name in self.stages.names() if self._possible(name)]
        alone: list[tuple[Defect, ...]] = [(name,) for name in names]
        together = [pair for pair in combinations(names, 2) if set(pair) != set(RADII)]
        singles = sorted(map(self._tried, alone), key=_unexplained)
        pairs = sorted(map(self._tried, together), key=_unexplained)
        candidates = sorted(singles + pairs, key=_unexplained)
        chosen = _smallest(singles, pairs)
        if chosen is None:
            return Finding("unexplained", agreement=agreement, candidates=candidates, decision=decision)
        return Finding(
            "explained", tuple(chosen["defects"]), dict(chosen["strengths"]), agreement, candidates, decision
        )

    def _comparison(self, start: str, end: str) -> Comparison:
        stages = STAGES[SIGNALS.index(start) : SIGNALS.index(end)]
        return Comparison(start, end, stages, self._error(start, end, {}))

    def _error(self, start: str, end: str, strengths: Strengths) -> float:
        expected = self.stages.follow(self.audited, start, end, strengths)
        signal = getattr(self.audited, end)
        # The scale must not depend on the hypothesis, lest one explain a difference by being large.
        return relative_error(signal, expected, energy(signal))

    def _possible(self, name: Defect) -> bool:
        """Whether a defect changes something on this link, and only where the audited surrogate differs."""
        changed = []
        for comparison in self.comparisons:
            if STAGES_OF[name] & set(comparison.stages):
                ends = comparison.start, comparison.end
                usual = self.stages.follow(self.audited, *ends, {name: _usual(name)})
                if relative_error(usual, self.stages.follow(self.audited, *ends, {})) > AGREES:
                    changed.append(comparison)
        return bool(changed) and all(comparison.differs for comparison in changed)

    def _tried(self, defects: tuple[Defect, ...]) -> dict[str, Any]:
        share, strengths = self._share(defects)
        return {
            "defects": list(defects),
            "explained": share,
            "strengths": {name: strengths.get(name) for name in defects},
        }

    def _share(self, defects: tuple[Defect, ...]) -> tuple[float, dict[str, float]]:
        """Least share of a difference that defects account for, and their strengths."""
        shares = [1.0]
        strengths: dict[str, float] = {}
        for comparison in self.comparisons:
            if not comparison.differs:
                continue
            involved = _involved(defects, comparison)
            if not involved:
                return 0.0, strengths
            left, found = self._fitted(comparison, involved, strengths)
            # Of a difference larger than the signal itself, no more than the signal is to be explained.
            shares.append(1 - left / min(comparison.base, 1.0))
            strengths = {**found, **strengths}
        return max(0.0, min(shares)), strengths

    def _fitted(
        self, comparison: Comparison, defects: frozenset[Defect], known: Mapping[str, float]
    ) -> tuple[float, dict[str, float]]:
        """Difference that is left at the best strengths; those known from an earlier comparison stay."""
        ends = comparison.start, comparison.end
        fixed: dict[str, float | None] = {name: _usual(name) for name in defects}
        fixed |= {name: known[name] for name in defects & known.keys()}
        free = sorted(name for name in defects if name in STRENGTHS and name not in known)
        key = f"{comparison.end} {sorted(known.items())}", defects
        if key not in self._fits:
            self._fits[key] = self._search(ends, fixed, free)
        return self._fits[key]

    def _search(
        self, ends: tuple[str, str], fixed: dict[str, float | None], free: list[str]
    ) -> tuple[float, dict[str, float]]:
        ranges = [STRENGTHS[name] for name in free]

        def strengths_at(numbers: Any) -> dict[str, float]:
            values = np.atleast_1d(numbers).tolist()
            return {
                name: degree.from_search(value)
                for name, degree, value in zip(free, ranges, values, strict=True)
            }

        def left(numbers: Any) -> float:
            return math.log(LEAST_ERROR + self._error(*ends, {**fixed, **strengths_at(numbers)}))

        if not free:
            return self._error(*ends, fixed), {}
        bounds = [(degree.to_search(degree.least), degree.to_search(degree.most)) for degree in ranges]
        # There may be several minima, so that of a grid is where the search starts.
        starts = product(*(np.linspace(*bound, GRID + 2)[1:-1].tolist() for bound in bounds))
        best = optimize.minimize(
            left,
            min(starts, key=left),
            method="Nelder-Mead",
            bounds=bounds,
            options={"maxfev": STEPS * len(free), "xatol": 1e-4, "fatol": 1e-3},
        )
        found = strengths_at(best.x)
        return self._error(*ends, {**fixed, **found}), found


def _involved(defects: tuple[Defect, ...], comparison: Comparison) -> frozenset[Defect]:
    """Those that have a part in a comparison."""
    involved: set[Defect] = {name for name in defects if STAGES_OF[name] & set(comparison.stages)}
    if "transmit-statistics" in involved and "batch-padding" in defects:
        involved.add("batch-padding")  # which leaves places unused, that do not count in the scale
    return frozenset(involved)


def relative_error(signal: Tensor, reference: Tensor, scale: Tensor | None = None) -> float:
    """Mean over frames of the energy of the difference over a scale.

    Frame by frame, so that those with much energy, such as LLRs at high SNR, do not hide the others.

    Args:
        signal, reference: [B, ...].
        scale: [B] energies; those of the reference by default. Frames without any count only if they differ.
    """
    error, scale = energy(signal - reference), energy(reference) if scale is None else scale
    share = torch.where(scale > 0, error / scale, (error > 0).to(error))
    return float(share.mean())


def _usual(name: str) -> float | None:
    return STRENGTHS[name].usual if name in STRENGTHS else None


def _unexplained(candidate: Mapping[str, Any]) -> float:
    return 1 - candidate["explained"]


def _smallest(singles: list[dict[str, Any]], pairs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The best single defect unless a pair does much better."""
    single, pair = (next(iter(found), None) for found in (singles, pairs))
    left_by_single = 1.0 if single is None else _unexplained(single)
    left_by_pair = 1.0 if pair is None else _unexplained(pair)
    better = left_by_pair * PAIR_FACTOR < left_by_single and left_by_single > EXACT_FIT
    if better and left_by_pair <= 1 - EXPLAINED:
        return pair
    return single if left_by_single <= 1 - EXPLAINED else None
