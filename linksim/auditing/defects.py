"""Named defects of a surrogate: which one there is, and what each would do."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from linksim.auditing.at_one_snr import AuditedLink, Encoded
from linksim.auditing.faulty_stages import FaultyStages
from linksim.auditing.finding import DefectFinder, Finding, relative_error
from linksim.metrics.intervals import clopper_pearson
from linksim.seeds import stream
from linksim.signals import Draw

FRAMES = 64
"""Frames that a defect is looked for in."""

SWITCHED_FRAMES = 500
"""Frames that each defect is switched on for."""


def find_defects(
    audited: AuditedLink, encoded: Sequence[Encoded], snr_db: Sequence[float], generator: torch.Generator
) -> Finding:
    """Look for the defects of the audited surrogate, in a batch with all the SNRs.

    Args:
        audited: link and surrogate.
        encoded: batches; the first images are used.
        snr_db: Es/N0 values in dB, spread over the frames.
        generator: its initial seed sets the draw; its state stays as it is.
    """
    if audited.is_exact:
        return Finding("none", decision=audited.exact.config.decision)
    latents, _, draw = _frames(audited, encoded, snr_db, generator, FRAMES)
    trace = audited.soft(latents, draw)
    normalised = audited.exact.quantize.normalise(latents.to(audited.exact.codebook.dtype))
    return DefectFinder(FaultyStages(audited.exact, draw), trace.replace(latents=normalised)).find()


def switched_on(
    audited: AuditedLink, encoded: Sequence[Encoded], snr_db: Sequence[float], generator: torch.Generator
) -> list[dict[str, Any]]:
    """What each named defect would do to the soft path, one at a time, over all SNRs together.

    Args:
        audited, encoded, snr_db, generator: as for `find_defects`.

    Returns:
        rows: defect ("none" first), soft_accuracy, low, high, embedding_nmse against the hard path.
    """
    exact, head = audited.exact, audited.model.head
    latents, labels, draw = _frames(audited, encoded, snr_db, generator, SWITCHED_FRAMES)
    hard = exact.hard(latents, draw).embedding
    assert hard is not None
    rows = []
    possible = FaultyStages(exact, draw).names()
    for name, link in (("none", exact), *((name, exact.with_defects((name,))) for name in possible)):
        soft = link.soft(latents, draw).embedding
        assert soft is not None
        correct = int((head(soft)[0].argmax(-1) == labels).sum())
        low, high = clopper_pearson(correct, len(labels))
        rows.append(
            {
                "defect": name,
                "soft_accuracy": correct / len(labels),
                "low": low,
                "high": high,
                "embedding_nmse": relative_error(soft, hard),
            }
        )
    return rows


def _frames(
    audited: AuditedLink,
    encoded: Sequence[Encoded],
    snr_db: Sequence[float],
    generator: torch.Generator,
    most: int,
) -> tuple[Tensor, Tensor, Draw]:
    """Latents, labels and a draw of at most so many frames."""
    latents = torch.cat([latents for latents, _ in encoded])[:most]
    labels = torch.cat([labels for _, labels in encoded])[:most]
    spread = torch.tensor([float(snr_db[i % len(snr_db)]) for i in range(len(latents))])
    return (
        latents,
        labels,
        audited.link.draw(len(latents), spread, stream(generator.initial_seed(), "defects")),
    )
