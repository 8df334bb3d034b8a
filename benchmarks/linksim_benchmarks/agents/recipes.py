"""How agents are trained: algorithm and settings of stable-baselines3 for each name on the command line."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Recipe:
    """Plain settings of a training.

    Actions do not change what an environment draws next, so that every step is judged by its own reward: the
    discount is 0, which leaves the noise of all later rewards out of the gradient.

    Attributes:
        algorithm: class of stable-baselines3.
        steps: of the environment, unless others are asked for.
        episodes: that run side by side.
        hidden: widths of the hidden layers, between which there are rectifiers.
        learning_rate: at the beginning; it falls linearly to a twentieth at the end.
        arguments: further ones of the algorithm.
    """

    algorithm: Literal["PPO", "DQN"]
    steps: int
    episodes: int = 256
    hidden: tuple[int, ...] = (128, 128)
    learning_rate: float = 1e-3
    arguments: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "ppo": Recipe(
        "PPO",
        steps=2_000_000,
        arguments={"n_steps": 64, "batch_size": 4096, "n_epochs": 10, "ent_coef": 0.01, "gae_lambda": 1.0},
    ),
    "dqn": Recipe(
        "DQN",
        steps=2_000_000,
        arguments={
            "batch_size": 2048,
            "buffer_size": 500_000,
            "train_freq": 4,
            "gradient_steps": 2,
            "learning_starts": 20_000,
            "exploration_fraction": 0.3,
        },
    ),
    "policy-gradient": Recipe(
        "PPO",
        steps=200_000,
        hidden=(64, 64),
        learning_rate=3e-3,
        arguments={"n_steps": 16, "batch_size": 1024, "n_epochs": 10, "ent_coef": 0.03, "gae_lambda": 1.0},
    ),
}
