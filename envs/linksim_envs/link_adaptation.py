"""Environments in which the agent chooses the modulation and coding scheme of each slot."""

from collections.abc import Sequence

from gymnasium.vector import AutoresetMode

from linksim_envs.link_adaptation_core import LinkAdaptationCore
from linksim_envs.mcs import Mcs
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
            nothing but a CRC.
        schemes: others, two or more.
        symbols: of a slot, up to 1024; by default 96, or 48 without code. There must be room for information
            beside the CRC.
        snr_db: mean Es/N0 in dB, or a pair (low, high) from which it is drawn uniformly for each episode;
            also an option of `reset`, for one episode.
        correlation: ρ of the gains of neighbouring slots, from 0 to 1.
        report_delay: slots, 0 to 100; 0 reports the coming slot itself.
        report_noise_db: standard deviation of the report's error in dB.
        report_bias_db: mean of the report's error in dB; above 0, the report is optimistic.
        history: slots that the observation goes back.
        bp_iterations: most iterations of the decoder, which stops when the CRC passes.
        episode_length: slots until truncation.
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
        self,
        *,
        coded: bool = True,
        schemes: Sequence[Mcs] | None = None,
        symbols: int | None = None,
        snr_db: float | tuple[float, float] = (0.0, 25.0),
        correlation: float = 0.99,
        report_delay: int = 2,
        report_noise_db: float = 1.0,
        report_bias_db: float = 0.0,
        history: int = 8,
        bp_iterations: int = 10,
        episode_length: int = 200,
        render_mode: str | None = None,
    ) -> None:
        core = LinkAdaptationCore(
            1,
            coded,
            schemes,
            symbols,
            snr_db,
            correlation,
            report_delay,
            report_noise_db,
            report_bias_db,
            history,
            bp_iterations,
            episode_length,
        )
        super().__init__(core, render_mode)


class LinkAdaptationVectorEnv(BatchEnv[LinkAdaptationCore]):
    """Many `LinkAdaptationEnv` at once; the blocks of one scheme are transmitted together.

    Args:
        num_envs: number of episodes.
        coded, schemes, symbols, snr_db, correlation, report_delay, report_noise_db, report_bias_db, history,
            bp_iterations, episode_length: as for `LinkAdaptationEnv`.
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
        coded: bool = True,
        schemes: Sequence[Mcs] | None = None,
        symbols: int | None = None,
        snr_db: float | tuple[float, float] = (0.0, 25.0),
        correlation: float = 0.99,
        report_delay: int = 2,
        report_noise_db: float = 1.0,
        report_bias_db: float = 0.0,
        history: int = 8,
        bp_iterations: int = 10,
        episode_length: int = 200,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        tensors: bool = False,
    ) -> None:
        core = LinkAdaptationCore(
            num_envs,
            coded,
            schemes,
            symbols,
            snr_db,
            correlation,
            report_delay,
            report_noise_db,
            report_bias_db,
            history,
            bp_iterations,
            episode_length,
        )
        super().__init__(core, autoreset_mode, render_mode, tensors)
