"""Policies for `linksim/LinkAdaptation-v0`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from linksim import checks
from linksim_envs.policies.error_rates import BlockErrorRates

with torch.random.fork_rng(devices=range(torch.cuda.device_count())):  # as every import of Sionna here
    from sionna.sys import InnerLoopLinkAdaptation, OuterLoopLinkAdaptation

Observations = Mapping[str, NDArray[Any]]
BLER_TARGET = 0.1
CELL_DB = 0.25
"""Width of the cells into which reports are sorted for tuning."""


class FixedMcs:
    """Always the same scheme.

    Args:
        mcs: its number.
        label: of the scheme.
    """

    def __init__(self, mcs: int, label: str = "") -> None:
        self.mcs = checks.whole("mcs", mcs, 0)
        self.name = f"fixed {mcs}" + (f" ({label})" if label else "")

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Observations, infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """The scheme."""
        return np.full(len(observations["snr_db"]), self.mcs)


class _MeasuredAbstraction:
    """Measured block error rates in the form in which Sionna's link adaptation asks for them."""

    def __init__(self, rates: BlockErrorRates) -> None:
        self._rates = rates
        self.bler_table_interp = torch.zeros(1, 1, len(rates.curves))

    def __call__(self, mcs_index: torch.Tensor, *, sinr_eff: torch.Tensor, **_: Any) -> tuple[Any, ...]:
        # [count, schemes, 1] for one user in each of `count` cells; the rate of each scheme at its SNR.
        snr_db = 10 * np.log10(np.maximum(sinr_eff[:, 0, 0].numpy().astype(float), 1e-12))
        found = torch.from_numpy(self._rates.rates(snr_db)).to(sinr_eff.dtype)
        return None, None, None, found.unsqueeze(-1), None


class InnerLoop:
    """The fastest scheme whose block error rate at the reported SNR is at most a target: Sionna's
    `InnerLoopLinkAdaptation` over measured block error rates.

    Args:
        rates: of the schemes.
        target: block error rate.
    """

    name = "inner loop"

    def __init__(self, rates: BlockErrorRates, target: float = BLER_TARGET) -> None:
        self._loop = InnerLoopLinkAdaptation(
            _MeasuredAbstraction(rates),  # type: ignore[arg-type]
            bler_target=target,
            precision="single",
            device="cpu",
        )

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Observations, infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """Trust the report."""
        linear = _linear(observations)
        chosen = self._loop(sinr_eff=linear, num_allocated_re=torch.ones(linear.shape, dtype=torch.int32))
        return chosen[:, 0].numpy().astype(np.int64)


class OuterLoop:
    """As the inner loop, with an offset to the report that each NACK raises and each ACK lowers, so that in
    the long run the share of lost blocks is the target where the most robust scheme can meet it: Sionna's
    `OuterLoopLinkAdaptation`, whose offset stays within ±20 dB.

    Args:
        rates: of the schemes.
        target: block error rate.
        step_db: by which a NACK raises the offset; an ACK lowers it by target/(1 − target) times as much.
    """

    name = "outer loop"

    def __init__(self, rates: BlockErrorRates, target: float = BLER_TARGET, step_db: float = 1.0) -> None:
        self._abstraction = _MeasuredAbstraction(rates)
        self._target, self._step_db = target, step_db
        self.begin(1)

    def begin(self, count: int) -> None:
        """Offsets of zero."""
        self._loop = OuterLoopLinkAdaptation(
            self._abstraction,  # type: ignore[arg-type]
            num_ut=1,
            bler_target=self._target,
            delta_up=self._step_db,
            batch_size=count,
            precision="single",
            device="cpu",
        )

    def act(self, observations: Observations, infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """Correct the report by what became of the last blocks."""
        linear = _linear(observations)
        last = torch.from_numpy(observations["acks"][:, :1].astype(np.int32))
        feedback = torch.where(last == 0, -1, (last > 0).int())
        allocated = torch.ones(linear.shape, dtype=torch.int32)
        chosen = self._loop(num_allocated_re=allocated, harq_feedback=feedback, sinr_eff=linear)
        return chosen[:, 0].numpy().astype(np.int64)

    @property
    def offset_db(self) -> NDArray[np.float64]:
        """[count] offsets at present."""
        return self._loop.offset[:, 0].numpy().astype(float)


class SnrThresholds:
    """A scheme for each interval of reported SNRs.

    Args:
        thresholds_db: [schemes − 1] non-decreasing reports from which on the next scheme is taken.

    Raises:
        ValueError: if they decrease.
    """

    name = "thresholds"

    def __init__(self, thresholds_db: NDArray[np.float64]) -> None:
        self.thresholds_db = np.asarray(thresholds_db, dtype=np.float64)
        if (self.thresholds_db[1:] < self.thresholds_db[:-1]).any():
            raise ValueError(f"thresholds_db must not decrease, got {self.thresholds_db}")

    @classmethod
    def tuned(
        cls, rates: BlockErrorRates, reports_db: NDArray[np.float64], true_db: NDArray[np.float64]
    ) -> "SnrThresholds":
        """The thresholds with the largest expected goodput over slots that were seen.

        Reports are sorted into cells of a quarter of a dB; among all non-decreasing assignments of schemes
        to cells the best is found by dynamic programming.

        Args:
            rates: of the schemes.
            reports_db: of the slots, any shape, in dB.
            true_db: SNR of the same slots.

        Raises:
            ValueError: if there are none.
        """
        reports, true = np.ravel(reports_db), np.ravel(true_db)
        if not len(reports) or reports.shape != true.shape:
            raise ValueError(f"as many reports as true SNRs, at least one: {reports.shape}, {true.shape}")
        cells = np.floor(reports / CELL_DB).astype(int)
        first = cells.min()
        goodput = rates.goodput(true)
        value = np.zeros((cells.max() - first + 1, goodput.shape[1]))
        np.add.at(value, cells - first, goodput)
        # best[k]: of the cells so far, if the last one has scheme k; taken[c, k]: that of the cell before.
        best, taken = value[0], []
        for one in value[1:]:
            taken.append([int(np.argmax(best[: k + 1])) for k in range(len(best))])
            best = np.maximum.accumulate(best) + one
        scheme = int(np.argmax(best))
        path = [scheme]
        for before in reversed(taken):
            scheme = before[scheme]
            path.append(scheme)
        path.reverse()
        edges = np.searchsorted(path, np.arange(1, goodput.shape[1]), side="left")
        thresholds = (first + edges) * CELL_DB
        # Beyond the cells that were seen, a scheme that was never best is not tried.
        return cls(np.where(edges == len(path), np.inf, thresholds))

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Observations, infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """The scheme of the report's interval."""
        return np.searchsorted(self.thresholds_db, observations["snr_db"][:, 0], side="right")


class Genie:
    """Knows the true SNR of the coming slot, and takes the scheme with the largest expected goodput.

    Since actions do not change the channel, no policy has a larger expected return, up to the precision of
    the measured block error rates.

    Args:
        rates: of the schemes.
    """

    name = "genie"

    def __init__(self, rates: BlockErrorRates) -> None:
        self._rates = rates

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Observations, infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """The best scheme in expectation."""
        return self._rates.goodput(infos["next_snr_db"]).argmax(-1)


def _linear(observations: Observations) -> torch.Tensor:
    """[count, 1] reported SNR as a ratio."""
    return torch.from_numpy(10 ** (observations["snr_db"].astype(np.float64) / 10)).float()
