"""One of the modes of a routed link, on the draws of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from linksim.chain import STAGES
from linksim.link import Link
from linksim.signals import Draw, Trace

if TYPE_CHECKING:
    from linksim.modes.routed_link import RoutedLink


class Mode:
    """A mode as a link: frames are sent in it, read in the mode that their header is taken for.

    Its calls are those of `Link`, with a draw of the routed link. Where the header is read wrong, the
    receiver takes what arrived for a frame of another mode; the trace says what the right mode would have
    made of it, up to the embedding, which is what the receiver really hands on. No gradient goes through such
    frames.

    Args:
        routed: that it belongs to.
        number: of the mode.

    Attributes:
        link: of this mode alone.
    """

    def __init__(self, routed: RoutedLink, number: int) -> None:
        self.routed, self.number = routed, number
        self.link = routed.link_of(number)

    def hard(self, latents: Tensor | None = None, draw: Draw | None = None, **inputs: Any) -> Trace:
        """As `Link.hard`, of latents or `index`."""
        own, header = self._draws(draw)
        return self._read(self.link.hard(latents, own, **inputs), header, draw, "hard")

    def hard_with_header(self, draw: Draw, **inputs: Any) -> tuple[Trace, Tensor]:
        """The same, and the modes [B] that the headers are read as."""
        own, header = self._draws(draw)
        return self._read(self.link.hard(draw=own, **inputs), header, draw, "hard"), header

    def soft(self, latents: Tensor | None = None, draw: Draw | None = None, **inputs: Any) -> Trace:
        """As `Link.soft`."""
        own, header = self._draws(draw)
        return self._read(self.link.soft(latents, own, **inputs), header, draw, "soft")

    def __call__(self, latents: Tensor, draw: Draw, *, forward: str | Tensor = "hard", **how: Any) -> Trace:
        """As `Link.forward`."""
        own, header = self._draws(draw)
        trace = self.link(latents, own, forward=forward, **how)
        assert trace.surrogate is not None
        surrogate = self._read(trace.surrogate, header, draw, "soft")
        return self._read(trace.replace(surrogate=surrogate), header, draw, forward)

    def _draws(self, draw: Draw | None) -> tuple[Draw, Tensor]:
        """The draw of this mode's symbols, and the modes [B] that its headers are read as."""
        own, header = self.routed.parts_of(draw, self.number)
        return own, header

    def _read(self, trace: Trace, header: Tensor, draw: Draw | None, path: str | Tensor) -> Trace:
        """The trace with the embeddings of misread frames; `path` as `forward` of a call."""
        assert draw is not None
        assert trace.embedding is not None
        misread = header != self.number
        if not bool(misread.any()):
            return trace
        if isinstance(path, str):
            groups = {path: misread}
        else:  # a blended frame has the symbols of the path with the larger share
            hard = path.to(misread.device) >= 0.5
            groups = {"hard": misread & hard, "soft": misread & ~hard}
        embedding = trace.embedding.clone()
        for name, group in groups.items():
            for other in header[group].unique().tolist():
                rows = torch.nonzero(group & (header == other)).squeeze(1)
                embedding[rows] = self._misread(trace, rows, draw[rows], other, name)
        return trace.replace(embedding=embedding)

    @torch.no_grad()
    def _misread(self, trace: Trace, rows: Tensor, draw: Draw, other: int, path: str) -> Tensor:
        """[rows, N, D] what a receiver in another mode makes of frames: too few symbols are followed by
        noise alone, too many are not looked at.
        """
        assert trace.transmitted is not None
        link: Link = self.routed.link_of(other)
        sent = trace.transmitted[rows]
        fitted = pad(sent, (0, link.layout.symbols - sent.shape[1]))
        own, _ = self.routed.parts_of(draw, other)
        paths: Mapping[str, str] = dict.fromkeys(STAGES, path)
        found = link.hear(Trace(symbols=fitted, transmitted=fitted), own, paths).embedding
        assert found is not None
        return found


def cut(draw: Draw, start: int, end: int, symbols: int) -> Draw:
    """A draw for some of the symbols of its frames.

    Args:
        draw: whose tensors of the channel are [B, symbols, …], or do not depend on the symbol.
        start, end: first symbol, and the one behind the last.
        symbols: of the frames that it was made for.

    Raises:
        ValueError: if no tensor has as many symbols.
    """
    if not any(tensor.dim() > 1 and tensor.shape[1] == symbols for tensor in draw.channel.values()):
        raise ValueError(
            f"draw must be one of this routed link, for {symbols} symbols a frame: use its draw()"
        )
    of_symbols = {
        name: tensor[:, start:end] if tensor.dim() > 1 and tensor.shape[1] == symbols else tensor
        for name, tensor in draw.channel.items()
    }
    return replace(draw, channel=of_symbols)
