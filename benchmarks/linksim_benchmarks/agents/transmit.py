"""The comparison of policies in `linksim/Transmit-v0`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from linksim_benchmarks.agents.evaluation import STEPS, OnShare, episode_seeds, play, rows_of
from linksim_envs import TransmitVectorEnv
from linksim_envs.policies.policy import Policy
from linksim_envs.policies.transmit import BestBits, Labels, RandomBits

POLICIES = ("random", "labels", "best")
REFERENCE = "labels"


def compare(
    snr_db: float,
    names: Sequence[str],
    episodes: int,
    seed: int,
    on_share: OnShare = lambda share: None,
) -> list[dict[str, Any]]:
    """Play policies over the environment's own link at one SNR.

    Args:
        snr_db: Es/N0 in dB.
        names: of `POLICIES`; the link's own labels are sent in any case.
        episodes: for each policy, of 200 frames.
        seed: root of the random streams.
        on_share: called with the share of the work that is done.

    Returns:
        rows, as `rows_of` gives them.
    """

    def env(count: int) -> TransmitVectorEnv:
        return TransmitVectorEnv(count, snr_db=snr_db, episode_length=STEPS, autoreset_mode="Disabled")

    link = env(1).link
    every: Mapping[str, Callable[[], Policy]] = {
        "random": lambda: RandomBits(link, seed),
        "labels": lambda: Labels(link),
        "best": lambda: BestBits(link, [snr_db], seed),
    }
    policies = [make() for name, make in every.items() if name in names or name == REFERENCE]
    seeds = episode_seeds(seed, "evaluation", episodes)
    played = play(env, policies, seeds, STEPS, ("bit_errors",), on_share)
    return rows_of(played, REFERENCE, {"env": "Transmit", "snr_db": snr_db})
