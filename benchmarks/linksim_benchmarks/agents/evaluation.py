"""Playing policies against each other on common random numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from linksim.metrics.means import student
from linksim.seeds import stream_seed
from linksim_envs.policies.policy import Policy

OnShare = Callable[[float], None]

STEPS = 200
"""Of an episode in comparisons."""

TOGETHER = 64
"""Episodes of a policy that are played side by side; more take memory and gain little."""


@dataclass(frozen=True)
class Played:
    """What a policy got.

    Attributes:
        name: of the policy.
        returns: [episodes] sums of rewards.
        shares: by name, [episodes] means over the steps of an episode of what else was asked for.
    """

    name: str
    returns: NDArray[np.float64]
    shares: dict[str, NDArray[np.float64]]

    def part(self, episodes: slice) -> "Played":
        """Some of the episodes."""
        shares = {name: share[episodes] for name, share in self.shares.items()}
        return Played(self.name, self.returns[episodes], shares)


def episode_seeds(seed: int, purpose: str, count: int) -> list[int]:
    """Seeds of episodes; those of different purposes, such as tuning and evaluation, are independent."""
    return [stream_seed(seed, "agents", purpose, number) % 2**32 for number in range(count)]


def play(
    make: Callable[[int], VectorEnv[Any, Any, Any]],
    policies: Sequence[Policy],
    seeds: Sequence[int],
    steps: int,
    told: Sequence[str] = (),
    on_share: OnShare = lambda share: None,
) -> list[Played]:
    """One episode of every policy under every seed, those of up to `TOGETHER` seeds side by side.

    Under a seed all policies meet the same random numbers, so that their returns can be compared in pairs.

    Args:
        make: makes an environment of so many episodes, with autoreset disabled.
        policies: what plays.
        seeds: of the episodes.
        steps: of an episode.
        told: names of info whose mean is wanted, too.
        on_share: called after every step with the share of the work that is done.
    """
    parts = [seeds[start : start + TOGETHER] for start in range(0, len(seeds), TOGETHER)]
    played: list[list[Played]] = []
    for number, part in enumerate(parts):
        done = number / len(parts)
        played.append(
            _side_by_side(
                make,
                policies,
                part,
                steps,
                told,
                lambda share, done=done: on_share(done + share / len(parts)),
            )
        )
    return [
        Played(
            of_policy[0].name,
            np.concatenate([one.returns for one in of_policy]),
            {name: np.concatenate([one.shares[name] for one in of_policy]) for name in told},
        )
        for of_policy in zip(*played, strict=True)
    ]


def _side_by_side(
    make: Callable[[int], VectorEnv[Any, Any, Any]],
    policies: Sequence[Policy],
    seeds: Sequence[int],
    steps: int,
    told: Sequence[str],
    on_share: OnShare,
) -> list[Played]:
    count = len(seeds)
    env = make(count * len(policies))
    slices = [slice(number * count, (number + 1) * count) for number in range(len(policies))]
    observations, infos = env.reset(seed=list(seeds) * len(policies))  # type: ignore[arg-type]
    for policy in policies:
        policy.begin(count)
    returns = np.zeros(env.num_envs)
    sums = {name: np.zeros(env.num_envs) for name in told}
    for step in range(steps):
        actions = [
            policy.act(_part(observations, own), _part(infos, own))
            for policy, own in zip(policies, slices, strict=True)
        ]
        observations, rewards, _, _, infos = env.step(np.concatenate(actions))
        returns += rewards
        for name in told:
            sums[name] += infos[name]
        on_share((step + 1) / steps)
    env.close()
    return [
        Played(policy.name, returns[own], {name: sums[name][own] / steps for name in told})
        for policy, own in zip(policies, slices, strict=True)
    ]


def _part(content: dict[str, Any], own: slice) -> dict[str, Any]:
    return {name: rows[own] for name, rows in content.items()}


def rows_of(played: Sequence[Played], reference: str, setting: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for every policy.

    Args:
        played: under the same seeds.
        reference: name of the policy that others are compared with.
        setting: what else belongs into the rows.

    Returns:
        setting, policy, episodes, mean_return with its interval low and high, the difference to the
        reference in pairs with its interval, and the means of what else was told; all at 95 %.
    """
    of_reference = next(one.returns for one in played if one.name == reference)
    rows = []
    for one in played:
        mean, low, high = student(one.returns)
        behind, behind_low, behind_high = student(one.returns - of_reference)
        rows.append(
            {
                **setting,
                "policy": one.name,
                "episodes": len(one.returns),
                "mean_return": mean,
                "low": low,
                "high": high,
                "reference": reference,
                "difference": behind,
                "difference_low": behind_low,
                "difference_high": behind_high,
                **{name: float(share.mean()) for name, share in one.shares.items()},
            }
        )
    return rows
