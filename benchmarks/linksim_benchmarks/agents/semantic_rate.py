"""`linksim/SemanticRate-v0` for the comparison and the training of agents."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from gymnasium.vector import AutoresetMode

from linksim_benchmarks.agents.evaluation import STEPS, episode_seeds
from linksim_envs import SemanticRateVectorEnv
from linksim_envs.policies.features import FlatFeatures
from linksim_envs.policies.policy import Policy
from linksim_envs.policies.semantic_rate import FixedMode, Genie, Router, SnrThresholds, seen_frames
from linksim_envs.reference import CHECKPOINT, read_part

TUNING_EPISODES = 100
SNR_CENTRE_DB, SNR_SCALE_DB = 10.0, 10.0


@dataclass(frozen=True)
class SemanticRate:
    """A price of symbols, and a model.

    Attributes:
        symbol_price: reward that a symbol costs.
        checkpoint: of a model with several modes; the reference if None.
    """

    symbol_price: float
    checkpoint: Path | None = None

    env: ClassVar[str] = "SemanticRate"
    policies: ClassVar[tuple[str, ...]] = ("fixed", "thresholds", "router", "genie")
    agents: ClassVar[tuple[str, ...]] = ("ppo", "dqn")
    reference: ClassVar[str] = "genie"
    told: ClassVar[tuple[str, ...]] = ("correct", "symbols")

    @property
    def reward_scale(self) -> float:
        """Rewards differ by one at most as they are."""
        return 1.0

    def row(self) -> dict[str, Any]:
        """The price, and which model: the beginning of the SHA-256 of its checkpoint, or the reference."""
        return {"symbol_price": self.symbol_price, "model": self._model()}

    def _model(self) -> str:
        path = CHECKPOINT if self.checkpoint is None else self.checkpoint
        if not path.is_file():
            raise FileNotFoundError(f"no such checkpoint: {path}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        return f"reference {digest}" if self.checkpoint is None else digest

    def title(self) -> str:
        """The price, and the model if it is not the reference."""
        model = "" if self.checkpoint is None else f", model {self._model()}"
        return f"{self.symbol_price:g} per symbol{model}"

    def slug(self) -> str:
        """The price, and the model if it is not the reference."""
        model = "" if self.checkpoint is None else f"-{self._model()}"
        return f"price{self.symbol_price:g}{model}"

    def exact_env(self, count: int) -> SemanticRateVectorEnv:
        """So many episodes of test images, with autoreset disabled."""
        return self._env(count, "test", AutoresetMode.DISABLED, tell_outcomes=True)

    def training_env(self, count: int, autoreset_mode: str | AutoresetMode) -> SemanticRateVectorEnv:
        """So many episodes of the images that the model was trained on, over the exact link."""
        return self._env(count, "train", autoreset_mode, tell_outcomes=False)

    def _env(
        self, count: int, part: str, autoreset_mode: str | AutoresetMode, tell_outcomes: bool
    ) -> SemanticRateVectorEnv:
        images, labels = read_part(part, self.checkpoint)
        return SemanticRateVectorEnv(
            count,
            images=images,
            labels=labels,
            checkpoint=self.checkpoint,
            symbol_price=self.symbol_price,
            episode_length=STEPS,
            tell_outcomes=tell_outcomes,
            autoreset_mode=autoreset_mode,
        )

    def features(self) -> dict[str, Any]:
        """Latents and SNR."""
        size = self.exact_env(1).core.observation_space["latents"].shape
        assert size is not None
        return FlatFeatures(
            ["latents", "snr_db"], [size[0], 1], [0.0, SNR_CENTRE_DB], [1.0, SNR_SCALE_DB]
        ).spec()

    def baselines(self, names: Sequence[str], seed: int) -> list[Policy]:
        """The policies of these names, and the genie; thresholds are tuned on validation images."""
        link = self.exact_env(1).core.link
        found: list[Policy] = []
        if "fixed" in names:
            found += [FixedMode(link, number) for number in range(len(link.modes))]
        if "thresholds" in names:
            env = self._env(TUNING_EPISODES, "validation", AutoresetMode.DISABLED, tell_outcomes=True)
            seeds: list[int | None] = list(episode_seeds(seed, "tuning", TUNING_EPISODES))
            found.append(SnrThresholds.tuned(*seen_frames(env, seeds, STEPS)))
        if "router" in names:
            found.append(Router())
        return [*found, Genie()]

    def further(self, policy: Policy, seed: int) -> dict[str, float]:
        """Nothing."""
        return {}
