"""Policies for `linksim/SemanticRate-v0`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from linksim import checks
from linksim.modes.routed_link import RoutedLink
from linksim_envs.semantic_rate import SemanticRateVectorEnv

CELL_DB = 1.0
STEPS = 200


class FixedMode:
    """One mode for good.

    Args:
        link: of the environment.
        mode: its number.

    Raises:
        ValueError: if there is no such mode.
    """

    def __init__(self, link: RoutedLink, mode: int) -> None:
        self._mode = checks.whole("mode", mode, 0, len(link.modes) - 1)
        codebook_size, width = link.modes[self._mode]
        self.name = f"{codebook_size}:{width}"

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """[count] times the mode."""
        return np.full(len(observations["snr_db"]), self._mode, dtype=np.int64)


class SnrThresholds:
    """A mode for each interval of SNRs, whatever the image.

    Args:
        thresholds_db: [intervals − 1] ascending SNRs, from which on the next interval counts.
        modes: [intervals] mode of each, in any order.

    Raises:
        ValueError: if thresholds do not ascend, or there is not one mode more than there are thresholds.
    """

    name = "thresholds"

    def __init__(self, thresholds_db: ArrayLike, modes: ArrayLike) -> None:
        self.thresholds_db = np.asarray(thresholds_db, dtype=np.float64)
        self.modes = np.asarray(modes, dtype=np.int64)
        if (self.thresholds_db[1:] <= self.thresholds_db[:-1]).any():
            raise ValueError(f"thresholds_db must ascend, got {self.thresholds_db}")
        if self.modes.shape != (len(self.thresholds_db) + 1,):
            raise ValueError(
                f"modes must be one more than thresholds_db, {len(self.thresholds_db) + 1}, got "
                f"shape {self.modes.shape}"
            )

    @classmethod
    def tuned(cls, snr_db: ArrayLike, rewards: ArrayLike) -> "SnrThresholds":
        """The mode with the largest mean reward in each cell of 1 dB, over frames that were seen.

        Neighbouring cells of the same mode become one interval. Cells without frames belong to the interval
        below them.

        Args:
            snr_db: [frames] Es/N0 in dB.
            rewards: [frames, modes] what each mode brought.

        Raises:
            ValueError: if there are no frames, or not as many of the one as of the other.
        """
        snr, gained = np.asarray(snr_db, dtype=np.float64), np.asarray(rewards, dtype=np.float64)
        if snr.ndim != 1 or gained.ndim != 2 or not len(snr) or len(snr) != len(gained):
            raise ValueError(
                f"as many SNRs [frames] as rewards [frames, modes], at least one: {snr.shape}, {gained.shape}"
            )
        cells = np.floor(snr / CELL_DB).astype(int)
        seen, cell = np.unique(cells, return_inverse=True)
        sums = np.zeros((len(seen), gained.shape[1]))
        np.add.at(sums, cell, gained)
        best = sums.argmax(1)
        changes = np.flatnonzero(best[1:] != best[:-1]) + 1
        return cls(seen[changes] * CELL_DB, best[np.concatenate([[0], changes])])

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """The modes [count] of the intervals that the SNRs lie in."""
        return self.modes[np.searchsorted(self.thresholds_db, observations["snr_db"][:, 0], side="right")]


class Router:
    """The mode that the model's own router picks from latents and SNR."""

    name = "router"

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """[count] modes."""
        return infos["next_router_mode"]


class Genie:
    """Knows what every mode would bring for this very image on this very channel, and takes the best.

    No policy gets more in any frame. The environment must be made with `tell_outcomes`.
    """

    name = "genie"

    def begin(self, count: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Mapping[str, NDArray[Any]], infos: Mapping[str, Any]) -> NDArray[np.int64]:
        """[count] modes, the first of equally good ones.

        Raises:
            ValueError: if the environment does not tell the outcomes.
        """
        if "next_rewards" not in infos:
            raise ValueError(
                "the genie needs to know the outcomes: make the environment with tell_outcomes=True"
            )
        return infos["next_rewards"].argmax(-1)


def seen_frames(
    env: SemanticRateVectorEnv, seed: int | list[int | None], steps: int = STEPS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SNRs [frames] and what every mode would bring [frames, modes], over an episode of each environment.

    Args:
        env: made with `tell_outcomes`, usually of validation images.
        seed: of its reset.
        steps: of each, at most the length of an episode.

    Raises:
        ValueError: if the environment does not tell the outcomes, or its episodes are shorter.
    """
    if not env.core.tell_outcomes:
        raise ValueError("env does not tell the outcomes: make it with tell_outcomes=True")
    checks.whole("steps", steps, 1, env.core.episode_length)
    observations, infos = env.reset(seed=seed)
    snrs, rewards = [], []
    for number in range(steps):
        if number:
            observations, _, _, _, infos = env.step(np.zeros(env.num_envs, dtype=np.int64))
        snrs.append(np.asarray(observations["snr_db"], dtype=np.float64)[:, 0])
        rewards.append(infos["next_rewards"])
    return np.concatenate(snrs), np.concatenate(rewards)
