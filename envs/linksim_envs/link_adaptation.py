"""Environments in which the agent chooses the modulation and coding scheme of each slot."""

from typing import Unpack

from gymnasium.vector import AutoresetMode

from linksim_envs.link_adaptation_core import LinkAdaptationCore
from linksim_envs.link_adaptation_settings import LinkAdaptationArguments, LinkAdaptationSettings
from linksim_envs.single import SingleEnv
from linksim_envs.vector import BatchEnv


class LinkAdaptationEnv(SingleEnv[LinkAdaptationCore]):
    """Choose a modulation and coding scheme (MCS) for each slot of a fading link.

    A step sends one transport block of random bits with CRC in one slot over the exact link: encoded, mapped,
    faded, received, decoded, checked. The gain is constant over a slot and correlated from slot to slot
    (Rayleigh, first-order autoregressive); the mean SNR is drawn per episode. The agent does not see the SNR
    of the coming slot, only a report that is late, noisy and perhaps biased, and what became of its last
    blocks. Actions do not change what is drawn: under one seed, two policies meet the same channel, bits and
    noise, and can be compared in pairs.

    With M schemes and a history of H slots:

    - Observation: a dictionary with "snr_db", float32 [1], the report: Es/N0 in dB of the slot
      `report_delay` slots before the coming one, plus bias and noise; "acks", int8 [H], newest first: 1 for a
      block that passed its CRC, −1 for one that did not, 0 before the first; "mcs", int64 [H], the schemes of
      these blocks, M before the first.
    - Action: `Discrete(M)`, the scheme, from the most robust to the fastest.
    - Reward: information bits delivered without error per symbol of the slot; CRC bits do not count.
    - Episode: never terminates; is truncated after `episode_length` slots.
    - Info of `reset`: "mean_snr_db" of the episode and "next_snr_db", the true Es/N0 of the coming slot, dB.
    - Info of `step`: "true_snr_db" of the slot used; "mean_snr_db"; "sent_mcs"; "ack"; "bit_errors";
      "delivered_bits"; "next_snr_db".

    Args:
        coded: whether the schemes are the 10 with LDPC code of `linksim_envs.mcs`, or 5 modulations with
            nothing but a CRC; by default they are.
        schemes: others, two or more.
        symbols: of a slot, up to 1024; by default 96, or 48 without code. There must be room for information
            beside the CRC.
        snr_db: mean Es/N0 in dB, or a pair (low, high) from which it is drawn uniformly for each episode, by
            default (0.0, 25.0); also an option of `reset`, for one episode.
        correlation: ρ of the gains of neighbouring slots, from 0 to 1, by default 0.99.
        report_delay: slots, 0 to 100, by default 2; 0 reports the coming slot itself.
        report_noise_db: standard deviation of the report's error in dB, by default 1.
        report_bias_db: mean of the report's error in dB, by default 0; above it, the report is optimistic.
        history: slots that the observation goes back, by default 8.
        bp_iterations: most iterations of the decoder, which stops when the CRC passes, by default 10.
        episode_length: slots until truncation, by default 200.
        abstraction: replace the links by a physical-layer abstraction, for fast training: a block is not
            sent, but arrives with the probability that was measured over the exact link at the true SNR of
            its slot. Channel, reports and feedback stay the same, and a seed means the same slots; there is
            no "bit_errors". Evaluate without it. The curves of the default schemes are shipped; with others,
            making the environment measures them, which takes seconds without a code and minutes with one.
        render_mode: None, "rgb_array" or "human": constellation, SNR, schemes and acknowledgements.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if a value is out of range, or a scheme has no room for information.

    Example:
        >>> env = LinkAdaptationEnv(snr_db=20.0)
        >>> observation, info = env.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = env.step(0)
        >>> info["ack"], round(reward, 3)
        (True, 0.323)
    """

    def __init__(
        self, *, render_mode: str | None = None, **settings: Unpack[LinkAdaptationArguments]
    ) -> None:
        core = LinkAdaptationCore(1, LinkAdaptationSettings.of("LinkAdaptationEnv", settings))
        super().__init__(core, render_mode)


class LinkAdaptationVectorEnv(BatchEnv[LinkAdaptationCore]):
    """Many `LinkAdaptationEnv` at once; the blocks of one scheme are transmitted together.

    Args:
        num_envs: number of episodes.
        settings: coded, schemes, symbols, snr_db, correlation, report_delay, report_noise_db, report_bias_db,
            history, bp_iterations, episode_length and abstraction, as for `LinkAdaptationEnv`.
        autoreset_mode, render_mode, tensors: as for `BatchEnv`.

    Example:
        >>> envs = LinkAdaptationVectorEnv(32, coded=False)
        >>> observations, infos = envs.reset(seed=0)
        >>> observations["acks"].shape, infos["next_snr_db"].shape
        ((32, 8), (32,))
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        tensors: bool = False,
        **settings: Unpack[LinkAdaptationArguments],
    ) -> None:
        made = LinkAdaptationSettings.of("LinkAdaptationVectorEnv", settings)
        core = LinkAdaptationCore(num_envs, made)
        super().__init__(core, autoreset_mode, render_mode, tensors)
