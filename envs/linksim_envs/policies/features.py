"""What a learned policy makes of observations: one flat vector of numbers for each episode.

The same object serves training and deployment, so that the two cannot differ.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linksim import checks

Observations = Mapping[str, NDArray[Any]]
MOST_SIZE = 65536
"""Numbers in a feature vector."""


class Features(Protocol):
    """Turns the observations of many episodes into flat vectors; may remember what came before."""

    @property
    def size(self) -> int:
        """Length of a vector."""
        ...

    def spec(self) -> dict[str, Any]:
        """Plain description from which `features_from` makes the same features anew."""
        ...

    def begin(self, count: int) -> None:
        """Forget everything: `count` episodes begin."""
        ...

    def see(self, observations: Observations, which: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """Take note of the next observation of episodes.

        Args:
            observations: a row for each of them.
            which: their numbers; None for all.

        Returns:
            [rows, size] float32 vectors.
        """
        ...

    def forget(self, which: NDArray[np.intp]) -> None:
        """Begin some episodes anew."""
        ...


class FlatFeatures:
    """Parts of one observation, one after the other, shifted and scaled; nothing is remembered.

    Args:
        names: of the parts, which hold numbers of any shape.
        lengths: of each part, flattened.
        shifts: of each part, subtracted first.
        scales: of each part, by which it is divided then.

    Raises:
        TypeError, ValueError: if the four do not fit each other, or a number is out of range.
    """

    kind = "flat"

    def __init__(
        self,
        names: Sequence[str],
        lengths: Sequence[int],
        shifts: Sequence[float],
        scales: Sequence[float],
    ) -> None:
        self.names = [str(name) for name in names]
        self.lengths = [checks.whole("lengths", one, 1, MOST_SIZE) for one in lengths]
        self.shifts = [checks.real("shifts", one) for one in shifts]
        self.scales = [checks.real("scales", one, above=0) for one in scales]
        if not self.names or not (
            len(self.names) == len(self.lengths) == len(self.shifts) == len(self.scales)
        ):
            raise ValueError("names, lengths, shifts and scales must be lists of one length, at least 1")

    @property
    def size(self) -> int:
        """Length of a vector."""
        return sum(self.lengths)

    def spec(self) -> dict[str, Any]:
        """Plain description."""
        return {
            "kind": self.kind,
            "names": self.names,
            "lengths": self.lengths,
            "shifts": self.shifts,
            "scales": self.scales,
        }

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def see(self, observations: Observations, which: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """The vectors [rows, size].

        Raises:
            ValueError: if an observation has not the lengths that this was made for.
        """
        parts = []
        for name, length, shift, scale in zip(
            self.names, self.lengths, self.shifts, self.scales, strict=True
        ):
            rows = np.asarray(observations[name], dtype=np.float32)
            rows = rows.reshape(len(rows), -1)
            if rows.shape[1] != length:
                raise ValueError(
                    f"these features were made for {length} numbers in {name!r}, got {rows.shape[1]}"
                )
            parts.append((rows - np.float32(shift)) / np.float32(scale))
        return np.concatenate(parts, axis=1)

    def forget(self, which: NDArray[np.intp]) -> None:
        """Nothing to forget."""


def features_from(spec: Mapping[str, Any]) -> Features:
    """Make features from their plain description.

    Raises:
        TypeError, ValueError, KeyError: if it describes none.
    """
    from linksim_envs.policies.slot_features import SlotFeatures

    kinds = {FlatFeatures.kind: FlatFeatures, SlotFeatures.kind: SlotFeatures}
    arguments = dict(spec)
    kind = checks.one_of("kind of features", arguments.pop("kind"), kinds)
    return kinds[kind](**arguments)
