"""An audit at one SNR: every batch, draw after draw, over all paths that are needed."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from linksim.auditing.attribution import attribution_rows, measure_mixtures, measure_splices
from linksim.auditing.calibration import capacity, information_row, reliability_rows
from linksim.auditing.constellation import Constellations
from linksim.auditing.figures import FrameFigures, path_figures, task_figures
from linksim.auditing.finding import Finding
from linksim.auditing.rows import Expectations, stage_rows
from linksim.link import Link
from linksim.seeds import stream
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
    passed = trace.crc_ok
    if passed is not None and (passed.dtype, tuple(passed.shape)) != (torch.bool, (frames,)):
        raise ValueError(
            f"surrogate returned crc_ok of {passed.dtype} and shape {list(passed.shape)}, expected "
            f"torch.bool and [{frames}]"
        )
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
    uniform = stream(generator.initial_seed(), "uniform bits", repr(snr_db))
    for _ in range(draws):
        for latents, labels in encoded:
            draw = link.draw(len(latents), snr_db, generator)
            hard, soft = link.hard(latents, draw), audited.soft(latents, draw)
            outputs = {"soft": head(soft.embedding), "hard": head(hard.embedding)}
            figures.add(*path_figures(soft, hard))
            figures.add(task_figures(outputs["soft"], outputs["hard"], labels))
            for path, (logits, _) in outputs.items():
                figures.add_frames(f"{path} correct", logits.argmax(-1) == labels)
            exact = soft
            if not audited.is_exact and {"attribution", "calibration"} & set(parts):
                exact = audited.exact.soft(latents, draw)
            if "attribution" in parts:
                _attribute(figures, audited, latents, labels, draw, (hard, soft, exact), finding)
            if "calibration" in parts:
                _calibrate(figures, audited, draw, (hard, soft, exact), uniform)
            if "constellations" in parts:
                constellations.add(soft, hard, draw)
            if on_batch is not None:
                on_batch()
    rows = list(stage_rows(figures, Expectations.of(link, snr_db)))
    return {
        "rows": rows,
        "correct": {path: figures.frames(f"{path} correct") for path in ("hard", "soft")},
        "attribution": _attribution(figures, rows) if "attribution" in parts else [],
        "constellations": [constellations.as_dict()] if "constellations" in parts else [],
        **_calibration(figures, link, snr_db),
    }


def _attribute(
    figures: FrameFigures,
    audited: AuditedLink,
    latents: Tensor,
    labels: Tensor,
    draw: Draw,
    traces: tuple[Trace, Trace, Trace],
    finding: Finding | None,
) -> None:
    model, link = audited.model, audited.exact
    hard, soft, exact = traces
    drawn = link.mixed(latents, draw, paths={"quantize": "soft"})
    figures.add_frames("mixtures", measure_mixtures(model, link, labels, hard, exact, drawn))
    if not audited.is_exact:
        defects = {} if finding is None else finding.strengths
        figures.add_frames("splices", measure_splices(model, link, labels, draw, exact, soft, defects))


def _attribution(figures: FrameFigures, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    splices = figures.frames("splices") if figures.has_frames("splices") else None
    found = list(attribution_rows(figures.frames("mixtures"), splices))
    gap = next(row for row in rows if row["metric"] == "gap")
    for row in found:
        if (row["surrogate"], row["measure"], row["place"]) == ("audited", "accuracy", "total"):
            row.update(low=gap["low"], high=gap["high"])  # one figure, one interval
    return found


def _calibrate(
    figures: FrameFigures,
    audited: AuditedLink,
    draw: Draw,
    traces: tuple[Trace, Trace, Trace],
    generator: torch.Generator,
) -> None:
    """Collect LLRs, and as a reference those of equally used codewords on the hard path."""
    link = audited.link
    hard, soft, exact = traces
    shape = (len(draw), link.layout.tokens)
    index = torch.randint(link.config.codebook_size, shape, generator=generator)
    uniform = link.hard(index=index.to(link.codebook.device), draw=draw)
    sent = {"hard": (hard, hard), "soft": (soft, hard), "uniform": (uniform, uniform)}
    if not audited.is_exact:
        sent["exact"] = exact, hard
    for path, (received, transmitted) in sent.items():
        if received.llr is not None:
            assert transmitted.bits is not None
            figures.add_frames(f"{path} bits", strip_frame(transmitted.bits, link.layout))
            figures.add_frames(f"{path} llr", received.llr)


def _calibration(figures: FrameFigures, link: Link, snr_db: float) -> dict[str, Any]:
    found: dict[str, Any] = {"calibration": [], "information": []}
    for path in ("hard", "soft", "exact", "uniform"):
        if figures.has_frames(f"{path} llr"):
            bits, llr = (figures.frames(f"{path} {kind}").transpose(0, 1) for kind in ("bits", "llr"))
            found["calibration"] += [{"path": path, **row} for row in reliability_rows(bits, llr)]
            found["information"].append(
                {"path": path, **information_row(bits, llr), "capacity": capacity(link, snr_db)}
            )
    return found
