"""Environments in which the agent chooses the mode of each image: codebook size and modulation."""

from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode

from linksim_envs.semantic_rate_core import SemanticRateCore
from linksim_envs.single import SingleEnv
from linksim_envs.vector import BatchEnv

SYMBOL_PRICE = 0.01


class SemanticRateEnv(SingleEnv[SemanticRateCore]):
    """Send images over a link of several modes, one image a step, in a mode of the agent's choice.

    The agent sees the latents of an image and the SNR of the coming transmission, and chooses the mode:
    codebook size and bits per symbol. The image's nearest codewords are sent as deployed, with a header that
    tells the mode, and the receiver classifies what arrives. The reward is 1 for the right class, less a
    price for every symbol. Steps are independent of each other: image, SNR and channel are drawn afresh for
    each, and actions do not change what is drawn. So under one seed, two policies meet the same images on the
    same channel and can be compared in pairs.

    With J modes, N tokens and D components per latent:

    - Observation: a dictionary with "latents", float32 [N·D], layer-normalised as the link compares them with
      codewords, token after token, and "snr_db", float32 [1], the Es/N0 of the coming transmission in dB
      (under fading its mean; the gain stays unseen).
    - Action: `Discrete(J)`, the number of a mode, as in `link.modes`.
    - Reward: 1 if the receiver's class is the label and 0 if not, minus `symbol_price` times the symbols of
      the frame, header included.
    - Episode: never terminates; is truncated after `episode_length` steps.
    - Info of `reset`: "next_image", the number of the coming image among `images`; "next_label", its label;
      "next_router_mode", the mode that the model's own router would pick for it; with `tell_outcomes` also
      "next_rewards", float64 [J], what each mode would bring.
    - Info of `step`: these four of the next frame; of the frame that was sent "image", "label", "class" (the
      receiver's), "correct", "mode", "received_mode" (which the receiver took from the header; it can be
      wrong), "symbols", and "bits" (information bits; symbols and bits with those of the header).

    Args:
        model: object with `encoder`, `transceiver_dig` and `head`, a `linksim_training.RoutedModel` for
            instance, whose `transceiver_dig` is a `linksim.modes.routed_link.RoutedLink`; needs images and
            labels. The environment copies it now, and changes neither.
        images: [n, c, h, w], one of which is drawn for each frame; by default the test part of the data set
            that the checkpoint was trained on.
        labels: [n] integers.
        checkpoint: path of a checkpoint that `linksim train --modes` wrote, instead of a model. By default
            the one that comes along: 8 tokens out of 64 codewords in QPSK, 16-QAM or 64-QAM over AWGN (30, 18
            or 14 symbols), for 8 by 8 digits.
        snr_db: Es/N0 in dB, or a pair (low, high) from which it is drawn uniformly for each frame, all from
            -100 to 100; also an option of `reset`, for one episode.
        symbol_price: λ, reward that each symbol costs, at least 0. With 0.01 and the default checkpoint, each
            mode is the best one at some SNRs.
        episode_length: steps until truncation, at least 1.
        tell_outcomes: whether info holds "next_rewards", for policies that know what they may not; then each
            coming frame is also sent in all modes, which takes longer.
        render_mode: None, "rgb_array" or "human": received symbols, coming image, and symbols so far.

    Attributes:
        link: the environment's own copy of the link.

    Raises:
        FileNotFoundError: if there is no such checkpoint, or its data set is gone.
        TypeError: if an argument has the wrong type, or arguments do not go together.
        ValueError: if a value is out of range, or the model has a single mode.

    Example:
        >>> env = SemanticRateEnv(snr_db=20.0)
        >>> env.link.modes
        ((64, 2), (64, 4), (64, 6))
        >>> observation, info = env.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = env.step(2)
        >>> info["symbols"], round(reward, 2)
        (14, 0.86)
    """

    def __init__(
        self,
        model: Any = None,
        images: Any = None,
        labels: Any = None,
        *,
        checkpoint: str | Path | None = None,
        snr_db: float | tuple[float, float] = (0.0, 20.0),
        symbol_price: float = SYMBOL_PRICE,
        episode_length: int = 32,
        tell_outcomes: bool = False,
        render_mode: str | None = None,
    ) -> None:
        core = SemanticRateCore(
            1, model, images, labels, checkpoint, snr_db, symbol_price, episode_length, tell_outcomes
        )
        super().__init__(core, render_mode)
        self.link = core.link


class SemanticRateVectorEnv(BatchEnv[SemanticRateCore]):
    """Many `SemanticRateEnv` at once; the frames of a mode are transmitted together.

    Args:
        num_envs: number of episodes.
        model, images, labels, checkpoint, snr_db, symbol_price, episode_length, tell_outcomes: as for
            `SemanticRateEnv`.
        autoreset_mode, render_mode, tensors: as for `BatchEnv`.

    Attributes:
        link: the environment's own copy of the link.

    Example:
        >>> envs = SemanticRateVectorEnv(64, snr_db=20.0)
        >>> observations, infos = envs.reset(seed=0)
        >>> _, rewards, _, _, infos = envs.step(infos["next_router_mode"])
        >>> rewards.shape, infos["symbols"].max() <= 30
        ((64,), np.True_)
    """

    def __init__(
        self,
        num_envs: int = 1,
        model: Any = None,
        images: Any = None,
        labels: Any = None,
        *,
        checkpoint: str | Path | None = None,
        snr_db: float | tuple[float, float] = (0.0, 20.0),
        symbol_price: float = SYMBOL_PRICE,
        episode_length: int = 32,
        tell_outcomes: bool = False,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        tensors: bool = False,
    ) -> None:
        core = SemanticRateCore(
            num_envs, model, images, labels, checkpoint, snr_db, symbol_price, episode_length, tell_outcomes
        )
        super().__init__(core, autoreset_mode, render_mode, tensors)
        self.link = core.link
