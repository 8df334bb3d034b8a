"""The real files that are mutated: two bundles and two checkpoints, of untrained models."""

from pathlib import Path

import numpy as np
import torch

from linksim import LinkConfig
from linksim.deploy import load
from linksim_training.build import build_model, build_routed_model
from linksim_training.checkpoints import save_checkpoint
from linksim_training.export.bundle import write_bundle

SHAPE, CLASSES = (1, 8, 8), 4
LINKS = {
    "plain": LinkConfig(tokens=4, codebook_size=16, embedding_dim=4),
    "coded": LinkConfig(tokens=8, codebook_size=16, embedding_dim=4, crc="CRC11", code="ldpc", llr_bits=6),
}
METADATA = {
    "data": "digits",
    "snr_db": 8.0,
    "epoch": 3,
    "options": {"seed": 1, "stages": ["vq"]},
    "usage": [0.25],
}


def make_templates(folder: Path) -> None:
    """Write bundles plain and coded, what they make of an image, and checkpoints single.pt and routed.pt."""
    images = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(0))
    for name, link in LINKS.items():
        model = build_model(SHAPE, CLASSES, link).eval()
        write_bundle(model, folder / name, images, about=METADATA)
        np.savez(folder / f"{name}.npz", **outputs(load(folder / name), images[0].numpy()))
    save_checkpoint(folder / "single.pt", build_model(SHAPE, CLASSES, LINKS["plain"]), METADATA)
    routed = build_routed_model(SHAPE, CLASSES, [(16, 2), (32, 4)], LINKS["plain"])
    save_checkpoint(folder / "routed.pt", routed, METADATA)


def outputs(bundle, image: np.ndarray) -> dict[str, np.ndarray]:
    """What a bundle makes of an image, and of the symbols of that image through light noise."""
    from fuzzing.bundle_case import received

    sent = bundle.encode(image)
    decoded = bundle.decode(received(sent.symbols), 0.1)
    return {
        "image": image,
        "bits": sent.bits,
        "symbols": sent.symbols,
        "label": decoded.label,
        "embedding": decoded.embedding,
    }
