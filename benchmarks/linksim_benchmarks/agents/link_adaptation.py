"""The comparison of policies in `linksim/LinkAdaptation-v0`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim_benchmarks.agents.evaluation import STEPS, OnShare, episode_seeds, play, rows_of
from linksim_envs import LinkAdaptationVectorEnv, Mcs
from linksim_envs.policies.error_rates import BlockErrorRates
from linksim_envs.policies.link_adaptation import FixedMcs, Genie, InnerLoop, OuterLoop, SnrThresholds
from linksim_envs.policies.policy import Policy

POLICIES = ("fixed", "inner-loop", "outer-loop", "thresholds", "genie")
REFERENCE = "genie"
TUNING_EPISODES = 200


@dataclass(frozen=True)
class Setting:
    """What an environment is made with."""

    coded: bool = True
    correlation: float = 0.99
    report_bias_db: float = 0.0
    report_noise_db: float = 1.0
    report_delay: int = 2

    def env(self, count: int, **more: Any) -> LinkAdaptationVectorEnv:
        """An environment of so many episodes that are not begun anew by themselves."""
        arguments = {**asdict(self), "episode_length": STEPS, "autoreset_mode": "Disabled", **more}
        return LinkAdaptationVectorEnv(count, **arguments)


def compare(
    setting: Setting,
    names: Sequence[str],
    episodes: int,
    seed: int,
    on_share: OnShare = lambda share: None,
) -> list[dict[str, Any]]:
    """Play policies in a setting.

    Args:
        setting: of the environment.
        names: of `POLICIES`; the genie is played in any case.
        episodes: for each policy, of 200 slots.
        seed: root of the random streams; thresholds are tuned on other episodes than are played.
        on_share: called with the share of the work that is done.

    Returns:
        rows, as `rows_of` gives them.
    """
    core = setting.env(1).core
    rates = BlockErrorRates.of_links(core.links, seed)
    policies = _policies(setting, core.schemes, names, rates, seed)
    seeds = episode_seeds(seed, "evaluation", episodes)
    played = play(setting.env, policies, seeds, STEPS, ("ack",), on_share)
    return rows_of(played, REFERENCE, {"env": "LinkAdaptation", **asdict(setting)})


def _policies(
    setting: Setting, schemes: Sequence[Mcs], names: Sequence[str], rates: BlockErrorRates, seed: int
) -> list[Policy]:
    found: list[Policy] = []
    if "fixed" in names:
        found += [FixedMcs(number, scheme.label) for number, scheme in enumerate(schemes)]
    if "inner-loop" in names:
        found.append(InnerLoop(rates))
    if "outer-loop" in names:
        found.append(OuterLoop(rates))
    if "thresholds" in names:
        found.append(SnrThresholds.tuned(rates, *seen_slots(setting, seed)))
    return [*found, Genie(rates)]


def seen_slots(setting: Setting, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reports and true SNRs [slots, episodes] in dB of episodes to tune on.

    The channel does not depend on what is sent, so the cheapest blocks are.
    """
    env = setting.env(TUNING_EPISODES, coded=False, symbols=17)
    observations, infos = env.reset(seed=episode_seeds(seed, "tuning", TUNING_EPISODES))
    reports, true = [], []
    for _ in range(STEPS):
        reports.append(observations["snr_db"][:, 0].astype(float))
        true.append(infos["next_snr_db"])
        observations, _, _, _, infos = env.step(np.zeros(TUNING_EPISODES, dtype=np.int64))
    return np.array(reports), np.array(true)
