"""What the two paths send and receive, as points and densities in the complex plane."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linksim.link import Link
from linksim.signals import Draw, Trace

POINTS = 600
"""Most transmitted symbols to keep."""

CELLS = 48
"""Cells of a density along each axis."""

LEAST_GAIN = 1e-6


class Constellations:
    """Transmitted symbols and the density of received ones, collected batch by batch.

    Args:
        link: its points and its channel's gain set the scale.
        snr_db: Es/N0, which sets how far noise reaches.
    """

    def __init__(self, link: Link, snr_db: float) -> None:
        self.link = link
        peak = float(link.modem.constellation().abs().max())
        # Two standard deviations of one dimension, but never so far that the points are hard to see.
        self.extent = peak + min(2 * math.sqrt(10 ** (-snr_db / 10) / 2), peak)
        self.points: dict[str, list[Tensor]] = {"hard": [], "soft": []}
        self.density = {path: np.zeros((CELLS, CELLS), dtype=np.int64) for path in self.points}

    def add(self, soft: Trace, hard: Trace, draw: Draw) -> None:
        """Add a batch; a path that lacks its symbols or received signal is left out."""
        assert hard.transmitted is not None
        gain = self.link.channel.apply(hard.transmitted, draw.channel)[1]
        gain = torch.where(gain.abs() < LEAST_GAIN, LEAST_GAIN, gain)
        for path, trace in (("hard", hard), ("soft", soft)):
            if trace.symbols is not None:
                self.points[path].append(trace.symbols.cpu())
            if trace.received is not None:
                place = (
                    torch.view_as_real((trace.received / gain).flatten().to(torch.complex64)).cpu().numpy()
                )
                edges = np.linspace(-self.extent, self.extent, CELLS + 1)
                counts, _, _ = np.histogram2d(place[:, 1], place[:, 0], bins=(edges, edges))
                self.density[path] += counts.astype(np.int64)

    def as_dict(self) -> dict[str, Any]:
        """Half width of the square, points [re, im], counts with rows by imaginary part from below."""
        found: dict[str, Any] = {"extent": self.extent}
        for path, parts in self.points.items():
            frames = torch.cat(parts) if parts else torch.zeros(0, 1, dtype=torch.complex64)
            # Whole frames, spread over all, so that every place of a frame is shown alike.
            step = max(1, math.ceil(frames.numel() / POINTS))
            kept = torch.view_as_real(frames[::step].flatten()[:POINTS]).double().numpy()
            found[f"{path}_points"] = np.round(kept, 4).tolist()
            found[f"{path}_density"] = self.density[path].tolist()
        return found
