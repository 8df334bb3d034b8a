"""Agents against other policies, episode by episode."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from linksim.metrics.means import student
from linksim_benchmarks.agents.evaluation import Played

ALL = "all"
"""In place of the number of an evaluation seed: all of them together."""


def parts_of(seeds: Sequence[int], episodes: int) -> dict[int | str, slice]:
    """Where the episodes of each evaluation seed are, and those of all.

    Args:
        seeds: of the evaluation.
        episodes: of each.
    """
    parts: dict[int | str, slice] = {ALL: slice(None)}
    if len(seeds) > 1:
        parts |= {seed: slice(n * episodes, (n + 1) * episodes) for n, seed in enumerate(seeds)}
    return parts


def pairs_of(
    played: Sequence[Played],
    agents: Collection[str],
    parts: Mapping[int | str, slice],
    setting: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """A row for every agent, every policy that is none, and every evaluation seed.

    Args:
        played: under the same seeds.
        agents: names of those that are agents.
        parts: as `parts_of` gives them.
        setting: what else belongs into the rows.

    Returns:
        setting, agent, policy, evaluation_seed, episodes, the mean difference of returns in pairs with its
        95 % interval (Student's), and whether the agent is "ahead", "behind" or neither ("open") by it.
    """
    returns = {one.name: one.returns for one in played}
    rows = []
    for agent in (name for name in returns if name in agents):
        for policy in (name for name in returns if name not in agents):
            for seed, part in parts.items():
                differences = returns[agent][part] - returns[policy][part]
                mean, low, high = student(differences)
                rows.append(
                    {
                        **setting,
                        "agent": agent,
                        "policy": policy,
                        "evaluation_seed": seed,
                        "episodes": len(differences),
                        "difference": mean,
                        "low": low,
                        "high": high,
                        "verdict": "ahead" if low > 0 else "behind" if high < 0 else "open",
                    }
                )
    return rows
