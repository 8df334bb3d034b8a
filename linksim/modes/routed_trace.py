"""What goes through a routed link."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from linksim.signals import Trace


@dataclass(frozen=True)
class Routing:
    """Which modes a router picks.

    Attributes:
        probabilities: [B, modes] softmax of its scores.
        mode: [B] int64 the most probable one, in which a deployed frame is sent.
    """

    probabilities: Tensor
    mode: Tensor


@dataclass(frozen=True)
class RoutedTrace:
    """What one transmission of B frames over a routed link left behind.

    Attributes:
        routing: of each frame.
        embedding: [B, N, D] what the receiver hands on; on the soft path the mean over the modes.
        bits: [B] information bits of each frame, its mode's number included; their mean on the soft path.
        symbols: [B] symbols of each frame, its header included; their mean on the soft path.
        traces: one for each mode: on the hard path of the frames that were sent in it, in their order (None
            where there are none), on the soft path of all frames.
        frames: [b] int64 numbers of these frames, for each mode.
        received_mode: [B] int64 mode that the receiver took the frame for (hard path only).
    """

    routing: Routing
    embedding: Tensor
    bits: Tensor
    symbols: Tensor
    traces: tuple[Trace | None, ...]
    frames: tuple[Tensor, ...]
    received_mode: Tensor | None = None


def sum_of_modes(routing: Routing, traces: Sequence[Trace]) -> Tensor:
    """[B, N, D] embeddings of the modes, each weighted with its probability."""
    embeddings = torch.stack([trace.embedding for trace in traces if trace.embedding is not None])
    return torch.einsum("bj,jbnd->bnd", routing.probabilities.to(embeddings), embeddings)
