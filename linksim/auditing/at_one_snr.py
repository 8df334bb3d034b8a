"""An audit at one SNR: every batch, draw after draw, over all paths that are needed."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from linksim.auditing.attribution import attribution_rows, measure_mixtures, measure_splices
from linksim.auditing.calibration import capacity, information_rows, reliability_rows
from linksim.auditing.constellation import Constellations
from linksim.auditing.figures import FrameFigures, path_figures, task_figures
from linksim.auditing.finding import Finding
from linksim.auditing.rows import Expectations, stage_rows
from linksim.link import Link
from linksim.signals import Draw, Trace
from linksim.stages.padding import strip_frame

Encoded = tuple[Tensor, Tensor]
"""Latents [B, N, D] and labels [B] of a batch."""


@dataclass(frozen=True)
class AuditedLink:
    """A model's link, and the surrogate of it that is audited.

    Attributes:
        model: with `head`.
        link: its link.
        exact: the same without defects.
        surrogate: audited in place of the link's soft path; None for that.
    """

    model: Any
    link: Link
    exact: Link
    surrogate: Callable[[Tensor, Draw], Trace] | None

    @property
    def is_exact(self) -> bool:
        """Whether the audited surrogate is the exact one."""
        return self.surrogate is None and self.exact is self.link

    def soft(self, latents: Tensor, draw: Draw) -> Trace:
        """Trace of the audited surrogate, whose latents are those that the quantizer compares.

        Raises:
            ValueError: if what a surrogate of one's own returns does not fit.
        """
        if self.surrogate is None:
            return self.link.soft(latents, draw)
        return checked_surrogate(self.surrogate(latents, draw), self.link, len(latents))


def checked_surrogate(trace: Trace, link: Link, frames: int) -> Trace:
    """A trace whose signals fit the link, on its device and in its precision.

    Raises:
        ValueError: naming the signal that does not fit, and what would.
    """
    if not isinstance(trace, Trace) or trace.embedding is None:
        raise ValueError("surrogate must return a linksim.Trace that holds at least the embedding")
    layout, (size, dimension) = link.layout, link.codebook.shape
    in_tokens, in_symbols = (frames, layout.tokens), (frames, layout.symbols)
    real, whole = link.codebook.dtype, torch.int64
    kinds = {
        "latents": ((*in_tokens, dimension), real),
        "index": (in_tokens, whole),
        "assignment": ((*in_tokens, size), real),
        "quantized": ((*in_tokens, dimension), real),
        "information_bits": ((frames, layout.information_bits), real),
        "bits": ((frames, layout.symbols * layout.bits_per_symbol), real),
        "symbol_probabilities": ((*in_symbols, 2**layout.bits_per_symbol), real),
        "symbols": (in_symbols, real.to_complex()),
        "transmitted": (in_symbols, real.to_complex()),
        "received": (in_symbols, real.to_complex()),
        "llr": ((frames, layout.coded_bits), real),
        "information_llr": ((frames, layout.information_bits), real),
        "posterior": ((*in_tokens, size), real),
        "decoded_index": (in_tokens, whole),
        "embedding": ((*in_tokens, dimension), real),
    }
    fitting = {}
    for name, (shape, dtype) in kinds.items():
        signal = getattr(trace, name)
        if signal is None:
            continue
        if not isinstance(signal, Tensor) or tuple(signal.shape) != shape:
            given = list(signal.shape) if isinstance(signal, Tensor) else type(signal).__name__
            raise ValueError(f"surrogate returned {name} of shape {given}, expected {list(shape)}")
        if (signal.is_complex(), signal.is_floating_point()) != (dtype.is_complex, dtype.is_floating_point):
            raise ValueError(f"surrogate returned {name} of {signal.dtype}, expected {dtype}")
        if not torch.isfinite(signal).all():
            raise ValueError(f"surrogate returned {name} with values that are not finite")
        if name in ("assignment", "symbol_probabilities", "posterior") and signal.min() < 0:
            raise ValueError(f"surrogate returned {name} with probabilities below 0")
        if (signal.device, signal.dtype) != (link.codebook.device, dtype):
            fitting[name] = signal.to(link.codebook.device, dtype)
    return trace.replace(**fitting)


def audit_snr(
    audited: AuditedLink,
    encoded: Sequence[Encoded],
    snr_db: float,
    draws: int,
    generator: torch.Generator,
    parts: Collection[str],
    finding: Finding | None,
    on_batch: Callable[[], None] | None,
) -> dict[str, Any]:
    """Everything that is measured at one SNR.

    Returns:
        `rows`, `attribution`, `calibration`, `information` and `constellations`, lists of dictionaries as in
        `AuditReport` without the SNR; `correct`, path → [draws, images].
    """
    link, head = audited.link, audited.model.head
    figures = FrameFigures(draws)
    constellations = Constellations(link, snr_db)
    for _ in range(draws):
        for latents, labels in encoded:
            draw = link.draw(len(latents), snr_db, generator)
            hard, soft = link.hard(latents, draw), audited.soft(latents, draw)
            outputs = {"soft": head(soft.embedding), "hard": head(hard.embedding)}
            figures.add(*path_figures(soft, hard))
            figures.add(task_figures(outputs["soft"], outputs["hard"], labels))
            for path, (logits, _) in outputs.items():
                figures.add_frames(f"{path} correct", logits.argmax(-1) == labels)
            if "attribution" in parts:
                _attribute(figures, audited, latents, labels, draw, hard, soft, finding)
            if "calibration" in parts:
                assert hard.bits is not None
                figures.add_frames("bits", strip_frame(hard.bits, link.layout))
                for path, trace in (("hard", hard), ("soft", soft)):
                    if trace.llr is not None:
                        figures.add_frames(f"{path} llr", trace.llr)
            if "constellations" in parts:
                constellations.add(soft, hard, draw)
            if on_batch is not None:
                on_batch()
    return {
        "rows": list(stage_rows(figures, Expectations.of(link, snr_db))),
        "correct": {path: figures.frames(f"{path} correct") for path in ("hard", "soft")},
        "attribution": _attribution(figures) if "attribution" in parts else [],
        "constellations": [constellations.as_dict()] if "constellations" in parts else [],
        **_calibration(figures, link, snr_db, "calibration" in parts),
    }


def _attribute(
    figures: FrameFigures,
    audited: AuditedLink,
    latents: Tensor,
    labels: Tensor,
    draw: Draw,
    hard: Trace,
    soft: Trace,
    finding: Finding | None,
) -> None:
    model, exact = audited.model, audited.exact
    exact_soft = soft if audited.is_exact else exact.soft(latents, draw)
    drawn = exact.mixed(latents, draw, paths={"quantize": "soft"})
    figures.add_frames("mixtures", measure_mixtures(model, exact, labels, hard, exact_soft, drawn))
    if not audited.is_exact:
        defects = {} if finding is None else finding.strengths
        values = measure_splices(model, exact, labels, draw, exact_soft, soft, defects)
        figures.add_frames("splices", values)


def _attribution(figures: FrameFigures) -> list[dict[str, Any]]:
    splices = figures.frames("splices") if figures.has_frames("splices") else None
    return list(attribution_rows(figures.frames("mixtures"), splices))


def _calibration(figures: FrameFigures, link: Link, snr_db: float, wanted: bool) -> dict[str, Any]:
    if not wanted:
        return {"calibration": [], "information": []}
    bits = figures.frames("bits").transpose(0, 1)
    llrs = {
        path: figures.frames(f"{path} llr").transpose(0, 1)
        for path in ("hard", "soft")
        if figures.has_frames(f"{path} llr")
    }
    return {
        "calibration": list(reliability_rows(bits, llrs)),
        "information": list(information_rows(bits, llrs, capacity(link, snr_db))),
    }
