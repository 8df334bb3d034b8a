"""`linksim/Transmit-v0` over a link so small that all labellings of its codewords can be tried."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from linksim import Link, LinkConfig
from linksim.seeds import stream
from linksim_benchmarks.agents.evaluation import STEPS
from linksim_benchmarks.agents.expected_distortion import (
    best_labelling,
    distortion_matrix,
    of_policy,
)
from linksim_benchmarks.agents.transmit import REWARD_SCALE, codeword_features
from linksim_envs import TransmitVectorEnv
from linksim_envs.policies.policy import Policy
from linksim_envs.policies.transmit import Labels, PatternMap

CONFIG = LinkConfig(tokens=1, codebook_size=8, embedding_dim=4, bits_per_symbol=3, modulation="psk")
SNR_DB = (0.0, 6.0)


@dataclass(frozen=True)
class Labelling:
    """One token out of 8 codewords of dimension 4, sent as one 8-PSK symbol over AWGN at 0 to 6 dB.

    The receiver is that of the link, so that a map from codewords to patterns of bits has an expected
    distortion, which is known here for all of them.

    Attributes:
        codebook: number of the codebook, whose components are drawn from the standard normal distribution.
    """

    codebook: int

    env: ClassVar[str] = "Labelling"
    policies: ClassVar[tuple[str, ...]] = ("labels", "best-labelling", "best-map")
    agents: ClassVar[tuple[str, ...]] = ("policy-gradient",)
    reference: ClassVar[str] = "best labelling"
    told: ClassVar[tuple[str, ...]] = ("bit_errors",)

    @property
    def reward_scale(self) -> float:
        """Squared errors of about one."""
        return REWARD_SCALE

    @cached_property
    def link(self) -> Link:
        """The link with this codebook."""
        return Link(CONFIG, generator=stream(self.codebook, "agents", "codebook")).eval()

    @cached_property
    def distortion(self) -> NDArray[np.float64]:
        """[SNRs, 8, 8] expected distortion of sending a pattern for a codeword, see `distortion_matrix`."""
        return distortion_matrix(self.link, SNR_DB)

    def row(self) -> dict[str, Any]:
        """The codebook."""
        return {"codebook": self.codebook}

    def title(self) -> str:
        """The codebook."""
        return f"codebook {self.codebook}"

    def slug(self) -> str:
        """The codebook."""
        return f"codebook{self.codebook}"

    def exact_env(
        self, count: int, autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED
    ) -> TransmitVectorEnv:
        """So many episodes, by default with autoreset disabled."""
        return TransmitVectorEnv(
            count, self.link, snr_db=SNR_DB, episode_length=STEPS, autoreset_mode=autoreset_mode
        )

    def training_env(self, count: int, autoreset_mode: str | AutoresetMode) -> TransmitVectorEnv:
        """The exact link, which is fast enough."""
        return self.exact_env(count, autoreset_mode)

    def features(self) -> dict[str, Any]:
        """The codeword alone: a labelling does not depend on the SNR."""
        return codeword_features(self.exact_env(1))

    def baselines(self, names: Sequence[str], seed: int) -> list[Policy]:
        """The policies of these names, and the best labelling."""
        width = self.link.layout.bits_per_token
        mean = self.distortion.mean(0)
        every: Mapping[str, Callable[[], Policy]] = {
            "labels": lambda: Labels(self.link),
            "best-labelling": lambda: PatternMap("best labelling", best_labelling(mean), width),
            "best-map": lambda: PatternMap("best map", mean.argmin(1), width),
        }
        return [make() for name, make in every.items() if name in names or name == "best-labelling"]

    def further(self, policy: Policy, seed: int) -> dict[str, float]:
        """Expected distortion of a policy, and over that of the best labelling."""
        mean = self.distortion.mean(0)
        best = float(mean[np.arange(len(mean)), best_labelling(mean)].mean())
        own = of_policy(policy, self.link, self.distortion, SNR_DB)
        return {"expected_distortion": own, "over_best_labelling": own / best}
