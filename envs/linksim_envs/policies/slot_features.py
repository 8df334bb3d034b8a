"""Features of `linksim/LinkAdaptation-v0`: the last reports and what became of the last blocks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim import checks
from linksim_envs.policies.features import Observations

REPORTS = 16
BLOCKS = 8
AVERAGES = (4, 16, 64)
MOST_SLOTS = 1000

CENTRE_DB, SCALE_DB, DIFFERENCE_DB = 12.5, 10.0, 5.0
"""Reports are centred and scaled, differences between reports scaled, to numbers of about one."""


class SlotFeatures:
    """A memory of slots, flat.

    A vector holds the newest report; the `reports` − 1 reports before, minus the newest; averages of reports,
    minus the newest, that forget exponentially, and of acknowledgements; the number of slots so far, up to
    `reports`; and for each of the last `blocks` blocks, newest first, [schemes] numbers: +1 at its scheme if
    it passed its CRC, −1 if it did not. What is not there yet is as the first report, or zero.

    Args:
        schemes: modulation and coding schemes of the environment.
        reports: reports that are kept.
        blocks: acknowledgements that are kept.
        averages: time constants of the averages in slots.

    Raises:
        TypeError, ValueError: if a number is out of range.
    """

    kind = "slots"

    def __init__(
        self,
        schemes: int,
        reports: int = REPORTS,
        blocks: int = BLOCKS,
        averages: Sequence[float] = AVERAGES,
    ) -> None:
        self.schemes = checks.whole("schemes", schemes, 2, MOST_SLOTS)
        self.reports = checks.whole("reports", reports, 2, MOST_SLOTS)
        self.blocks = checks.whole("blocks", blocks, 1, MOST_SLOTS)
        self.averages = [checks.real("averages", one, least=1) for one in averages]
        self._keep = 1 - 1 / np.array(self.averages, dtype=np.float64)
        self.begin(0)

    @property
    def size(self) -> int:
        """Length of a vector."""
        return self.reports + 2 * len(self.averages) + 1 + self.blocks * self.schemes

    def spec(self) -> dict[str, Any]:
        """Plain description."""
        return {
            "kind": self.kind,
            "schemes": self.schemes,
            "reports": self.reports,
            "blocks": self.blocks,
            "averages": self.averages,
        }

    def begin(self, count: int) -> None:
        """Forget everything."""
        self._seen = np.zeros(count, dtype=np.int64)
        self._reports = np.zeros((count, self.reports))
        self._report_sums = np.zeros((count, len(self.averages)))
        self._ack_sums = np.zeros((count, len(self.averages)))
        self._weights = np.zeros((count, len(self.averages)))
        self._outcomes = np.zeros((count, self.blocks, self.schemes), dtype=np.float32)

    def forget(self, which: NDArray[np.intp]) -> None:
        """Begin some episodes anew."""
        for array in (self._seen, self._report_sums, self._ack_sums, self._weights, self._outcomes):
            array[which] = 0

    def see(self, observations: Observations, which: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Take note of the next observation of episodes; the vectors [rows, size].

        Raises:
            ValueError: if the environment has more schemes.
        """
        rows = np.arange(len(self._seen)) if which is None else which
        report = observations["snr_db"][:, 0].astype(np.float64)
        ack, scheme = observations["acks"][:, 0], observations["mcs"][:, 0]
        known = np.flatnonzero(ack)
        if len(known) and scheme[known].max() >= self.schemes:
            raise ValueError(f"these features were made for {self.schemes} schemes, got {scheme.max()}")
        first = self._seen[rows] == 0
        self._reports[rows, 1:] = np.where(first[:, None], report[:, None], self._reports[rows, :-1])
        self._reports[rows, 0] = report
        self._outcomes[rows, 1:] = self._outcomes[rows, :-1]
        self._outcomes[rows, 0] = 0
        self._outcomes[rows[known], 0, scheme[known]] = ack[known]
        self._weights[rows] = self._weights[rows] * self._keep + 1
        self._report_sums[rows] = self._report_sums[rows] * self._keep + report[:, None]
        self._ack_sums[rows] = self._ack_sums[rows] * self._keep + ack[:, None]
        self._seen[rows] += 1
        weights = self._weights[rows]
        parts = (
            (report[:, None] - CENTRE_DB) / SCALE_DB,
            (self._reports[rows, 1:] - report[:, None]) / DIFFERENCE_DB,
            (self._report_sums[rows] / weights - report[:, None]) / DIFFERENCE_DB,
            self._ack_sums[rows] / weights,
            np.minimum(self._seen[rows, None], self.reports) / self.reports,
            self._outcomes[rows].reshape(len(rows), -1),
        )
        return np.concatenate(parts, axis=1, dtype=np.float32)
