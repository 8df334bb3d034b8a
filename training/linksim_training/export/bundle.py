"""Writing a deployment bundle: networks, tables, manifest, test vectors."""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from linksim import checks, files, provenance
from linksim.config import WORD_LENGTHS
from linksim.deploy import load, self_test
from linksim.deploy import manifest as manifests
from linksim.evaluation import evaluating
from linksim.stages.decide_integer import IntegerArithmetic
from linksim.stages.llr_quantizer import LlrQuantizer
from linksim.stages.quantize import Quantize
from linksim_training.export.networks import onnx_of
from linksim_training.export.tables import tables_of
from linksim_training.export.vectors import vectors_of
from linksim_training.model import SemanticModel

EXAMPLES = 4
"""Images that test vectors are made of."""


@dataclass(frozen=True, kw_only=True)
class WordLengths:
    """Word lengths of the integer receiver.

    Attributes:
        llr_bits: of the LLRs, 2 to 8.
        llr_step: their step; 16/2^llr_bits if None.
        weight_bits: of the posterior weights, 2 to 16.
        codebook_bits: of the codebook, 2 to 16.
    """

    llr_bits: int = 6
    llr_step: float | None = None
    weight_bits: int = 8
    codebook_bits: int = 8

    def __post_init__(self) -> None:
        for name in ("llr_bits", "weight_bits", "codebook_bits"):
            checks.whole(name, getattr(self, name), *WORD_LENGTHS[name])
        if self.llr_step is not None:
            checks.real("llr_step", self.llr_step, above=0, most=1e6)


def write_bundle(
    model: SemanticModel,
    out: str | Path,
    images: Tensor,
    *,
    white: int = 255,
    words: WordLengths | None = None,
    about: Mapping[str, Any] | None = None,
    verify: Callable[[Path], Mapping[str, Any]] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write what `linksim.deploy.load` runs: the model's hard path, without PyTorch.

    Args:
        model: on the CPU, in float32.
        out: folder of the bundle.
        images: [T, c, h, w] in [0, 1], at least two; the first four become test vectors.
        white: value of the brightest pixel of images of whole numbers.
        words: word lengths of the integer receiver; the model's own, or the defaults, if None.
        about: what else the manifest says of the model; plain numbers, texts, lists and dictionaries.
        verify: called with the finished folder before it gets its name; what it returns goes into the
            manifest as "verification", and if it raises, nothing is written.
        overwrite: replace a bundle that stands there.

    Returns:
        the content of the manifest.

    Raises:
        FileExistsError: if something stands there that is not to be replaced, or is no bundle.
        TypeError: if the model is none, or not in float32 on the CPU.
        ValueError: if a part of the link is one's own, a network cannot be exported, or the link exceeds the
            limits of bundles.
    """
    place = Path(out)
    check_target(place, overwrite)
    _check_model(model)
    if images.dim() != 4 or len(images) < 2:
        raise ValueError(
            f"images must have shape [T, c, h, w] with T of at least 2, got {list(images.shape)}"
        )
    checks.whole("white", white, 1, 65535)
    words = own_words(model) if words is None else words
    integer = IntegerArithmetic(
        LlrQuantizer(words.llr_bits, words.llr_step), words.weight_bits, words.codebook_bits
    )
    with evaluating(model):
        arrays = {f"tables/{name}.npy": table for name, table in tables_of(model.link, integer).items()}
        vectors = vectors_of(model, images[:EXAMPLES].float())
        features = vectors.pop("features").shape[1]
        arrays |= {f"test/{name}.npy": vector for name, vector in vectors.items()}
        networks = _networks(model, vectors)
    content: dict[str, Any] = {
        "format": manifests.FORMAT,
        "versions": provenance.versions((*provenance.PACKAGES, "onnx", "onnxscript")),
        "conventions": provenance.CONVENTIONS,
        "model": {
            "image_shape": list(images.shape[1:]),
            "white": white,
            "classes": vectors["logits"].shape[1],
            "features": features,
        },
        "link": model.link.config.as_dict(),
        "frame": _frame(model),
        "receiver": model.link.config.arithmetic,
        "integer_receiver": {
            "llr_bits": words.llr_bits,
            "llr_step": integer.llr.step,
            "weight_bits": words.weight_bits,
            "codebook_bits": words.codebook_bits,
            "codebook_step": float(integer.codebook_step(model.link.codebook)),
        },
        "about": dict(about or {}),
        "files": {},
    }
    manifests.parse(content)  # what `linksim.deploy` would refuse is not written
    with files.whole_folder(place, replace=overwrite) as folder:
        for name, network in networks.items():
            content["files"][name] = _write(folder / name, network)
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
            entry = _write(folder / name, buffer.getvalue())
            content["files"][name] = {**entry, "dtype": array.dtype.str, "shape": list(array.shape)}
        files.write_json(folder / manifests.NAME, content)
        _check_written(folder)
        if verify is not None:
            content["verification"] = dict(verify(folder))
            files.write_json(folder / manifests.NAME, content)
    return content


def _check_written(folder: Path) -> None:
    """Load a bundle and run its test vectors.

    Raises:
        ValueError: if it cannot be loaded, or does something else than the link.
    """
    try:
        tested = self_test(load(folder))
    except ValueError as error:
        raise ValueError(f"this model makes no bundle that linksim runs: {checks.one_line(error)}") from error
    if not tested.passed:
        figures = ", ".join(f"{name} {value}" for name, value in vars(tested).items())
        raise ValueError(
            "the bundle does not do what the link does on its test vectors, so nothing was written: "
            + figures
        )


def check_target(out: Path, overwrite: bool) -> None:
    """Refuse to write where something else stands.

    Raises:
        FileExistsError: if something is there, and it is not a bundle to be overwritten.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / manifests.NAME).is_file():
        raise FileExistsError(f"{out} exists and is no bundle, so it stays: give another --out")
    if not overwrite:
        raise FileExistsError(f"{out} already holds a bundle: give another --out, or add --overwrite")


