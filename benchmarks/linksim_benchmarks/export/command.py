"""`linksim export`: a deployment bundle from a checkpoint, checked against the link before it is written."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.progress import Progress

from linksim import checks, files
from linksim.arguments import numbers, parse
from linksim.console import console, progress_on, table_of
from linksim.deploy import load
from linksim_benchmarks import checkpoint_data
from linksim_benchmarks.export import agreement
from linksim_training.checkpoints import Checkpoint
from linksim_training.data import ImageData, white_of
from linksim_training.export.bundle import WordLengths, check_target, own_words, write_bundle

LARGEST_LATENT_COUNT = 10**7


@dataclass(kw_only=True)
class IntegerReceiverOptions:
    """Word lengths of the integer receiver; by default those that the model was trained with, or 6, 8, 8."""

    llr_bits: int | None = None
    """Word length of the LLRs, 2 to 8 bits."""
    llr_step: float | None = None
    """Step of the LLRs; 16/2^llr_bits by default."""
    weight_bits: int | None = None
    """Word length of the posterior weights, 2 to 16 bits."""
    codebook_bits: int | None = None
    """Word length of the codebook, 2 to 16 bits."""


@dataclass(kw_only=True)
class ExportOptions:
    """Write what is deployed: a folder that runs with NumPy and ONNX Runtime, without PyTorch.

    Encoder and head become ONNX models, everything between them tables. Before the folder gets its name, its
    bits and classes are compared with the link's; the result stands in its manifest.
    """

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint, such as runs/demo/checkpoints/best_hard_model.pt."""
    out: Path = Path("bundle")
    """Folder of the bundle."""
    integer: IntegerReceiverOptions = field(default_factory=IntegerReceiverOptions)
    random_latents: int = 10_000
    """Random latents whose bits are compared."""
    images: int = 1_000
    """Test images that are sent at every SNR, at most all."""
    snr_db: tuple[str, ...] = ()
    """Es/N0 in dB at which classes are compared: numbers, or ranges from:to:step with the end included; by
    default 0, 8 and 14."""
    draws: int = 1
    """Transmissions of every image at every SNR."""
    dataset: str | None = None
    """Data set whose test images are sent; that of the training by default."""
    overwrite: bool = False
    """Replace a bundle that stands in the folder."""
    seed: int = 0
    """Root of the random streams of the comparison."""
    json: Path | None = None
    """Also write the manifest here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> None:
    """Serve `linksim export`."""
    options = parse(ExportOptions, arguments, "export")
    snr_db = list(dict.fromkeys(numbers("--snr-db", options.snr_db or ("0", "8", "14"))))
    checks.whole("--random-latents", options.random_latents, 1, LARGEST_LATENT_COUNT)
    checks.whole("--images", options.images, 2)
    checks.whole("--draws", options.draws, 1)
    checks.whole("--seed", options.seed, 0)
    check_target(options.out, options.overwrite)
    files.check_writable(options.out / "manifest.json", options.json)
    checkpoint, data = checkpoint_data.load(options.checkpoint, options.dataset)
    words = _words(checkpoint, options.integer)
    target = console(options.quiet)
    with progress_on(target) as progress:
        content = write_bundle(
            checkpoint.model,
            options.out,
            data.x_test,
            white=white_of(data.name),
            words=words,
            about=_about(options.checkpoint, checkpoint),
            verify=lambda folder: _verified(folder, checkpoint, data, snr_db, options, progress),
            overwrite=options.overwrite,
        )
    if options.json is not None:
        files.write_json(options.json, {"manifest": content})
    _show(content, target)
    for warning in content["verification"]["warnings"]:
        print(f"Warning: {warning}", file=sys.stderr)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    target.print(f"Written: {options.out} ({size / 1e6:.2f} MB); linksim run-bundle {options.out} runs it")


def _words(checkpoint: Checkpoint, options: IntegerReceiverOptions) -> WordLengths:
    own = own_words(checkpoint.model)
    chosen = {name: value for name, value in vars(options).items() if value is not None}
    if "llr_bits" in chosen:
        chosen.setdefault("llr_step", None)
    return WordLengths(**{**vars(own), **chosen})


def _about(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """What the manifest says of the training."""
    held = checkpoint.metadata
    names = ("data", "snr_db", "epoch", "options", "val")
    return {
        "checkpoint": path.name,
        "checkpoint_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **{name: held[name] for name in names if name in held},
    }


def _verified(
    folder: Path,
    checkpoint: Checkpoint,
    data: ImageData,
    snr_db: Sequence[float],
    options: ExportOptions,
    progress: Progress,
) -> Mapping[str, Any]:
    """Compare a bundle with the link.

    Raises:
        ValueError: if equal latents give other bits, or images other bits beyond rounding errors.
    """
    bundle, model = load(folder), checkpoint.model
    images, labels = data.x_test[: options.images], data.y_test[: options.images]
    frames = options.random_latents + len(images) * (1 + len(snr_db) * options.draws)
    task = progress.add_task("Compare", total=frames)

    def report(frames: int) -> None:
        progress.advance(task, frames)

    random = agreement.random_agreement(model, bundle, options.random_latents, options.seed, report)
    equal, encoded = agreement.image_agreement(model, bundle, images, report)
    rows = agreement.class_rows(model, bundle, images, labels, snr_db, options.draws, options.seed, report)
    wrong = random.different_frames + equal.different_frames + encoded.different_beyond
    if wrong:
        raise ValueError(
            f"the bundle does not do what the link does, so nothing was written: of equal latents "
            f"{random.different_frames + equal.different_frames} frames have other bits, and of images "
            f"{encoded.different_beyond} tokens go to other codewords beyond rounding errors"
        )
    found = agreement.warnings_of(rows, bundle.manifest.receiver)
    return {**agreement.as_dict(random, equal, encoded, rows), "warnings": found}


def _show(content: dict[str, Any], target: Console) -> None:
    verified = content["verification"]
    random, equal, images = (verified[name] for name in ("random_latents", "latents_of_images", "images"))
    target.print(
        f"Equal latents give equal bits: {random['frames']} random frames and {equal['frames']} of images, "
        f"{random['different_frames'] + equal['different_frames']} differ"
    )
    target.print(
        f"From images: of {images['tokens']} tokens {images['close']} have two codewords within "
        f"{images['least_margin']:g}; {images['different']} differ, {images['different_beyond']} of the rest"
    )
    columns = (
        "Es/N0 (dB)",
        "receiver",
        "sent",
        "link (%)",
        "bundle (%)",
        "other class",
        "difference (points)",
    )
    cells = [
        (
            f"{row['snr_db']:g}",
            row["receiver"],
            str(row["images"] * row["draws"]),
            f"{100 * row['correct_link'] / row['images'] / row['draws']:.1f}",
            f"{100 * row['accuracy']:.1f}",
            str(row["different_class"]),
            f"{100 * row['difference']:+.2f} ({100 * row['low']:+.2f} … {100 * row['high']:+.2f})",
        )
        for row in verified["over_the_air"]
    ]
    target.print(table_of("Classes of the bundle and of the link, same received symbols", columns, cells))
