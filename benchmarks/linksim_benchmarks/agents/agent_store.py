"""Agents that are trained once: the same command takes them up from their files."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gymnasium import spaces

from linksim import checks, provenance
from linksim_benchmarks.agents.evaluation import OnShare
from linksim_benchmarks.agents.recipes import RECIPES, Recipe
from linksim_benchmarks.agents.scenario import Scenario
from linksim_benchmarks.montecarlo.chunk import versions
from linksim_envs.policies.agent_files import load_agent, save_agent
from linksim_envs.policies.learned import LearnedPolicy

TRAININGS = 1
"""Goes up when a training gives other agents: those in files are trained again then."""


@dataclass(frozen=True)
class Training:
    """What to train in a scenario.

    Attributes:
        agents: names of recipes.
        steps: of the environment; None for those of the recipe.
        seed: root of the random streams of training.
        folder: where agents are kept.
        overwrite: whether to train those that are there again.
    """

    agents: tuple[str, ...] = ()
    steps: int | None = None
    seed: int = 0
    folder: Path = Path("agents")
    overwrite: bool = False

    def key(self, scenario: Scenario, name: str) -> str:
        """Hash of all that the trained agent depends on."""
        recipe = self.recipe(name)
        content = {
            "env": scenario.env,
            "setting": scenario.row(),
            "features": scenario.features(),
            "recipe": asdict(recipe),
            "steps": self.steps_of(recipe),
            "seed": self.seed,
            "versions": dict(versions()),
            "trainings": TRAININGS,
        }
        return provenance.configuration_hash(content)

    def recipe(self, name: str) -> Recipe:
        """How that agent is trained."""
        return RECIPES[name]

    def steps_of(self, recipe: Recipe) -> int:
        """Steps of a training."""
        return recipe.steps if self.steps is None else self.steps


def trained_agents(
    training: Training, scenario: Scenario, on_share: OnShare = lambda share: None
) -> list[LearnedPolicy]:
    """Agents of a scenario, trained or taken from their files.

    Args:
        training: which, and how.
        scenario: what to train on.
        on_share: called with the share of the work that is done.

    Raises:
        ImportError: if one must be trained, and stable-baselines3 is not installed.
        ValueError: if a file that stands where an agent is to be kept is no agent.
    """
    found = []
    count = len(training.agents)
    for number, name in enumerate(training.agents):
        place = training.folder / f"{name}-{scenario.slug()}.pt"
        key = training.key(scenario, name)
        kept = load_agent(place) if place.is_file() and not training.overwrite else None
        if kept is None or kept.trained.get("key") != key:
            from linksim_benchmarks.agents.learning import train

            recipe = training.recipe(name)
            kept = train(
                scenario,
                name,
                recipe,
                training.steps_of(recipe),
                training.seed,
                lambda share, number=number: on_share((number + share) / count),
            )
            kept.trained["key"] = key
            save_agent(place, kept)
        found.append(kept)
    return found


def loaded_agents(paths: Sequence[Path], scenario: Scenario) -> list[LearnedPolicy]:
    """Agents from files, under the names of these files.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if one is no agent, or was trained for another environment.
    """
    found = []
    for path in paths:
        agent = load_agent(path)
        trained_for = checks.one_line(str(agent.trained.get("env")))
        if trained_for != scenario.env:
            raise ValueError(f"--load {path} is an agent for {trained_for}, not for --env {scenario.env}")
        agent.name = path.stem
        _check_fit(agent, scenario, f"--load {path}")
        found.append(agent)
    return found


def _check_fit(agent: LearnedPolicy, scenario: Scenario, where: str) -> None:
    """Refuse an agent that has not as many actions as the environment, or takes other observations."""
    env = scenario.exact_env(1)
    space, own = env.single_action_space, agent.network.widths[-1]
    if isinstance(space, spaces.Discrete):
        fits = agent.decision == "number" and own == space.n
        said = f"it has {own} actions instead of {space.n}"
    else:
        assert isinstance(space, spaces.MultiBinary)
        fits = agent.decision == "patterns" and agent.tokens * agent.width == space.n
        said = f"it chooses {agent.tokens * agent.width} bits instead of {space.n}"
    if fits:
        observations, infos = env.reset(seed=0)
        agent.begin(1)
        try:
            agent.act(observations, infos)
        except (LookupError, TypeError, ValueError) as error:
            fits, said = False, checks.one_line(error)
    if not fits:
        raise ValueError(f"{where} does not fit the environment with {scenario.title()}: {said}")


def curve_rows(agents: Sequence[LearnedPolicy], setting: dict[str, Any]) -> list[dict[str, Any]]:
    """Learning curves as rows: setting, agent, steps, mean_return, low and high."""
    return [
        {
            **setting,
            "agent": agent.name,
            **{name: point[name] for name in ("steps", "mean_return", "low", "high")},
        }
        for agent in agents
        for point in agent.trained["curve"]
    ]