def own_words(model: SemanticModel) -> WordLengths:
    """The word lengths that a model's link is set to, and defaults for those that it leaves open."""
    config = model.link.config
    if config.llr_bits is None:
        return WordLengths(weight_bits=config.weight_bits, codebook_bits=config.codebook_bits)
    return WordLengths(
        llr_bits=config.llr_bits,
        llr_step=config.llr_step,
        weight_bits=config.weight_bits,
        codebook_bits=config.codebook_bits,
    )


def _check_model(model: SemanticModel) -> None:
    if not isinstance(model, SemanticModel):
        raise TypeError(f"model must be a SemanticModel with a single mode, got {type(model).__name__}")
    link = model.link
    if type(link.quantize) is not Quantize:
        raise ValueError(
            f"a quantizer of one's own ({type(link.quantize).__name__}) cannot be exported: bundles find the "
            "nearest codeword of layer-normalised latents"
        )
    if (link.codebook.dtype, link.codebook.device.type) != (torch.float32, "cpu"):
        raise TypeError(
            f"model must be in float32 on the CPU, got {link.codebook.dtype} on {link.codebook.device}: "
            "call model.float().cpu()"
        )


def _networks(model: SemanticModel, vectors: dict[str, np.ndarray]) -> dict[str, bytes]:
    parts = {
        "encoder": (model.encoder, "images", ["latents"]),
        "head": (model.head, "embedding", ["logits", "features"]),
    }
    written = {}
    for name, (network, inputs, outputs) in parts.items():
        if not isinstance(network, nn.Module):
            raise TypeError(f"{name} must be an nn.Module to be exported, got {type(network).__name__}")
        example = torch.from_numpy(vectors[inputs])
        written[f"{name}.onnx"] = onnx_of(network, example, inputs, outputs)
    return written


def _frame(model: SemanticModel) -> dict[str, int]:
    layout = model.link.layout
    names = ("bits_per_token", "information_bits", "message_bits", "coded_bits", "pad_bits", "symbols")
    return {name: getattr(layout, name) for name in names}


def _write(path: Path, content: bytes) -> dict[str, Any]:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
