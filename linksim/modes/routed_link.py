"""Several links, one per mode, and a router that picks one for each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from linksim import checks
from linksim.config import LinkConfig
from linksim.drawing import draw_frames
from linksim.inputs import check_input
from linksim.link import CODEBOOK_SEED, Link
from linksim.modes.header import Header
from linksim.modes.inputs import check_index, check_mode, check_modes
from linksim.modes.mode import Mode, cut
from linksim.modes.routed_trace import RoutedTrace, Routing, sum_of_modes
from linksim.modes.router import Router
from linksim.signals import Draw
from linksim.stages.channel import Channel

HEADER_SYMBOLS = 6


class RoutedLink(nn.Module):
    """Links of different codebook sizes and modulations over one channel.

    The transmitter picks a mode for each frame and sends its number in a header of QPSK symbols, then the
    frame as the mode's link makes it. The receiver reads the header, then the frame in the mode that it
    believes. Bits and symbols of the header are counted.

    Args:
        config: what all modes have in common; its codebook size and bits per symbol count for nothing.
        modes: (K, m) of each mode: codebook size and bits per symbol.
        header_symbols: QPSK symbols of the header.
        router: replaces `Router`; a module from latents [B, N, D] and snr_db [B] to logits [B, modes].
        channel: replaces the configured one, as for `Link`; its draws must be tensors [B, S, …], or such that
            do not depend on the symbol.
        generator: what codebooks and router start from; a fixed seed by default.

    Attributes:
        links: one `Link` per mode.
        bits: [modes] information bits of a frame, the number of the mode included.
        symbols: [modes] symbols of a frame, the header included.

    Raises:
        TypeError: if modes are not pairs of whole numbers.
        ValueError: if there are none, or the configuration does not fit.

    Example:
        >>> import torch
        >>> link = RoutedLink(LinkConfig(tokens=4), [(16, 2), (64, 6)])
        >>> draw = link.draw(frames=8, snr_db=10.0, generator=torch.Generator().manual_seed(1))
        >>> trace = link.hard(torch.zeros(8, 4, 16), draw)
        >>> trace.embedding.shape, link.symbols.tolist()
        (torch.Size([8, 4, 16]), [14.0, 10.0])
    """

    bits: Tensor
    symbols: Tensor

    def __init__(
        self,
        config: LinkConfig,
        modes: Sequence[tuple[int, int]],
        *,
        header_symbols: int = HEADER_SYMBOLS,
        router: nn.Module | None = None,
        channel: Channel | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.modes = check_modes(modes)
        if config.channel == "bsc":
            raise ValueError("channel 'bsc' has one modulation, BPSK, so there are no modes to choose from")
        if config.defects:
            raise ValueError(
                f"defects {list(config.defects)} of the surrogate are studied with one mode: leave them out"
            )
        generator = torch.Generator().manual_seed(CODEBOOK_SEED) if generator is None else generator
        self.config = config
        configs = [replace(config, codebook_size=size, bits_per_symbol=width) for size, width in self.modes]
        self.links = nn.ModuleList(Link(one, channel=channel, generator=generator) for one in configs)
        self.header = Header(len(self.modes), header_symbols)
        self.channel: Channel = self.link_of(0).channel
        if router is None:
            router = Router(config.tokens, config.embedding_dim, len(self.modes), generator)
        self.router = router
        layouts = [link.layout for link in self._links()]
        self.longest = self.header.symbols + max(layout.symbols for layout in layouts)
        information = torch.tensor([float(one.information_bits + self.header.bits) for one in layouts])
        symbols = torch.tensor([float(one.symbols + self.header.symbols) for one in layouts])
        self.register_buffer("bits", information, persistent=False)
        self.register_buffer("symbols", symbols, persistent=False)

    def _links(self) -> list[Link]:
        return [self.link_of(number) for number in range(len(self.modes))]

    def link_of(self, number: int) -> Link:
        """The link of a mode."""
        link = self.links[number]
        assert isinstance(link, Link)
        return link

    def mode(self, number: int) -> Mode:
        """One mode, with calls like those of a `Link`, on the draws of this routed link.

        Raises:
            TypeError, ValueError: if there is no mode of that number.
        """
        return Mode(self, checks.whole("mode", number, 0, len(self.modes) - 1))

    @property
    def codebook(self) -> Tensor:
        """[K, D] codebook of the first mode; all have its precision and device."""
        return self.link_of(0).codebook

    @property
    def vq_temp(self) -> float:
        """Temperature of the assignments, the same in all modes."""
        return self.link_of(0).vq_temp

    @vq_temp.setter
    def vq_temp(self, temperature: float) -> None:
        for link in self._links():
            link.vq_temp = temperature

    @property
    def symbol_temp(self) -> float:
        """Temperature of the symbols, the same in all modes."""
        return self.link_of(0).symbol_temp

    @symbol_temp.setter
    def symbol_temp(self, temperature: float) -> None:
        for link in self._links():
            link.symbol_temp = temperature

    def draw(
        self,
        frames: int,
        snr_db: float | Tensor,
        generator: torch.Generator | Sequence[torch.Generator],
        *,
        gumbel: bool = False,
    ) -> Draw:
        """Draw everything random about the transmission of `frames` frames, whatever their modes.

        A shorter frame meets the first symbols of what a longer one would meet, so modes can be compared on
        one draw.

        Args:
            frames, snr_db, generator: as for `Link.draw`.
            gumbel: not for several codebooks.

        Raises:
            TypeError, ValueError: as `Link.draw`.
        """
        if gumbel:
            raise ValueError("gumbel noise belongs to one codebook, and modes have their own: leave it out")
        layout = self.link_of(0).layout
        return draw_frames(
            self.channel, layout, frames, snr_db, generator, self.codebook, symbols=self.longest
        )

    def parts_of(self, draw: Draw | None, number: int) -> tuple[Draw, Tensor]:
        """The draw of a mode's own symbols, and the modes [B] that headers of this mode are read as."""
        if not isinstance(draw, Draw):
            raise TypeError(f"draw must come from link.draw(...), got {type(draw).__name__}")
        start, link = self.header.symbols, self.link_of(number)
        own = cut(draw, start, start + link.layout.symbols, self.longest)
        sent = torch.full((len(draw),), number, device=self.codebook.device)
        heading = cut(draw, 0, start, self.longest).channel
        with torch.autocast(self.codebook.device.type, enabled=False):
            return own, self.header.read(sent, self.channel, link.front_end, heading)

    def route(self, latents: Tensor, snr_db: Tensor) -> Routing:
        """What the router picks; no gradient goes to the latents.

        Args:
            latents: [B, N, D].
            snr_db: [B] Es/N0 in dB.
        """
        with torch.autocast(self.codebook.device.type, enabled=False):
            normalised = self.link_of(0).quantize.normalise(latents.detach().to(self.codebook.dtype))
            logits = self.router(normalised, snr_db)
            return Routing(logits.softmax(-1), logits.argmax(-1))

    def hard(
        self,
        latents: Tensor | None = None,
        draw: Draw | None = None,
        *,
        index: Tensor | None = None,
        mode: Tensor | int | None = None,
    ) -> RoutedTrace:
        """Transmit as deployed: each frame in one mode, those of a mode together.

        Args:
            latents: [B, N, D]; or
            index: [B, N] integers, each in the codebook of its frame's mode.
            draw: of B frames.
            mode: [B] integers or one for all; the router's choice if left out, which needs latents.

        Raises:
            TypeError, ValueError: as `Link.hard`, and if the mode does not fit.
        """
        inputs, draw, routing = self._inputs(latents, index, draw, mode)
        embedding = self.codebook.new_zeros((len(draw), self.config.tokens, self.config.embedding_dim))
        received = torch.empty_like(routing.mode)
        traces, groups = [], []
        for number in range(len(self.modes)):
            rows = torch.nonzero(routing.mode == number).squeeze(1)
            groups.append(rows)
            if not len(rows):
                traces.append(None)
                continue
            chosen = {name: value[rows] for name, value in inputs.items()}
            trace, received[rows] = self.mode(number).hard_with_header(draw[rows], **chosen)
            assert trace.embedding is not None
            embedding = embedding.index_copy(0, rows, trace.embedding)
            traces.append(trace)
        bits, symbols = self.bits[routing.mode], self.symbols[routing.mode]
        return RoutedTrace(routing, embedding, bits, symbols, tuple(traces), tuple(groups), received)

    def soft(
        self,
        latents: Tensor | None = None,
        draw: Draw | None = None,
        *,
        index: Tensor | None = None,
        mode: Tensor | int | None = None,
        vq_temp: float | None = None,
        symbol_temp: float | None = None,
    ) -> RoutedTrace:
        """Transmit differentiably: the mean over the router's modes of what each mode's soft path gives.

        Args:
            latents, index, draw, mode: as `hard`; a given mode counts as certain.
            vq_temp, symbol_temp: as `Link.soft`.

        Raises:
            TypeError, ValueError: as `Link.soft`, and if the mode does not fit.
        """
        inputs, draw, routing = self._inputs(latents, index, draw, mode)
        everyone = torch.arange(len(draw), device=self.codebook.device)
        traces = []
        for number in range(len(self.modes)):
            own = dict(inputs)
            if index is not None:  # those of a larger codebook belong to frames of another mode
                own["index"] = index * (routing.mode == number).unsqueeze(1)
            traces.append(self.mode(number).soft(draw=draw, vq_temp=vq_temp, symbol_temp=symbol_temp, **own))
        with torch.autocast(self.codebook.device.type, enabled=False):
            weights = routing.probabilities.to(self.codebook.dtype)
            embedding = sum_of_modes(routing, traces)
            bits, symbols = weights @ self.bits.to(weights), weights @ self.symbols.to(weights)
        return RoutedTrace(
            routing, embedding, bits, symbols, tuple(traces), tuple(everyone for _ in self.modes)
        )

    def _inputs(
        self, latents: Tensor | None, index: Tensor | None, draw: Draw | None, mode: Tensor | int | None
    ) -> tuple[dict[str, Tensor], Draw, Routing]:
        if (latents is None) == (index is None):
            raise TypeError("give exactly one of latents and index")
        if not isinstance(draw, Draw):
            raise TypeError(f"draw must come from link.draw(...), got {type(draw).__name__}")
        if latents is not None:
            check_input(self.link_of(0).config, latents, None, None, draw)
            routing = self.route(latents, draw.snr_db) if mode is None else self._certain(mode, len(draw))
            return {"latents": latents}, draw, routing
        assert index is not None
        if mode is None:
            raise TypeError("index needs a mode: the router chooses by latents")
        routing = self._certain(mode, len(draw))
        configs = [link.config for link in self._links()]
        check_index(configs, index, draw, routing.mode)
        return {"index": index}, draw, routing

    def _certain(self, mode: Tensor | int, frames: int) -> Routing:
        chosen = check_mode(mode, frames, len(self.modes)).to(self.codebook.device)
        return Routing(one_hot(chosen, len(self.modes)).to(self.codebook.dtype), chosen)

    def extra_repr(self) -> str:
        """The modes, for `print(link)`."""
        return f"modes={self.modes}, header={self.header.symbols} symbols"
