"""`linksim run-bundle`: a deployment bundle on files of images and recordings of symbols."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from linksim import checks, files
from linksim.arguments import parse
from linksim.config import ARITHMETICS, LinkConfig
from linksim.console import console, table_of
from linksim.deploy import recordings
from linksim.deploy.bundle import Bundle, load
from linksim.deploy.vectors import self_test

SHOWN = 20
WARM_UP, TIMED = 20, 200
"""Runs of a single frame before times are taken, and those that are timed."""


@dataclass(kw_only=True)
class RunBundleOptions:
    """Run a deployment bundle; PyTorch is not needed.

    With --images, they are encoded, and bits and symbols written to --out. With --symbols, a recording is
    decoded, and the class of each frame printed. With neither, the bundle runs its own test vectors, and
    encoding and decoding of one frame are timed.
    """

    bundle: tyro.conf.Positional[Path]
    """Folder that linksim export wrote."""
    images: Path | None = None
    """Images to encode: .npy, .npz (images or x_test), or a picture."""
    symbols: Path | None = None
    """Recording to decode, frame after frame: .npz with received and perhaps noise_variance and gain; or
    .npy of complex numbers, or raw complex64 (.cf32, .cfile, .fc32, .iq), for a gain of one."""
    noise_variance: float | None = None
    """Total variance of the complex noise in the recording, over which channel bsc has 4/ln((1 − p)/p); that
    of the file by default."""
    snr_db: float | None = None
    """The same as Es/N0 in dB, where noise is all that the channel adds."""
    receiver: Literal["float", "integer"] | None = None
    """Arithmetic of the receiver; that of the training by default."""
    out: Path | None = None
    """Where encoded images go, sent.npz by default: .npz with bits and symbols, or the symbols alone as .npy
    or raw complex64."""
    json: Path | None = None
    """Also write the result here."""
    quiet: bool = False
    """Print nothing."""


def main(arguments: Sequence[str]) -> int:
    """Serve `linksim run-bundle`; returns 1 if the test vectors do not come out again."""
    options = parse(RunBundleOptions, arguments, "run-bundle")
    _check(options)
    out = options.out or Path("sent.npz")
    if options.images is not None:
        recordings.check_target(out)
        files.check_writable(out)
    files.check_writable(options.json)
    bundle = load(options.bundle)
    if options.images is not None:
        result, passed = _encode(bundle, options.images, out, options.quiet), True
    elif options.symbols is not None:
        result, passed = _decode(bundle, options), True
    else:
        result, passed = _test(bundle, options)
    if options.json is not None:
        files.write_json(options.json, result)
    return 0 if passed else 1


def _check(options: RunBundleOptions) -> None:
    """Refuse options that do not go together."""
    if options.images is not None and options.symbols is not None:
        raise ValueError("--images are sent and --symbols received: give one of them")
    if options.images is None and options.out is not None:
        raise ValueError("--out is where encoded --images go: give both, or --json for a result")
    for name in ("noise_variance", "snr_db", "receiver"):
        if options.symbols is None and getattr(options, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is about received --symbols: give both")
    if options.noise_variance is not None and options.snr_db is not None:
        raise ValueError("--noise-variance and --snr-db say the same: give one of them")


def _encode(bundle: Bundle, images: Path, out: Path, quiet: bool) -> dict[str, Any]:
    sent = bundle.encode(recordings.read_images(images, bundle.manifest.image_shape[0]))
    bits, symbols = np.atleast_2d(sent.bits), np.atleast_2d(sent.symbols)
    recordings.write_sent(out, bits, symbols)
    console(quiet).print(
        f"{len(bits)} frames of {bits.shape[1]} bits and {symbols.shape[1]} symbols. Written: {out}"
    )
    return {"frames": len(bits), "bits": bits.shape[1], "symbols": symbols.shape[1], "out": str(out)}


def _decode(bundle: Bundle, options: RunBundleOptions) -> dict[str, Any]:
    assert options.symbols is not None
    recording = recordings.read_symbols(options.symbols, bundle.manifest.link.layout.symbols)
    variance = _variance(options, recording, bundle.manifest.link)
    gain = 1.0 if recording.gain is None else recording.gain
    reception = bundle.receive(recording.received, variance, gain, receiver=options.receiver)
    logits, _ = bundle.classify(reception.embedding)
    probabilities = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    rows = [
        {
            "frame": frame,
            "class": int(row.argmax()),
            "probability": float(row.max()),
            "crc_ok": None if reception.crc_ok is None else bool(reception.crc_ok[frame]),
        }
        for frame, row in enumerate(probabilities)
    ]
    target = console(options.quiet)
    columns, names = ["frame", "class", "probability"], {True: "passed", False: "failed"}
    cells = [[str(row["frame"]), str(row["class"]), f"{row['probability']:.3f}"] for row in rows[:SHOWN]]
    if reception.crc_ok is not None:
        columns.append("CRC")
        cells = [[*cell, names[row["crc_ok"]]] for cell, row in zip(cells, rows, strict=False)]
    target.print(table_of(f"Classes of {len(rows)} frames", columns, cells))
    if len(rows) > SHOWN:
        target.print(f"… and {len(rows) - SHOWN} more; --json FILE writes all of them")
    return {"receiver": options.receiver or bundle.manifest.receiver, "rows": rows}


def _variance(options: RunBundleOptions, recording: recordings.Recording, link: LinkConfig) -> Any:
    """The noise variance of a recording, from wherever it is given."""
    if options.noise_variance is not None:
        return checks.real("--noise-variance", options.noise_variance, least=0)
    if options.snr_db is not None:
        if link.channel == "bsc" or link.csi_error:
            raise ValueError(
                "--snr-db says too little of channel 'bsc' and of gains known badly: give --noise-variance"
            )
        return 10 ** (-checks.real("--snr-db", options.snr_db, least=-200, most=200) / 10)
    if recording.noise_variance is None:
        raise ValueError(f"{options.symbols} does not say how noisy it is: give --noise-variance or --snr-db")
    return recording.noise_variance


def _test(bundle: Bundle, options: RunBundleOptions) -> tuple[dict[str, Any], bool]:
    test, target = self_test(bundle), console(options.quiet)
    link, made = bundle.manifest.link, bundle.manifest.content.get("versions")
    target.print(
        f"{options.bundle}: images {list(bundle.manifest.image_shape)}, {bundle.manifest.classes} classes, "
        f"{link.tokens} tokens of {link.layout.bits_per_token} bits in {link.layout.symbols} symbols; "
        f"written with {checks.one_line(str(made), 200)}"
    )
    target.print(
        f"{test.frames} test vectors: bits {_equal(test.bits_equal)}, symbols {_equal(test.symbols_equal)}, "
        f"classes {_equal(test.labels_equal)}; errors of latents {test.latent_error:.1g}, "
        f"LLRs {test.llr_error:.1g}, embeddings {test.embedding_error:.1g}, logits {test.logit_error:.1g}; "
        f"{test.other_indices} of {test.tokens} tokens of images differ"
    )
    times = _times(bundle)
    target.print(
        f"One frame on one thread, median of {TIMED}: encode {1e3 * times['encode']:.2f} ms, decode "
        f"{1e3 * times['float']:.2f} ms (float) or {1e3 * times['integer']:.2f} ms (integer)"
    )
    target.print("Passed." if test.passed else "FAILED: this machine does not do what the link does.")
    return {**asdict(test), "passed": test.passed, "seconds": times}, test.passed


def _times(bundle: Bundle) -> dict[str, float]:
    """Median seconds of encoding one image, and of decoding one frame with either receiver."""
    image = np.zeros(bundle.manifest.image_shape, np.float32)
    symbols = bundle.encode(image).symbols
    times = {"encode": _median(lambda: bundle.encode(image))}
    for kind in ARITHMETICS:
        times[kind] = _median(partial(bundle.decode, symbols, 0.1, receiver=kind))
    return times


def _median(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(WARM_UP + TIMED):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[WARM_UP:]))


def _equal(same: bool) -> str:
    return "equal" if same else "DIFFERENT"
