"""What goes through a link: everything random about a transmission, and everything it leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from linksim.metrics import mismatch


@dataclass(frozen=True)
class Draw:
    """Everything random about the transmission of B frames, as a value.

    Paths consume a draw without changing it, so the soft path, the hard path and any mixture see the same
    channel, and one frame can be run again alone.

    Attributes:
        snr_db: [B] Es/N0 of each frame in dB.
        channel: what the channel drew, by name; the first dimension of each tensor counts frames.
        uniforms: [B, N] numbers in [0, 1) with which a soft assignment is sampled.
        gumbel: [B, N, K] Gumbel noise, for sampling whose noise the gradient must know; None without.
    """

    snr_db: Tensor
    channel: dict[str, Tensor]
    uniforms: Tensor
    gumbel: Tensor | None = None

    def __len__(self) -> int:
        return self.snr_db.shape[0]

    def __getitem__(self, frames: int | slice | Sequence[int] | Tensor) -> Draw:
        """Select frames by slice, number, list of numbers or index tensor; always keeps the frame axis."""
        if isinstance(frames, (slice, Tensor)) and not (isinstance(frames, Tensor) and frames.dim() == 0):
            return self._map(lambda tensor: tensor[frames])
        chosen = list(frames) if isinstance(frames, Sequence) else [int(frames)]
        for frame in chosen:
            if not -len(self) <= frame < len(self):
                raise IndexError(f"frame {frame} is not among the {len(self)} frames of this draw")
        return self._map(lambda tensor: tensor[chosen])

    def to(self, *args: Any, **kwargs: Any) -> Draw:
        """Move to a device, as `torch.Tensor.to` does."""
        return self._map(lambda tensor: tensor.to(*args, **kwargs))

    def _map(self, function: Any) -> Draw:
        return Draw(
            snr_db=function(self.snr_db),
            channel={name: function(tensor) for name, tensor in self.channel.items()},
            uniforms=function(self.uniforms),
            gumbel=None if self.gumbel is None else function(self.gumbel),
        )

    @staticmethod
    def cat(draws: Sequence[Draw]) -> Draw:
        """Join draws along the frame axis; Gumbel noise stays if all have it."""
        gumbel = [draw.gumbel for draw in draws if draw.gumbel is not None]
        return Draw(
            snr_db=torch.cat([draw.snr_db for draw in draws]),
            channel={name: torch.cat([draw.channel[name] for draw in draws]) for name in draws[0].channel},
            uniforms=torch.cat([draw.uniforms for draw in draws]),
            gumbel=torch.cat(gumbel) if len(gumbel) == len(draws) else None,
        )


@dataclass(frozen=True)
class Trace:
    """What one transmission of B frames left behind at each stage.

    A field is None where the path has no such signal: the hard path has no assignment and no symbol
    probabilities, and frames given as raw bits have no index.

    Attributes:
        latents: [B, N, D] latents as the quantizer compares them with codewords (layer-normalised).
        index: [B, N] int64 transmitted indices; on the soft path, the nearest codewords.
        assignment: [B, N, K] distribution over the codebook (soft quantization only).
        quantized: [B, N, D] quantized embeddings at the transmitter.
        information_bits: [B, N·b] bits of the indices, as floats; on the soft path probabilities of 1.
        bits: [B, S·m] bits in the order of transmission, coding and padding included, as floats; on the soft
            path probabilities of 1, before sharpening.
        symbol_probabilities: [B, S, M] distribution of each symbol after sharpening, in the order of the
            MSB-first labels (soft mapping only).
        symbols: [B, S] complex transmitted symbols; their mean on the soft path.
        transmitted: [B, S] complex symbols behind the transmitter's converters and amplifier.
        received: [B, S] complex channel output behind the receiver's converters.
        llr: [B, L] ln P(bit = 1)/P(bit = 0) of each coded bit (the textbook sign is the opposite).
        information_llr: [B, N·b] the same of each information bit, behind the decoder.
        crc_ok: [B] whether the frame passed its cyclic redundancy check; None without one.
        posterior: [B, N, K] receiver's distribution over the valid codewords.
        decoded_index: [B, N] int64 most probable codeword.
        embedding: [B, N, D] what the receiver hands on.
        log_probability: [B] ln of the probability of a frame's indices, where they were drawn for the score
            function.
        surrogate: the soft trace whose gradient a differentiable hard transmission borrows.
    """

    latents: Tensor | None = None
    index: Tensor | None = None
    assignment: Tensor | None = None
    quantized: Tensor | None = None
    information_bits: Tensor | None = None
    bits: Tensor | None = None
    symbol_probabilities: Tensor | None = None
    symbols: Tensor | None = None
    transmitted: Tensor | None = None
    received: Tensor | None = None
    llr: Tensor | None = None
    information_llr: Tensor | None = None
    crc_ok: Tensor | None = None
    posterior: Tensor | None = None
    decoded_index: Tensor | None = None
    embedding: Tensor | None = None
    log_probability: Tensor | None = None
    surrogate: Trace | None = None

    def detach(self) -> Trace:
        """The same trace cut off from the graph, without its surrogate."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "surrogate"}
        return Trace(**{name: None if t is None else t.detach() for name, t in tensors.items()})

    def replace(self, **changes: Any) -> Trace:
        """A copy with some fields changed."""
        unknown = changes.keys() - self.__dict__.keys()
        if unknown:
            raise TypeError(f"a trace has no {', '.join(sorted(unknown))}")
        # Not dataclasses.replace, which sets every field one by one: traces are changed at every stage.
        copy = object.__new__(Trace)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def compare(self, reference: Trace) -> dict[str, float]:
        """Mismatch of this trace against a reference on the same draw, stage by stage.

        Normalised errors are energies of the difference over the energy of the reference, summed over all
        frames; disagreements are shares. Stages that either trace lacks are left out.

        Returns:
            A dictionary of figures in the order of the stages: `vq_nmse`, `bit_disagreement`, `symbol_nmse`,
            `received_nmse`, `llr_nmse`, `llr_sign_disagreement`, `index_disagreement`, `embedding_nmse`.
        """
        return {
            name: float(error.sum() / scale.sum().clamp_min(torch.finfo(scale.dtype).tiny))
            for name, (error, scale) in mismatch.stage_errors(self, reference).items()
        }
