"""One setting of `linksim train-agent`: agents are trained or loaded, and all policies are played."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from linksim import provenance
from linksim_benchmarks.agents.agent_store import Training, curve_rows, loaded_agents, trained_agents
from linksim_benchmarks.agents.evaluation import STEPS, OnShare, episode_seeds, play, rows_of
from linksim_benchmarks.agents.pairs import pairs_of, parts_of
from linksim_benchmarks.agents.scenario import Scenario
from linksim_benchmarks.montecarlo.chunk import versions

RESULTS = 2
"""Goes up when environments or policies give other results: what was finished before is played again then."""

Result = dict[str, list[dict[str, Any]]]
"""Rows by name: "rows", "pairs" and "curves"."""


@dataclass(frozen=True)
class Plan:
    """What is done in every setting.

    Attributes:
        policies: names of the policies to compare with.
        training: agents to train.
        load: files of agents that were trained before.
        episodes: for each policy under each evaluation seed.
        seeds: of the evaluation; the first is also the root of what is tuned.
    """

    policies: tuple[str, ...]
    training: Training
    load: tuple[Path, ...]
    episodes: int
    seeds: tuple[int, ...]

    def key(self, scenario: Scenario) -> str:
        """Hash of all that the rows of a setting depend on."""
        training = self.training
        content = {
            "env": scenario.env,
            "setting": scenario.row(),
            "policies": sorted(self.policies),
            "agents": {name: training.key(scenario, name) for name in training.agents},
            "load": {path.stem: sha256(path.read_bytes()).hexdigest() for path in self.load},
            "episodes": self.episodes,
            "seeds": self.seeds,
            "versions": dict(versions()),
            "results": RESULTS,
        }
        return provenance.configuration_hash(content)


def play_setting(scenario: Scenario, plan: Plan, on_share: OnShare = lambda share: None) -> Result:
    """Train what is to be trained, and play it and all policies on the same episodes over the exact link.

    Args:
        scenario: the setting.
        plan: what to do.
        on_share: called with the share of the work that is done; a training counts as much as the evaluation.

    Returns:
        "rows", one for each policy, of all evaluation seeds together and, if there are more than one, of
        each; "pairs", agents against policies; "curves", the points of the learning curves.
    """
    trainings = len(plan.training.agents)
    trained = trained_agents(
        plan.training, scenario, lambda share: on_share(share * trainings / (trainings + 1))
    )
    agents = [*trained, *loaded_agents(plan.load, scenario)]
    policies = [*scenario.baselines(plan.policies, plan.seeds[0]), *agents]
    names = [policy.name for policy in policies]
    taken = [name for name in names if names.count(name) > 1]
    if taken:
        raise ValueError(f"{taken[0]!r} is the name of a policy already: rename the file given to --load")
    seeds = [one for seed in plan.seeds for one in episode_seeds(seed, "evaluation", plan.episodes)]
    played = play(
        scenario.exact_env,
        policies,
        seeds,
        STEPS,
        scenario.told,
        lambda share: on_share((trainings + share) / (trainings + 1)),
    )
    further = {policy.name: scenario.further(policy, plan.seeds[0]) for policy in policies}
    setting = {"env": scenario.env, "setting": scenario.title(), **scenario.row()}
    parts = parts_of(plan.seeds, plan.episodes)
    rows = [
        {**row, **further[row["policy"]]}
        for seed, part in parts.items()
        for row in rows_of(
            [one.part(part) for one in played], scenario.reference, {**setting, "evaluation_seed": seed}
        )
    ]
    return {
        "rows": rows,
        "pairs": pairs_of(played, [agent.name for agent in agents], parts, setting),
        "curves": curve_rows(trained, setting),
    }
