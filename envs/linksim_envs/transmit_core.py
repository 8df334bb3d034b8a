"""The dynamics of `linksim/Transmit-v0`: bits or indices of the agent's choice over any link."""

import copy
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from linksim import Draw, Link, LinkConfig, Trace, checks
from linksim.bits import index_to_bits
from linksim_envs.core import Info
from linksim_envs.frame_blocks import index_tensor
from linksim_envs.frames_core import FramesCore
from linksim_envs.snr_range import SNR_LIMIT_DB
from linksim_envs.task import ImageTask

Actions = Literal["bits", "indices"]


class TransmitCore(FramesCore):
    """Frames over a link, independent of each other. `TransmitEnv` says what the arguments mean.

    Attributes:
        link: the environment's own copy.
    """

    def __init__(
        self,
        count: int,
        link: Link | None,
        snr_db: float | tuple[float, float],
        episode_length: int,
        actions: Actions,
        model: Any,
        images: Any,
        labels: Any,
    ) -> None:
        super().__init__(count, snr_db, episode_length)
        without = all(one is None for one in (model, images, labels))
        self.task = None if without else ImageTask(model, images, labels)
        if link is None and self.task is not None:
            link = self.task.link
        elif link is None:
            link = Link(LinkConfig(tokens=1, codebook_size=16, embedding_dim=4))
        if not isinstance(link, Link):
            raise TypeError(f"link must be a linksim.Link or None, got {type(link).__name__}")
        self.link = copy.deepcopy(link).eval().requires_grad_(False)
        self.actions: Actions = checks.one_of("actions", actions, ("bits", "indices"))  # type: ignore[assignment]
        self._codebook = self.link.codebook.cpu().numpy()
        largest = float(np.abs(self._codebook.astype(np.float32)).max())
        if not np.isfinite(largest):
            raise ValueError("link must have a codebook of finite float32 numbers, got NaN or infinite ones")
        config, layout = self.link.config, self.link.layout
        self._indices = None if self.task is None else self.task.indices(self.link)
        self.observation_space = spaces.Dict(
            {
                "codewords": spaces.Box(
                    -largest, largest, (self._codebook[0].size * config.tokens,), np.float32
                ),
                "snr_db": spaces.Box(-SNR_LIMIT_DB, SNR_LIMIT_DB, (1,), np.float32),
            }
        )
        if self.actions == "bits":
            self.action_space = spaces.MultiBinary(layout.information_bits)
        else:
            self.action_space = spaces.MultiDiscrete(np.full(config.tokens, config.codebook_size))
        self._make_blocks(layout.symbols)
        self._index = np.zeros((count, self._frames, config.tokens), dtype=np.int64)

    def highest_action(self) -> NDArray[Any]:
        """1 for each bit, or K − 1 for each token."""
        size = 2 if self.actions == "bits" else self.link.config.codebook_size
        return np.full(self.action_space.shape or (), size - 1)

    def action_meaning(self) -> str:
        """What an action is, for messages."""
        if self.actions == "bits":
            return f"only zeros and ones, {self.link.layout.bits_per_token} bits for each token"
        return "an index for each token"

    def begin(self, which: NDArray[np.intp], options: Mapping[str, Any]) -> Info:
        """Draw the first frame of episodes."""
        self._start(which, options)
        index = self._observed(which)
        return {"index": index, "next_index": index.copy(), **self._next_label(which)}

    @torch.inference_mode()
    def act(self, which: NDArray[np.intp], actions: NDArray[Any]) -> tuple[NDArray[np.float64], Info]:
        """Send a frame in each episode."""
        link = self.link
        draw = self._blocks.take(index_tensor(which), index_tensor(self._position[which]))
        sent = torch.from_numpy(actions.astype(np.int64))
        if self.actions == "bits":
            trace = link.hard(bits=sent.to(link.codebook), draw=draw)
        else:
            trace = link.hard(index=sent.to(link.codebook.device), draw=draw)
        assert trace.information_llr is not None
        assert trace.information_bits is not None
        assert trace.decoded_index is not None
        assert trace.embedding is not None
        wanted = self._observed(which)
        error = trace.embedding.cpu().numpy().astype(np.float64) - self._codebook[wanted]
        distortion = np.square(error).mean((1, 2))
        wrong = (trace.information_llr > 0) != (trace.information_bits > 0.5)
        info: Info = {
            "index": wanted,
            "decoded_index": trace.decoded_index.cpu().numpy(),
            "llr": trace.information_llr.cpu().numpy().astype(np.float32),
            "bit_errors": wrong.sum(1).cpu().numpy(),
            "distortion": distortion,
        }
        rewards = -distortion
        if self.task is not None:
            found = self.task.classes(trace.embedding)
            info |= {"label": self._labels(which), "class": found}
            rewards = (found == info["label"]).astype(np.float64)
        if self.keep_signals:
            self._keep(which, trace, draw, distortion)
        self._advance(which)
        info["next_index"] = self._observed(which)
        return rewards, {**info, **self._next_label(which)}

    def observe(self) -> dict[str, NDArray[Any]]:
        """Codewords to send, [count, N·D], and SNR, [count, 1]."""
        every = np.arange(self.count)
        return {
            "codewords": self._codebook[self._observed(every)].astype(np.float32).reshape(self.count, -1),
            "snr_db": self._snr[every, self._position][:, None],
        }

    def label_action(self, index: ArrayLike) -> NDArray[Any]:
        """The action that the deployed link takes for given indices, a policy to compare with.

        Args:
            index: […, N] integers in [0, K).

        Returns:
            […, N·b] int8 bits or […, N] int64 indices, as actions are.

        Raises:
            TypeError: if `index` does not hold integers.
            ValueError: if its shape or a value does not fit the link.
        """
        config = self.link.config
        given = np.asarray(index)
        if not np.issubdtype(given.dtype, np.integer):
            raise TypeError(f"index must hold integers, got dtype {given.dtype}")
        if given.shape[-1:] != (config.tokens,):
            raise ValueError(f"index must have shape ({config.tokens},), one per token, got {given.shape}")
        if given.min() < 0 or given.max() >= config.codebook_size:
            raise ValueError(f"index must hold numbers from 0 to {config.codebook_size - 1}, got {given}")
        if self.actions == "indices":
            return given.astype(np.int64)
        labels = index_to_bits(torch.from_numpy(given.astype(np.int64)), self.link.layout.bits_per_token)
        return labels.flatten(-2).numpy().astype(np.int8)

    def picture(self, number: int) -> Any:
        """Constellation and distortions so far."""
        from linksim_envs.rendering import BLUE, constellation_panel, curve_panel, panels

        snr = self._snr[number, self._position[number]]
        figure, axes = panels(2, f"{self.link.modem.modulation_name}, coming frame at {snr:.1f} dB Es/N0")
        points = self.link.modem.constellation().cpu().numpy()
        last, wrong = self._signals[number] or (None, 0)
        title = "no frame yet" if last is None else f"last frame, {wrong} bit errors"
        constellation_panel(axes[0], points, last, title)
        history = self._history[number]
        title = "distortion" if not history else f"distortion, mean {np.mean(history):.3g}"
        curve_panel(axes[1], [("", history, BLUE)], title, "per component", self.episode_length)
        return figure

    def _keep(
        self, which: NDArray[np.intp], trace: Trace, draw: Draw, distortion: NDArray[np.float64]
    ) -> None:
        assert trace.received is not None
        assert trace.information_llr is not None
        assert trace.information_bits is not None
        wrong = ((trace.information_llr > 0) != (trace.information_bits > 0.5)).sum(1)
        equalized = (trace.received / draw.channel.get("gain", torch.ones(()))).cpu().numpy()
        for row, number in enumerate(which):
            self._history[number].append(float(distortion[row]))
            self._signals[number] = equalized[row], int(wrong[row])

    def _observed(self, which: NDArray[np.intp]) -> NDArray[np.int64]:
        return self._index[which, self._position[which]]

    def _labels(self, which: NDArray[np.intp]) -> NDArray[np.int64]:
        assert self.task is not None
        return self.task.labels[self._item[which, self._position[which]]]

    def _next_label(self, which: NDArray[np.intp]) -> Info:
        return {} if self.task is None else {"next_label": self._labels(which)}

    def _refill(self, number: int, generator: np.random.Generator) -> None:
        config = self.link.config
        if self._indices is None:
            index = generator.integers(config.codebook_size, size=(self._frames, config.tokens))
        else:
            self._item[number] = generator.integers(len(self._indices), size=self._frames)
            index = self._indices[self._item[number]]
        self._index[number] = index
        self._draw_block(number, generator, self.link)
