"""`linksim/Transmit-v0` over its own link, for the comparison and the training of agents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gymnasium.vector import AutoresetMode

from linksim_benchmarks.agents.evaluation import STEPS
from linksim_envs import TransmitVectorEnv
from linksim_envs.policies.features import FlatFeatures
from linksim_envs.policies.policy import Policy
from linksim_envs.policies.transmit import BestBits, Labels, RandomBits

REWARD_SCALE = 4.0
"""Codewords are of variance one per component; few squared errors are larger."""


@dataclass(frozen=True)
class Transmit:
    """The environment at one SNR, in episodes of 200 frames.

    Attributes:
        snr_db: Es/N0 in dB.
    """

    snr_db: float

    env: ClassVar[str] = "Transmit"
    policies: ClassVar[tuple[str, ...]] = ("random", "labels", "best")
    agents: ClassVar[tuple[str, ...]] = ("policy-gradient",)
    reference: ClassVar[str] = "labels"
    told: ClassVar[tuple[str, ...]] = ("bit_errors",)

    @property
    def reward_scale(self) -> float:
        """Squared errors of about one."""
        return REWARD_SCALE

    def row(self) -> dict[str, Any]:
        """The SNR."""
        return {"snr_db": self.snr_db}

    def title(self) -> str:
        """The SNR."""
        return f"Es/N0 {self.snr_db:g} dB"

    def slug(self) -> str:
        """The SNR."""
        return f"{self.snr_db:g}dB"

    def exact_env(
        self, count: int, autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED
    ) -> TransmitVectorEnv:
        """So many episodes, by default with autoreset disabled."""
        return TransmitVectorEnv(
            count, snr_db=self.snr_db, episode_length=STEPS, autoreset_mode=autoreset_mode
        )

    def training_env(self, count: int, autoreset_mode: str | AutoresetMode) -> TransmitVectorEnv:
        """The exact link, which is fast enough."""
        return self.exact_env(count, autoreset_mode)

    def features(self) -> dict[str, Any]:
        """The codewords; the SNR does not change."""
        return codeword_features(self.exact_env(1))

    def baselines(self, names: Sequence[str], seed: int) -> list[Policy]:
        """The policies of these names, and the labels."""
        link = self.exact_env(1).link
        every: Mapping[str, Callable[[], Policy]] = {
            "random": lambda: RandomBits(link, seed),
            "labels": lambda: Labels(link),
            "best": lambda: BestBits(link, [self.snr_db], seed),
        }
        return [make() for name, make in every.items() if name in names or name == self.reference]

    def further(self, policy: Policy, seed: int) -> dict[str, float]:
        """Nothing."""
        return {}


def codeword_features(env: TransmitVectorEnv) -> dict[str, Any]:
    """Description of features that are the codewords of a frame as they are."""
    size = env.core.observation_space["codewords"].shape
    assert size is not None
    return FlatFeatures(["codewords"], [size[0]], [0.0], [1.0]).spec()
