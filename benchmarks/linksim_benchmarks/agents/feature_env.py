"""A scenario for stable-baselines3: observations are features, actions are what a learned policy decides.

stable-baselines3 is imported here, so this module is imported only where agents are trained.
"""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from linksim_benchmarks.agents.scenario import Scenario
from linksim_envs.policies.features import features_from
from linksim_envs.policies.learned import pattern_bits
from linksim_envs.stable_baselines import StableBaselinesVecEnv


class FeatureEnv(VecEnvWrapper):
    """Training episodes of a scenario.

    Args:
        scenario: what to train on.
        count: episodes side by side.

    Attributes:
        decision: "number" or "patterns", as `LearnedPolicy` takes it.
        tokens: of a frame; 1 where actions are numbers.
    """

    def __init__(self, scenario: Scenario, count: int) -> None:
        native = scenario.training_env(count, AutoresetMode.SAME_STEP)
        self._features = features_from(scenario.features())
        self._scale = np.float32(1 / scenario.reward_scale)
        chosen, self.tokens = native.single_action_space, 1
        self.decision = "number"
        if isinstance(chosen, spaces.MultiBinary):
            # A choice among all patterns of a token: bits drawn one by one cannot hesitate between 00 and 11
            # without trying 01 and 10.
            self.decision, self.tokens = "patterns", native.core.link.config.tokens
            self._width = chosen.n // self.tokens
            chosen = spaces.MultiDiscrete(np.full(self.tokens, 2**self._width))
        seen = spaces.Box(-np.inf, np.inf, (self._features.size,), np.float32)
        super().__init__(StableBaselinesVecEnv(native), seen, chosen)

    def reset(self) -> NDArray[np.float32]:
        """Begin all episodes; features [count, size]."""
        observations: Any = self.venv.reset()
        self._features.begin(self.num_envs)
        return self._features.see(observations)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the coming step."""
        self.venv.step_async(actions if self.decision == "number" else pattern_bits(actions, self._width))

    def step_wait(self) -> VecEnvStepReturn:
        """Features [count, size], scaled rewards, ends and infos, in which "terminal_observation" are
        features, too.
        """
        observations: Any
        observations, rewards, dones, infos = self.venv.step_wait()
        ended = np.flatnonzero(dones)
        last = {name: rows.copy() for name, rows in observations.items()}
        for number in ended:
            for name, rows in last.items():
                rows[number] = infos[number]["terminal_observation"][name]
        features = self._features.see(last)
        if len(ended):
            for number in ended:
                infos[number]["terminal_observation"] = features[number].copy()
            self._features.forget(ended)
            begun = {name: rows[ended] for name, rows in observations.items()}
            features[ended] = self._features.see(begun, ended)
        return features, rewards * self._scale, dones, infos
