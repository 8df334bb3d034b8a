"""One mutated checkpoint: loaded, and run on one image."""

import random
import shutil
from pathlib import Path

import torch
from fuzzing.checkpoints import mutate_checkpoint
from fuzzing.judgement import Broken, said_in_one_line

from linksim_training.build import AnyModel
from linksim_training.checkpoints import load_any_checkpoint

torch.set_num_threads(1)


def prepare_checkpoint(seed: int, templates: Path, folder: Path) -> tuple[Path, Path, str]:
    """A mutated copy: its path, the original, and what was done."""
    rng = random.Random(f"checkpoint {seed}")
    template = templates / rng.choice(["single.pt", "routed.pt"])
    place = folder / "checkpoint.pt"
    shutil.copyfile(template, place)
    return place, template, f"{template.stem}: {mutate_checkpoint(rng, place, folder / 'owned')}"


def run_checkpoint(place: Path, original: Path) -> tuple[str, str]:
    """Load a checkpoint and send an image: "refused", "same" or "valid", and what was said.

    Raises:
        Broken: if the checkpoint does anything else.
    """
    try:
        model, metadata = load_any_checkpoint(place)
    except (ValueError, TypeError, OSError) as error:
        return "refused", said_in_one_line(error)
    if not isinstance(metadata, dict):
        raise Broken(f"metadata are {type(metadata).__name__}")
    found = _logits(model)
    classes = model.spec["classes"] if model.spec else 0
    if found.shape != (1, classes) or not bool(torch.isfinite(found).all()):
        raise Broken(f"logits have shape {list(found.shape)}, wanted [1, {classes}], or are not finite")
    wanted = _logits(load_any_checkpoint(original)[0])
    return ("same" if found.shape == wanted.shape and bool((found == wanted).all()) else "valid"), ""


@torch.no_grad()
def _logits(model: AnyModel) -> torch.Tensor:
    assert model.spec is not None
    shape = model.spec["image_shape"]
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))
    draw = model.link.draw(1, 10.0, torch.Generator().manual_seed(0))
    return model(image, draw).logits
