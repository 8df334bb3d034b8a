"""Runs cases, one after the other, and tells the outcome of each as a line of JSON.

    python -m fuzzing.worker GROUP FIRST LAST TEMPLATES WORK

Checkpoints are mutated with PyTorch, so every file is made before its run and the memory counted from there.
"""

import gc
import json
import os
import shutil
import sys
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from fuzzing.judgement import Broken
from fuzzing.watch import difference, peak_bytes, reset_peak, snapshot

GROUPS = ("manifest", "table", "network", "checkpoint")


@dataclass
class Outcome:
    """Of one case.

    Attributes:
        group, seed: which case.
        done: the mutation.
        result: "refused", "same", "valid" or "failed".
        said: the refusal, or what went wrong.
        seconds: that the run took.
        peak: bytes, the largest resident memory of the process meanwhile.
    """

    group: str
    seed: int
    done: str
    result: str
    said: str
    seconds: float
    peak: int


def run_case(group: str, seed: int, templates: Path, work: Path) -> Outcome:
    """Make a mutated file, use it as a user would, and look at what it left behind.

    Args:
        group: one of `GROUPS`.
        seed: of the mutation.
        templates: what `make_templates` wrote.
        work: an empty folder, the only place where the case may write.
    """
    folder = work / "case"
    folder.mkdir()
    os.chdir(folder)
    if group == "checkpoint":
        from fuzzing.checkpoint_case import prepare_checkpoint, run_checkpoint

        place, original, done = prepare_checkpoint(seed, templates, folder)
    else:
        from fuzzing.bundle_case import check_light, prepare_bundle, run_bundle

        place, original, done = prepare_bundle(group, seed, templates, folder)
    before = snapshot(work, templates)
    gc.collect()
    reset_peak()
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning is another line than the one that is allowed
            if group == "checkpoint":
                result, said = run_checkpoint(place, original)
            else:
                result, said = run_bundle(place, original, seed)
                check_light()
        left = difference(before, snapshot(work, templates))
        if left:
            raise Broken(f"files were made or changed: {left[:5]}")
    except Exception as error:  # whatever comes through is what the study looks for
        place_of = traceback.extract_tb(error.__traceback__)[-1]
        result, said = (
            "failed",
            f"{type(error).__name__} at {place_of.filename}:{place_of.lineno}: {error!s:.300}",
        )
    outcome = Outcome(group, seed, done, result, said, time.perf_counter() - start, peak_bytes())
    os.chdir("/")
    shutil.rmtree(folder)
    return outcome


def main() -> None:
    """Run the cases from FIRST up to LAST of a group; a first line tells that all is loaded."""
    group, first, last, templates, work = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    home = Path(work) / "home"
    home.mkdir()
    os.environ["HOME"] = str(home)
    if group == "checkpoint":
        import fuzzing.checkpoint_case
    else:
        import fuzzing.bundle_case  # noqa: F401
    for seed in range(int(first), int(last)):
        print(json.dumps({"begins": seed}), file=answers)
        outcome = run_case(group, seed, Path(templates), Path(work))
        print(json.dumps(asdict(outcome)), file=answers)


if __name__ == "__main__":
    main()
