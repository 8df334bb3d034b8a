"""Training an agent with stable-baselines3, and taking its policy out of it.

stable-baselines3 is imported here, so this module is imported only where agents are trained.
"""

import time
from typing import Any

import stable_baselines3
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from linksim.metrics.means import student
from linksim.seeds import stream_seed
from linksim_benchmarks.agents.evaluation import STEPS, OnShare, episode_seeds, play
from linksim_benchmarks.agents.feature_env import FeatureEnv
from linksim_benchmarks.agents.isolation import all_isolated
from linksim_benchmarks.agents.recipes import Recipe
from linksim_benchmarks.agents.scenario import Scenario
from linksim_envs.policies.features import features_from
from linksim_envs.policies.learned import LearnedPolicy
from linksim_envs.policies.network import Network

CURVE_POINTS = 12
CURVE_EPISODES = 64
LEAST_RATE = 0.05
"""Share of the learning rate that is left at the end."""

NEVER = 10**9


def train(
    scenario: Scenario,
    name: str,
    recipe: Recipe,
    steps: int,
    seed: int,
    on_share: OnShare = lambda share: None,
) -> LearnedPolicy:
    """Train an agent in the training episodes of a scenario.

    The same seed gives the same weights. The learning curve is that of the policy as it would be deployed,
    on episodes that are neither trained on nor evaluated on, at a dozen equal distances over the steps.

    Args:
        scenario: what to train on.
        name: of the agent.
        recipe: how.
        steps: of the environment.
        seed: of weights, exploration and episodes.
        on_share: called with the share of the work that is done.

    Returns:
        the policy; its `trained` holds env, setting, algorithm, steps, seed, seconds and curve, a list of
        steps, mean_return, low and high.
    """
    own = stream_seed(seed, "agents", "training", scenario.env, name) % 2**31
    began = time.perf_counter()
    with all_isolated(own):
        env = FeatureEnv(scenario, recipe.episodes)
        model = _model(recipe, env, own)
        watch = _Watch(scenario, name, env, steps, on_share)
        model.learn(steps, callback=watch)
        watch.look()
        env.close()
        policy = _policy(scenario, name, env, model)
    policy.trained.update(
        env=scenario.env,
        setting=scenario.row(),
        algorithm=recipe.algorithm,
        steps=steps,
        seed=seed,
        seconds=time.perf_counter() - began,
        curve=watch.curve,
    )
    return policy


def _model(recipe: Recipe, env: FeatureEnv, seed: int) -> BaseAlgorithm:
    def rate(left: float) -> float:
        return recipe.learning_rate * (LEAST_RATE + (1 - LEAST_RATE) * left)

    hidden = list(recipe.hidden)
    arguments: dict[str, Any] = {"gamma": 0.0, **recipe.arguments}
    architecture: Any = {"pi": hidden, "vf": hidden}
    if recipe.algorithm == "DQN":
        architecture = hidden
        # Without discount there is no value of a next state, so the target network serves nothing.
        arguments["target_update_interval"] = NEVER
    return getattr(stable_baselines3, recipe.algorithm)(
        "MlpPolicy",
        env,
        learning_rate=rate,
        seed=seed,
        device="cpu",
        policy_kwargs={"net_arch": architecture, "activation_fn": nn.ReLU},
        **arguments,
    )


def _policy(scenario: Scenario, name: str, env: FeatureEnv, model: BaseAlgorithm) -> LearnedPolicy:
    """The greedy policy of a model, as it is now."""
    inside: Any = model.policy
    if hasattr(inside, "q_net"):
        layers = list(inside.q_net.q_net)
    else:
        layers = [*inside.mlp_extractor.policy_net, inside.action_net]
    network = Network.of_layers([one for one in layers if isinstance(one, nn.Linear)], "relu")
    return LearnedPolicy(name, features_from(scenario.features()), network, env.decision, env.tokens)


class _Watch(BaseCallback):
    """Tells the progress, and takes the learning curve."""

    def __init__(self, scenario: Scenario, name: str, env: FeatureEnv, steps: int, on_share: OnShare) -> None:
        super().__init__()
        self.curve: list[dict[str, float]] = []
        self._scenario, self._name, self._env, self._steps = scenario, name, env, steps
        self._on_share = on_share
        self._seeds = episode_seeds(0, "learning curve", CURVE_EPISODES)

    def _on_training_start(self) -> None:
        self.look()

    def _on_step(self) -> bool:
        due = self._steps * len(self.curve) / CURVE_POINTS
        if len(self.curve) < CURVE_POINTS and self.num_timesteps >= due:  # the last point is the end
            self.look()
        self._on_share(min(1.0, self.num_timesteps / self._steps))
        return True

    @torch.inference_mode()
    def look(self) -> None:
        """One more point of the curve."""
        policy = _policy(self._scenario, self._name, self._env, self.model)
        (played,) = play(
            lambda count: self._scenario.training_env(count, "Disabled"), [policy], self._seeds, STEPS
        )
        mean, low, high = student(played.returns)
        steps = min(self.num_timesteps, self._steps)
        self.curve.append({"steps": steps, "mean_return": mean, "low": low, "high": high})
