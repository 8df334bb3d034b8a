"""The dynamics of `linksim/SemanticRate-v0`: images over a link of several modes, one mode for each frame."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from linksim import Draw, checks
from linksim.modes.mode import cut
from linksim.modes.routed_link import RoutedLink
from linksim.modes.routed_trace import RoutedTrace
from linksim_envs.core import Info
from linksim_envs.frame_blocks import index_tensor
from linksim_envs.frames_core import FramesCore
from linksim_envs.semantic_rate_picture import Sent, picture
from linksim_envs.snr_range import SNR_LIMIT_DB
from linksim_envs.task import ImageTask


class SemanticRateCore(FramesCore):
    """Images over a link of several modes. `SemanticRateEnv` says what the arguments mean.

    Attributes:
        task: images, labels, and copies of encoder, link and head.
        link: that of the task.
        symbol_price: reward that a symbol costs.
        tell_outcomes: whether what each mode would bring is told beforehand.
    """

    def __init__(
        self,
        count: int,
        model: Any,
        images: Any,
        labels: Any,
        checkpoint: Any,
        snr_db: float | tuple[float, float],
        symbol_price: float,
        episode_length: int,
        tell_outcomes: bool,
    ) -> None:
        super().__init__(count, snr_db, episode_length)
        self.symbol_price = checks.real("symbol_price", symbol_price, least=0)
        self.tell_outcomes = checks.flag("tell_outcomes", tell_outcomes)
        self.task = make_task(model, images, labels, checkpoint)
        self.link = routed_link_of(self.task)
        config, modes = self.link.config, len(self.link.modes)
        self._latents = self.task.latents(self.link)
        normalised = self.link.link_of(0).quantize.normalise(self._latents)
        self._observed = normalised.cpu().numpy().astype(np.float32).reshape(len(normalised), -1)
        if not np.isfinite(self._observed).all():
            raise ValueError("model must encode images into finite latents, got NaN or infinite ones")
        # [n, modes, N]: the codewords of every image in every mode.
        links = [self.link.link_of(number) for number in range(modes)]
        self._indices = np.stack([self.task.indices(link, self._latents) for link in links], axis=1)
        self._bits = self.link.bits.cpu().numpy().astype(np.int64)
        self._symbols = self.link.symbols.cpu().numpy().astype(np.int64)
        # Of zero mean and unit variance over D, no component of a latent exceeds √(D − 1).
        bound = config.embedding_dim**0.5 if config.embedding_dim > 1 else np.inf
        self.observation_space = spaces.Dict(
            {
                "latents": spaces.Box(-bound, bound, (self._observed.shape[1],), np.float32),
                "snr_db": spaces.Box(-SNR_LIMIT_DB, SNR_LIMIT_DB, (1,), np.float32),
            }
        )
        self.action_space = spaces.Discrete(modes)
        self._make_blocks(self.link.longest)
        self._router_mode = np.zeros((count, self._frames), dtype=np.int64)

    def highest_action(self) -> NDArray[Any]:
        """The number of the last mode."""
        return np.array(len(self.link.modes) - 1)

    def action_meaning(self) -> str:
        """What an action is, for messages."""
        return f"the number of one of {len(self.link.modes)} modes"

    def begin(self, which: NDArray[np.intp], options: Mapping[str, Any]) -> Info:
        """Draw the first frame of episodes."""
        self._start(which, options)
        return self._coming(which)

    @torch.inference_mode()
    def act(self, which: NDArray[np.intp], actions: NDArray[Any]) -> tuple[NDArray[np.float64], Info]:
        """Send a frame in each episode."""
        mode = actions.astype(np.int64)
        image = self._images(which)
        trace, draw = self._sent(which, mode)
        found = self.task.classes(trace.embedding)
        assert trace.received_mode is not None
        info: Info = {
            "image": image,
            "label": self.task.labels[image],
            "class": found,
            "correct": found == self.task.labels[image],
            "mode": mode,
            "received_mode": trace.received_mode.cpu().numpy(),
            "symbols": self._symbols[mode],
            "bits": self._bits[mode],
        }
        rewards = info["correct"] - self.symbol_price * info["symbols"]
        if self.keep_signals:
            self._keep(which, trace, draw, info)
        self._advance(which)
        return rewards, {**info, **self._coming(which)}

    def observe(self) -> dict[str, NDArray[Any]]:
        """Latents of the coming images, [count, N·D], and SNR, [count, 1]."""
        every = np.arange(self.count)
        return {
            "latents": self._observed[self._images(every)],
            "snr_db": self._snr[every, self._position][:, None],
        }

    def picture(self, number: int) -> Any:
        """The last frame's constellation, the coming image, and the symbols so far."""
        image = self._images(np.array([number]))
        snr = float(self._snr[number, self._position[number]])
        pixels, label = self.task.image(int(image[0])), int(self.task.labels[image[0]])
        past = self._history[number]
        return picture(self._signals[number], pixels, label, snr, past, self._symbols, self.episode_length)

    def _keep(self, which: NDArray[np.intp], trace: RoutedTrace, draw: Draw, info: Info) -> None:
        header, longest = self.link.header.symbols, self.link.longest
        for number, (one, rows) in enumerate(zip(trace.traces, trace.frames, strict=True)):
            if one is None:
                continue
            link = self.link.link_of(number)
            assert one.received is not None
            gain = cut(draw[rows], header, header + link.layout.symbols, longest).channel.get("gain", 1.0)
            equalized = (one.received / gain).cpu().numpy()
            points = link.modem.constellation().cpu().numpy()
            codebook_size, width = self.link.modes[number]
            for row, frame in zip(rows.tolist(), equalized, strict=True):
                name = f"K = {codebook_size}, {width} bits per symbol"
                self._signals[which[row]] = Sent(
                    name, points, frame, int(info["label"][row]), int(info["class"][row])
                )
        for row, number in enumerate(which):
            self._history[number].append((int(info["mode"][row]), bool(info["correct"][row])))

    def _images(self, which: NDArray[np.intp]) -> NDArray[np.int64]:
        """Numbers of the coming images."""
        return self._item[which, self._position[which]]

    def _sent(self, which: NDArray[np.intp], mode: NDArray[np.int64]) -> tuple[RoutedTrace, Draw]:
        """What becomes of the coming frames in given modes, and their draw."""
        draw = self._blocks.take(index_tensor(which), index_tensor(self._position[which]))
        index = torch.from_numpy(self._indices[self._images(which), mode]).to(self.link.codebook.device)
        return self.link.hard(index=index, draw=draw, mode=index_tensor(mode)), draw

    @torch.inference_mode()
    def _coming(self, which: NDArray[np.intp]) -> Info:
        """What is told of the coming frames."""
        image = self._images(which)
        info: Info = {
            "next_image": image,
            "next_label": self.task.labels[image],
            "next_router_mode": self._router_mode[which, self._position[which]],
        }
        if not self.tell_outcomes:
            return info
        modes = len(self.link.modes)
        rewards = np.empty((len(which), modes))
        for mode in range(modes):
            trace, _ = self._sent(which, np.full(len(which), mode))
            right = self.task.classes(trace.embedding) == info["next_label"]
            rewards[:, mode] = right - self.symbol_price * self._symbols[mode]
        return {**info, "next_rewards": rewards}

    def _refill(self, number: int, generator: np.random.Generator) -> None:
        self._item[number] = generator.integers(len(self._indices), size=self._frames)
        snr = self._draw_block(number, generator, self.link)
        with torch.inference_mode():
            # A block at a time, since the last bits of the scores depend on how many there are.
            latents = self._latents[index_tensor(self._item[number])]
            routing = self.link.route(latents, snr.to(latents.device))
        self._router_mode[number] = routing.mode.cpu().numpy()


def make_task(model: Any, images: Any, labels: Any, checkpoint: Any) -> ImageTask:
    """The task of a model, of a checkpoint, or of the reference.

    Raises:
        TypeError, ValueError: if the arguments do not go together.
    """
    if model is not None and checkpoint is not None:
        raise TypeError("give a model or a checkpoint, not both")
    if model is None:
        from linksim_envs.reference import read

        model, images, labels = read(checkpoint, images, labels)
    return ImageTask(copy.deepcopy(model), images, labels)


def routed_link_of(task: ImageTask) -> RoutedLink:
    """The link of a task, to be transmitted over, not trained.

    Raises:
        TypeError: if it has one mode only.
        ValueError: if there is a single one to choose from.
    """
    link = task.link
    if not isinstance(link, RoutedLink):
        raise TypeError(
            "model must have several modes, with a linksim.modes.routed_link.RoutedLink as transceiver_dig, "
            f"got a {type(link).__name__}: linksim train --modes trains such a model"
        )
    if len(link.modes) < 2:
        raise ValueError(f"model must have two modes or more to choose from, got {link.modes}")
    return link.eval().requires_grad_(False)
