"""One mutated bundle: what a user would do with it. Nothing here imports PyTorch."""

import contextlib
import io
import random
import shutil
import sys
from pathlib import Path

import numpy as np
from fuzzing.judgement import Broken, said_in_one_line
from fuzzing.manifests import mutate_manifest
from fuzzing.networks import mutate_network
from fuzzing.tables import mutate_table

from linksim.cli import main
from linksim.deploy import Bundle, load, self_test

MUTATIONS = {"manifest": mutate_manifest, "table": mutate_table, "network": mutate_network}
COMMAND_EVERY = 4
SIDE = 8


def received(symbols: np.ndarray) -> np.ndarray:
    """Symbols behind light noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, *symbols.shape)) * 0.1
    return (symbols + noise[0] + 1j * noise[1]).astype(np.complex64)


def prepare_bundle(kind: str, seed: int, templates: Path, folder: Path) -> tuple[Path, Path, str]:
    """A mutated copy: its path, what the original makes of an image, and what was done."""
    rng = random.Random(f"{kind} {seed}")
    template = rng.choice(["plain", "coded"])
    place = folder / "bundle"
    shutil.copytree(templates / template, place)
    done = MUTATIONS[kind](rng, place)
    return place, templates / f"{template}.npz", f"{template}: {done}"


def run_bundle(place: Path, expected: Path, seed: int) -> tuple[str, str]:
    """Load, encode, decode and test a bundle: "refused", "same" or "valid", and what was said.

    Raises:
        Broken: if the bundle does anything else.
    """
    if seed % COMMAND_EVERY == 0:
        _run_command(place)
    try:
        bundle = load(place)
        with np.load(expected) as arrays:
            same = _compare(bundle, dict(arrays))
        self_test(bundle)
    except (ValueError, TypeError, OSError) as error:
        return "refused", said_in_one_line(error)
    return ("same" if same else "valid"), ""


def _compare(bundle: Bundle, original: dict[str, np.ndarray]) -> bool:
    """Whether a bundle does what the original does; otherwise its results must have the right form."""
    link, shape = bundle.manifest.link, bundle.manifest.image_shape
    rng = np.random.default_rng(1)
    image = original["image"] if shape == original["image"].shape else rng.random(shape, dtype=np.float32)
    sent = bundle.encode(image)
    decoded = bundle.decode(received(sent.symbols), 0.1)
    layout = link.layout
    wanted = (
        (layout.symbols * link.bits_per_symbol,),
        (layout.symbols,),
        (),
        (link.tokens, link.embedding_dim),
    )
    found = {
        "bits": sent.bits,
        "symbols": sent.symbols,
        "label": decoded.label,
        "embedding": decoded.embedding,
    }
    for (name, array), form in zip(found.items(), wanted, strict=True):
        if np.shape(array) != form or not np.isfinite(array).all():
            raise Broken(f"{name} has shape {np.shape(array)}, wanted {form}, or is not finite")
    if not set(np.unique(sent.bits)) <= {0, 1} or not 0 <= decoded.label < bundle.manifest.classes:
        raise Broken("bits are no bits, or the label is no class")
    return all(np.array_equal(found[name], original[name]) for name in found)


def _run_command(place: Path) -> None:
    """`linksim run-bundle`, as a user has it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["run-bundle", str(place)])
    lines = err.getvalue().splitlines()
    if code not in (0, 1, 2) or len(lines) != (1 if code == 2 else 0):
        raise Broken(f"the command ended with {code} and {len(lines)} lines of errors: {lines[:3]}")
    if not all(line.isprintable() for line in lines):
        raise Broken(f"the command said what moves a cursor: {lines[0]!r}")


def check_light() -> None:
    """Raises: Broken, if PyTorch was imported."""
    if "torch" in sys.modules:
        raise Broken("running a bundle imported torch")
