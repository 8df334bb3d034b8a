"""`linksim/LinkAdaptation-v0` for the comparison and the training of agents."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from linksim_benchmarks.agents.evaluation import STEPS, episode_seeds
from linksim_envs import LinkAdaptationVectorEnv, Mcs
from linksim_envs.link_adaptation_settings import LinkAdaptationSettings
from linksim_envs.policies.error_rates import BlockErrorRates
from linksim_envs.policies.link_adaptation import FixedMcs, Genie, InnerLoop, OuterLoop, SnrThresholds
from linksim_envs.policies.policy import Policy
from linksim_envs.policies.slot_features import SlotFeatures

TUNING_EPISODES = 200
IN_ROWS = ("coded", "correlation", "report_bias_db", "report_noise_db", "report_delay")


@dataclass(frozen=True)
class LinkAdaptation:
    """A setting of the environment, in episodes of 200 slots."""

    settings: LinkAdaptationSettings = field(
        default_factory=lambda: LinkAdaptationSettings(episode_length=STEPS)
    )

    env: ClassVar[str] = "LinkAdaptation"
    policies: ClassVar[tuple[str, ...]] = ("fixed", "inner-loop", "outer-loop", "thresholds", "genie")
    agents: ClassVar[tuple[str, ...]] = ("ppo", "dqn")
    reference: ClassVar[str] = "genie"
    told: ClassVar[tuple[str, ...]] = ("ack",)

    @property
    def reward_scale(self) -> float:
        """Information bits per symbol of the fastest scheme.

        Errors of predicted rewards are then at most about one, where DQN's loss is quadratic, so that it
        learns means. Beyond, it would learn medians, which are all or nothing for blocks that may be lost.
        """
        core = self.exact_env(1).core
        return float(core.information_bits.max() / core.symbols)

    def row(self) -> dict[str, Any]:
        """What the command and the documentation vary."""
        settings = asdict(self.settings)
        return {name: settings[name] for name in IN_ROWS}

    def title(self) -> str:
        """Correlation and bias."""
        bias = self.settings.report_bias_db
        return f"ρ = {self.settings.correlation:g}, " + (f"report bias {bias:+g} dB" if bias else "no bias")

    def slug(self) -> str:
        """Correlation and bias."""
        code = "" if self.settings.coded else "uncoded-"
        return f"{code}rho{self.settings.correlation:g}-bias{self.settings.report_bias_db:+g}"

    def exact_env(self, count: int, **changes: Any) -> LinkAdaptationVectorEnv:
        """So many episodes over the exact link, with autoreset disabled."""
        arguments = {**vars(self.settings), "autoreset_mode": AutoresetMode.DISABLED, **changes}
        return LinkAdaptationVectorEnv(count, **arguments)

    def training_env(self, count: int, autoreset_mode: str | AutoresetMode) -> LinkAdaptationVectorEnv:
        """So many episodes over the physical-layer abstraction, two hundred times as fast."""
        return self.exact_env(count, abstraction=True, autoreset_mode=autoreset_mode)

    def features(self) -> dict[str, Any]:
        """A memory of slots."""
        return SlotFeatures(len(self.settings.used_schemes())).spec()

    def baselines(self, names: Sequence[str], seed: int) -> list[Policy]:
        """The policies of these names, and the genie."""
        core = self.exact_env(1).core
        rates = BlockErrorRates.of_links(core.links, seed)
        found: list[Policy] = []
        if "fixed" in names:
            schemes: Sequence[Mcs] = core.schemes
            found += [FixedMcs(number, scheme.label) for number, scheme in enumerate(schemes)]
        if "inner-loop" in names:
            found.append(InnerLoop(rates))
        if "outer-loop" in names:
            found.append(OuterLoop(rates))
        if "thresholds" in names:
            found.append(SnrThresholds.tuned(rates, *self.seen_slots(seed)))
        return [*found, Genie(rates)]

    def further(self, policy: Policy, seed: int) -> dict[str, float]:
        """Nothing."""
        return {}

    def seen_slots(self, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Reports and true SNRs [slots, episodes] in dB of episodes to tune on.

        The channel does not depend on what is sent, so the cheapest blocks are.
        """
        env = self.exact_env(TUNING_EPISODES, coded=False, schemes=None, symbols=17)
        observations, infos = env.reset(seed=episode_seeds(seed, "tuning", TUNING_EPISODES))
        reports, true = [], []
        for _ in range(STEPS):
            reports.append(observations["snr_db"][:, 0].astype(float))
            true.append(infos["next_snr_db"])
            observations, _, _, _, infos = env.step(np.zeros(TUNING_EPISODES, dtype=np.int64))
        return np.array(reports), np.array(true)
