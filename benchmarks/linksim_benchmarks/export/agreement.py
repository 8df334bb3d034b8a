"""Does a bundle do what the link does? Bits from equal latents and from images, classes over the air."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from linksim import Draw, Trace
from linksim.config import ARITHMETICS
from linksim.deploy import Bundle
from linksim.evaluation import evaluating
from linksim.metrics.intervals import newcombe_paired, ratio
from linksim.seeds import stream
from linksim_training.export.vectors import heard
from linksim_training.model import SemanticModel

FRAMES_AT_ONCE = 250
LEAST_MARGIN = 1e-4
"""Of squared distances: below, the rounding errors of another encoder may decide for the other codeword."""

LARGEST_LOSS = 0.003
"""Of accuracy, by a receiver with other arithmetic, before it is warned of."""

Report = Callable[[int], None]


@dataclass(frozen=True)
class BitAgreement:
    """Frames whose bits were compared, and in how many they differ."""

    frames: int
    different_frames: int


@dataclass(frozen=True)
class ImageAgreement:
    """Tokens of images, encoded by either side.

    Attributes:
        frames, tokens: compared.
        close: tokens whose two nearest codewords have squared distances within `LEAST_MARGIN`.
        different: tokens that went to another codeword.
        different_beyond: those among them that are not close.
    """

    frames: int
    tokens: int
    close: int
    different: int
    different_beyond: int


@torch.no_grad()
def random_agreement(
    model: SemanticModel, bundle: Bundle, frames: int, seed: int, report: Report
) -> BitAgreement:
    """Compare bits and symbols of Gaussian latents."""
    link, generator, different = model.link, stream(seed, "latents"), 0
    for count in _turns(frames):
        latents = torch.randn(count, link.layout.tokens, link.config.embedding_dim, generator=generator)
        different += _different(bundle, latents, link.hard(latents, _silent(model, count), decide=False))
        report(count)
    return BitAgreement(frames, different)


@torch.no_grad()
def image_agreement(
    model: SemanticModel, bundle: Bundle, images: Tensor, report: Report
) -> tuple[BitAgreement, ImageAgreement]:
    """Compare bits of the latents of images, given equal latents and end to end."""
    different, tokens, close, other, beyond = 0, 0, 0, 0, 0
    with evaluating(model):
        for part in images.split(FRAMES_AT_ONCE):
            latents = model.encoder(part)
            trace = model.link.hard(latents, _silent(model, len(part)), decide=False)
            different += _different(bundle, latents, trace)
            sent = bundle.transmit(bundle.latents(part.numpy()))
            assert trace.index is not None
            wrong, near = sent.index != trace.index.numpy(), sent.margin <= LEAST_MARGIN
            tokens, close = tokens + wrong.size, close + int(near.sum())
            other, beyond = other + int(wrong.sum()), beyond + int((wrong & ~near).sum())
            report(len(part))
    frames = len(images)
    return BitAgreement(frames, different), ImageAgreement(frames, tokens, close, other, beyond)


@torch.no_grad()
def class_rows(
    model: SemanticModel,
    bundle: Bundle,
    images: Tensor,
    labels: Tensor,
    snr_db: Sequence[float],
    draws: int,
    seed: int,
    report: Report,
) -> list[dict[str, Any]]:
    """Accuracy of the link and of both receivers of a bundle on the same received symbols.

    Returns:
        a row per Es/N0 and receiver: images, transmissions of each, correct ones of the link and of the
        receiver, those classified otherwise than by the link, and the paired difference of the accuracies
        with its 95 % interval, images being independent.
    """
    rows = []
    for snr in snr_db:
        generator = stream(seed, "air", repr(snr))
        outcomes: dict[str, list[Tensor]] = {name: [] for name in ("link", *ARITHMETICS)}
        with evaluating(model):
            for part in images.split(FRAMES_AT_ONCE) * draws:
                draw = model.link.draw(len(part), snr, generator)
                output = model(part, draw)
                outcomes["link"].append(output.logits.argmax(-1))
                for kind in ARITHMETICS:
                    outcomes[kind].append(_labels(model, bundle, output.trace, draw, kind))
                report(len(part))
        decided = {name: torch.cat(parts).view(draws, -1) for name, parts in outcomes.items()}
        rows += [
            {"snr_db": snr, **_row(kind, decided["link"], decided[kind], labels)} for kind in ARITHMETICS
        ]
    return rows


def warnings_of(rows: Sequence[dict[str, Any]], own: str) -> list[str]:
    """What a user should know of the classes over the air.

    Args:
        rows: of `class_rows`.
        own: the receiver that the model was trained for.
    """
    found = []
    for row in rows:
        sent = row["images"] * row["draws"]
        if row["receiver"] == own and row["different_class"]:
            found.append(
                f"the {own} receiver classifies {row['different_class']} of {sent} transmissions at "
                f"{row['snr_db']:g} dB otherwise than the link: their LLRs or messages are so close to a "
                "decision that rounding makes it"
            )
        elif row["receiver"] != own and row["difference"] < -LARGEST_LOSS:
            found.append(
                f"the {row['receiver']} receiver is {-100 * row['difference']:.2f} points worse than the "
                f"link at {row['snr_db']:g} dB: give longer words, such as --llr-bits 8 --codebook-bits 12"
            )
    return found


def as_dict(
    random: BitAgreement, equal: BitAgreement, images: ImageAgreement, rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """All of it as plain numbers, for the manifest."""
    return {
        "random_latents": asdict(random),
        "latents_of_images": asdict(equal),
        "images": {**asdict(images), "least_margin": LEAST_MARGIN},
        "over_the_air": list(rows),
    }


def _different(bundle: Bundle, latents: Tensor, trace: Trace) -> int:
    """Frames whose bits or symbols differ, given equal latents."""
    assert trace.bits is not None
    assert trace.symbols is not None
    sent = bundle.transmit(latents.numpy())
    bits = (sent.bits != trace.bits.numpy()).any(1)
    return int((bits | (sent.symbols != trace.symbols.numpy()).any(1)).sum())


def _labels(model: SemanticModel, bundle: Bundle, trace: Trace, draw: Draw, kind: str) -> Tensor:
    assert trace.received is not None
    gain, variance = heard(model, trace, draw.channel)
    decoded = bundle.decode(trace.received.numpy(), variance.numpy(), gain.numpy(), receiver=kind)
    return torch.from_numpy(decoded.label)


def _row(kind: str, link: Tensor, own: Tensor, labels: Tensor) -> dict[str, Any]:
    """Classes [draws, images] of the link and of a receiver beside the labels [images]."""
    first, second = own == labels, link == labels
    difference, low, high = _difference(first, second)
    return {
        "receiver": kind,
        "images": len(labels),
        "draws": len(own),
        "correct_link": int(second.sum()),
        "correct": int(first.sum()),
        "different_class": int((own != link).sum()),
        "accuracy": int(first.sum()) / own.numel(),
        "difference": difference,
        "low": low,
        "high": high,
    }


def _difference(first: Tensor, second: Tensor) -> tuple[float, float, float]:
    """Difference of two accuracies over the same transmissions [draws, images], with its interval."""
    if len(first) > 1:
        gained = (first.double() - second.double()).mean(0)
        return ratio(gained.numpy(), torch.ones_like(gained).numpy())
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    return newcombe_paired(both, int((first & ~second).sum()), int((second & ~first).sum()), neither)


def _silent(model: SemanticModel, frames: int) -> Draw:
    """Some draw; the transmitter does not depend on it."""
    return model.link.draw(frames, 0.0, stream(0, "silent"))


def _turns(frames: int) -> Iterator[int]:
    for start in range(0, frames, FRAMES_AT_ONCE):
        yield min(FRAMES_AT_ONCE, frames - start)
