"""Environments in which the agent chooses the bits, or the indices, of each frame."""

from typing import Any

from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from linksim import Link
from linksim_envs.single import SingleEnv
from linksim_envs.transmit_core import Actions, TransmitCore
from linksim_envs.vector import BatchEnv


class TransmitEnv(SingleEnv[TransmitCore]):
    """Send codewords over the exact link, one frame a step, with bits of the agent's choice.

    The agent sees the codewords that the receiver should get and the SNR of the coming transmission, and
    chooses the information bits. These are sent, received and decided on as deployed, coded if the link is.
    The reward is minus the distortion of the embedding that the receiver hands on. Steps are independent of
    each other: codewords, SNR and channel are drawn afresh for each, and actions do not change what is drawn.
    So under one seed, two policies meet the same frames on the same channel and can be compared in pairs.

    With K codewords, N tokens of b = ceil(log2 K) bits and D components per codeword:

    - Observation: a dictionary with "codewords", float32 [N·D], one after the other, and "snr_db", float32
      [1], the Es/N0 of the coming transmission in dB (under fading its mean; the gain stays unseen).
    - Action: `MultiBinary(N·b)`, the information bits of the frame, most significant first in each token; or
      with `actions="indices"`, `MultiDiscrete([K]·N)`, an index for each token.
    - Reward: minus the squared error between embedding and codeword per component, mean over tokens; or with
      a model, 1 if the receiver's class is that of the image and 0 if not.
    - Episode: never terminates; is truncated after `episode_length` steps.
    - Info of `reset`: "index", int64 [N], of the observed codewords, and the same as "next_index".
    - Info of `step`: "index", int64 [N], of the codewords that were to be sent; "decoded_index", int64 [N];
      "llr", float32 [N·b], ln P(bit = 1)/P(bit = 0) (the textbook sign is the opposite); "bit_errors", the
      number of information bits that differ from the LLRs' signs; "distortion"; "next_index", int64 [N], of
      the codewords now observed. With a model also "label" and "class" of the image that was sent, and
      "next_label", also at the reset.

    `label_action` gives the action that the deployed link itself would take. At high SNR no other does
    better; at low SNR others can: with the default link at 0 dB, the best bits for each codeword have about
    8 % less distortion.

    Args:
        link: what to transmit over; the environment keeps a copy in evaluation mode, made now, and changes
            neither. By default that of the model, or one token out of 16 codewords of dimension 4, one
            16-QAM symbol over AWGN, with the link's fixed-seed initial codebook.
        snr_db: Es/N0 in dB, or a pair (low, high) from which it is drawn uniformly for each frame, all from
            -100 to 100; also an option of `reset`, for one episode.
        episode_length: steps until truncation, at least 1.
        actions: "bits" or "indices".
        model: object with `encoder`, `transceiver_dig` and `head`, a `linksim_training.SemanticModel` for
            instance, whose head classifies what arrives; needs images and labels.
        images: [n, c, h, w], one of which is drawn for each frame.
        labels: [n] integers.
        render_mode: None, "rgb_array" or "human": the received symbols and the distortions.

    Attributes:
        link: the environment's own copy of the link.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if a value is out of range, or the codebook is not finite.

    Example:
        >>> env = TransmitEnv(snr_db=30.0)
        >>> observation, info = env.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = env.step(env.label_action(info["next_index"]))
        >>> info["bit_errors"], abs(reward) < 1e-6
        (0, True)
    """

    def __init__(
        self,
        link: Link | None = None,
        *,
        snr_db: float | tuple[float, float] = (0.0, 20.0),
        episode_length: int = 32,
        actions: Actions = "bits",
        model: Any = None,
        images: Any = None,
        labels: Any = None,
        render_mode: str | None = None,
    ) -> None:
        core = TransmitCore(1, link, snr_db, episode_length, actions, model, images, labels)
        super().__init__(core, render_mode)
        self.link = core.link

    def label_action(self, index: ArrayLike) -> NDArray[Any]:
        """The action that the deployed link takes for given indices, a policy to compare with.

        Args:
            index: [N] integers in [0, K).

        Returns:
            int8 [N·b] or int64 [N], an action.

        Raises:
            TypeError: if `index` does not hold integers.
            ValueError: if its shape or a value does not fit the link.
        """
        return self.core.label_action(index)


class TransmitVectorEnv(BatchEnv[TransmitCore]):
    """Many `TransmitEnv` at once, whose frames are transmitted together.

    Args:
        num_envs: number of episodes.
        link, snr_db, episode_length, actions, model, images, labels: as for `TransmitEnv`.
        autoreset_mode, render_mode, tensors: as for `BatchEnv`.

    Example:
        >>> envs = TransmitVectorEnv(64, snr_db=30.0)
        >>> observations, infos = envs.reset(seed=0)
        >>> _, rewards, _, _, infos = envs.step(envs.label_action(infos["next_index"]))
        >>> infos["bit_errors"].sum(), rewards.shape
        (np.int64(0), (64,))
    """

    def __init__(
        self,
        num_envs: int = 1,
        link: Link | None = None,
        *,
        snr_db: float | tuple[float, float] = (0.0, 20.0),
        episode_length: int = 32,
        actions: Actions = "bits",
        model: Any = None,
        images: Any = None,
        labels: Any = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        tensors: bool = False,
    ) -> None:
        core = TransmitCore(num_envs, link, snr_db, episode_length, actions, model, images, labels)
        super().__init__(core, autoreset_mode, render_mode, tensors)
        self.link = core.link

    def label_action(self, index: ArrayLike) -> NDArray[Any]:
        """The actions [num_envs, …] that the deployed link takes for indices [num_envs, N].

        Raises:
            TypeError, ValueError: as `TransmitEnv.label_action`.
        """
        return self.core.label_action(index)
