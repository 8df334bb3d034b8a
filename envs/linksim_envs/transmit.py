"""An environment in which the agent chooses the bits of each frame."""

import copy
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from linksim import Link, LinkConfig, checks
from linksim.bits import index_to_bits

SNR_LIMIT_DB = 100.0
"""SNRs lie within ± this many dB, whatever range an environment draws from, so that environments for training
and for evaluation at another SNR have the same observation space."""


class TransmitEnv(gymnasium.Env[dict[str, Any], NDArray[np.int8]]):
    """Send codewords over the exact link, one frame a step, with bits of the agent's choice.

    The agent sees the codewords that the receiver should get and the SNR of the coming transmission, and
    chooses the information bits. These are sent, received and decided on as deployed, coded if the link is.
    The reward is minus the distortion of the embedding that the receiver hands on. Steps are independent of
    each other: codewords, SNR and channel are drawn afresh for each, and actions do not change what is drawn.
    So under one seed, two policies meet the same frames on the same channel and can be compared in pairs.

    With K codewords, N tokens of b = ceil(log2 K) bits and D components per codeword:

    - Observation: a dictionary with "codewords", float32 [N, D], and "snr_db", float32 [1], the Es/N0 of the
      coming transmission in dB (under fading its mean; the gain stays unseen).
    - Action: `MultiBinary(N·b)`, the information bits of the frame, most significant first in each token.
    - Reward: minus the squared error between embedding and codeword per component, mean over tokens.
    - Episode: never terminates; is truncated after `episode_length` steps.
    - Info of `reset`: "index", int64 [N], of the observed codewords, and the same as "next_index".
    - Info of `step`: "index", int64 [N], of the codewords that were to be sent; "decoded_index", int64 [N];
      "llr", float32 [N·b], ln P(bit = 1)/P(bit = 0) (the textbook sign is the opposite); "bit_errors", the
      number of action bits that differ from the LLRs' signs; "distortion", minus the reward; "next_index",
      int64 [N], of the codewords now observed.

    `label_action` gives the bits that the deployed link itself would send. At high SNR no other bits do
    better; at low SNR others can: with the default link at 0 dB, the best bits for each codeword have about
    8 % less distortion.

    Args:
        link: what to transmit over; the environment keeps a copy in evaluation mode, made now, and changes
            neither. By default one token out of 16 codewords of dimension 4, one 16-QAM symbol over AWGN,
            with the link's fixed-seed initial codebook.
        snr_db: Es/N0 in dB, or a pair (low, high) from which it is drawn uniformly for each frame, all from
            -100 to 100.
        episode_length: steps until truncation, at least 1.
        render_mode: None; there is nothing to render.

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

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  Gymnasium declares it as an instance field

    def __init__(
        self,
        link: Link | None = None,
        *,
        snr_db: float | tuple[float, float] = (0.0, 20.0),
        episode_length: int = 32,
        render_mode: str | None = None,
    ) -> None:
        if link is None:
            link = Link(LinkConfig(tokens=1, codebook_size=16, embedding_dim=4))
        if not isinstance(link, Link):
            raise TypeError(f"link must be a linksim.Link or None, got {type(link).__name__}")
        if render_mode is not None:
            raise ValueError(f"render_mode must be None, as there is nothing to render, got {render_mode!r}")
        self.render_mode = render_mode
        self.link = copy.deepcopy(link).eval().requires_grad_(False)
        self._default_snr_range = self._snr_range = _range_in_db(snr_db)
        self._episode_length = checks.whole("episode_length", episode_length, 1)
        self._steps_left: int | None = None

        self._codebook = self.link.codebook.cpu().numpy()
        largest = float(np.abs(self._codebook.astype(np.float32)).max())
        if not np.isfinite(largest):
            raise ValueError("link must have a codebook of finite float32 numbers, got NaN or infinite ones")
        config, layout = self.link.config, self.link.layout
        self.observation_space = spaces.Dict(
            {
                "codewords": spaces.Box(-largest, largest, (config.tokens, config.embedding_dim), np.float32),
                "snr_db": spaces.Box(-SNR_LIMIT_DB, SNR_LIMIT_DB, (1,), np.float32),
            }
        )
        self.action_space = spaces.MultiBinary(layout.information_bits)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of `np_random`, from which everything random in this environment follows; None goes on with
                the generator as it is.
            options: {"snr_db": a number or a pair (low, high) in dB} for this episode only.

        Returns:
            observation and info.

        Raises:
            TypeError: if the SNR is not a number or a pair of them.
            ValueError: if an option is unknown or the SNR is out of range.
        """
        options = options or {}
        for name in options:
            checks.one_of("a name in options", name, ["snr_db"])
        snr_range = _range_in_db(options["snr_db"]) if "snr_db" in options else self._default_snr_range
        super().reset(seed=seed)
        self._snr_range = snr_range
        self._generator = torch.Generator().manual_seed(int(self.np_random.integers(2**63)))
        self._steps_left = self._episode_length
        observation = self._next_frame()
        return observation, {"index": self._index.copy(), "next_index": self._index.copy()}

    def step(
        self, action: ArrayLike
    ) -> tuple[dict[str, NDArray[np.float32]], float, bool, bool, dict[str, Any]]:
        """Transmit one frame.

        Args:
            action: [N·b] zeros and ones, the information bits of the frame.

        Returns:
            the observation of the next frame, the reward, False, whether the episode is over, and info.

        Raises:
            ResetNeeded: before the first reset and after truncation.
            ValueError: if the action does not lie in the action space.
        """
        if not self._steps_left:
            why = "no episode has begun" if self._steps_left is None else "the episode is over"
            raise gymnasium.error.ResetNeeded(f"call reset() before step(): {why}")
        bits = self._check_action(action)
        with torch.no_grad():
            draw = self.link.draw(1, self._snr, self._generator)
            sent = torch.from_numpy(bits).unsqueeze(0).to(self.link.codebook)
            trace = self.link.hard(bits=sent, draw=draw)
        assert trace.information_llr is not None
        assert trace.decoded_index is not None
        assert trace.embedding is not None
        llr = trace.information_llr[0].cpu().numpy()
        error = trace.embedding[0].cpu().numpy().astype(np.float64) - self._codebook[self._index]
        distortion = float(np.square(error).mean())
        info: dict[str, Any] = {
            "index": self._index.copy(),
            "decoded_index": trace.decoded_index[0].cpu().numpy(),
            "llr": llr.astype(np.float32),
            "bit_errors": int(np.count_nonzero((llr > 0) != bits)),
            "distortion": distortion,
        }
        self._steps_left -= 1
        observation = self._next_frame()
        info["next_index"] = self._index.copy()
        return observation, -distortion, False, self._steps_left == 0, info

    def label_action(self, index: ArrayLike) -> NDArray[np.int8]:
        """The bits that the deployed link sends for given indices, a policy to compare with.

        Args:
            index: [N] integers in [0, K).

        Returns:
            int8 [N·b], an action.

        Raises:
            TypeError: if `index` does not hold integers.
            ValueError: if its shape or a value does not fit the link.
        """
        config = self.link.config
        given = np.asarray(index)
        if not np.issubdtype(given.dtype, np.integer):
            raise TypeError(f"index must hold integers, got dtype {given.dtype}")
        if given.shape != (config.tokens,):
            raise ValueError(f"index must have shape ({config.tokens},), one per token, got {given.shape}")
        if given.min() < 0 or given.max() >= config.codebook_size:
            raise ValueError(f"index must hold numbers from 0 to {config.codebook_size - 1}, got {given}")
        labels = index_to_bits(torch.from_numpy(given.astype(np.int64)), self.link.layout.bits_per_token)
        return labels.flatten().numpy().astype(np.int8)

    def _check_action(self, action: ArrayLike) -> NDArray[np.int8]:
        if not self.action_space.contains(action):
            given = f"{type(action).__name__} of shape {np.shape(action)}"
            if np.shape(action) == self.action_space.shape:
                given = f"{type(action).__name__} {action}"
            raise ValueError(
                f"action must be an array of shape {self.action_space.shape} that holds only zeros and ones, "
                f"{self.link.layout.bits_per_token} bits for each token, got {given}"
            )
        return np.asarray(action).astype(np.int8)

    def _next_frame(self) -> dict[str, NDArray[np.float32]]:
        """Draw what is to be sent next, at what SNR, and return the observation of it."""
        config = self.link.config
        self._index = self.np_random.integers(config.codebook_size, size=config.tokens)
        # Drawn also where the range is a point, so that a seed gives the same frames at every SNR. The link
        # gets the number that the agent sees.
        snr_db = np.float32(self.np_random.uniform(*self._snr_range))
        self._snr = float(snr_db)
        return {
            "codewords": self._codebook[self._index].astype(np.float32),
            "snr_db": np.array([snr_db]),
        }


def _range_in_db(snr_db: Any) -> tuple[float, float]:
    """Return (low, high) in dB of a number or a pair, if both lie within the limits."""
    ends = tuple(snr_db) if isinstance(snr_db, (tuple, list)) else (snr_db, snr_db)
    if len(ends) != 2:
        raise ValueError(f"snr_db must be a number or a pair (low, high), got {snr_db!r}")
    low, high = (checks.real("snr_db", end, least=-SNR_LIMIT_DB) for end in ends)
    if high > SNR_LIMIT_DB or low > SNR_LIMIT_DB:
        raise ValueError(f"snr_db must be at most {SNR_LIMIT_DB:g}, got {snr_db!r}")
    if low > high:
        raise ValueError(f"snr_db must be a pair (low, high) with low at most high, got {snr_db!r}")
    return low, high
