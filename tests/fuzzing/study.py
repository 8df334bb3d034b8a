"""Mutated bundles and checkpoints, used as a user would; a study, not a test.

    PYTHONPATH=tests python -m fuzzing.study --cases 1000 --seed 0

Manifests, tables, ONNX models and checkpoints of small models are mutated, --cases of each. Bundles are
loaded, encode an image, decode a frame and run their test vectors, some through `linksim run-bundle`;
checkpoints are loaded and send an image. Each must be refused in one clear line, or work. Cases run in other
processes, whose memory and time are limited, and leave no file behind. A case that fails is run again by

    PYTHONPATH=tests python -m fuzzing.study --groups GROUP --seed SEED --cases 1

The exit code is 1 if any case fails.
"""

import argparse
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fuzzing.worker import GROUPS, Outcome

TESTS = Path(__file__).parents[1]
MOST_BYTES = 2**30
MOST_SECONDS = 20.0
START_SECONDS = 120.0
BATCH = 100
"""Cases of one process."""

RESULTS = ("refused", "same", "valid", "failed")


def cases(group: str, first: int, last: int, templates: Path, work: Path) -> Iterator[Outcome]:
    """Run cases in processes of their own; one that ends a process, or never ends, fails."""
    while first < last:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            end = min(last, first + BATCH)
            for outcome in _batch(group, first, end, templates, Path(folder)):
                yield outcome
                first = outcome.seed + 1


def _batch(group: str, first: int, last: int, templates: Path, work: Path) -> Iterator[Outcome]:
    words = ["-m", "fuzzing.worker", group, str(first), str(last), str(templates), str(work)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(work),
    }
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    seed, began = first, None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                limit = START_SECONDS if began is None else MOST_SECONDS
                line = process.stdout.readline() if selector.select(limit) else None
                if line:
                    answer = json.loads(line)
                    if "begins" in answer:
                        seed, began = answer["begins"], time.perf_counter()
                        continue
                    yield _judged(Outcome(**answer))
                    if answer["seed"] + 1 == last:
                        return
                    seed, began = answer["seed"] + 1, None
                    continue
                what = "took too long" if line is None else _last_words(process)
                yield Outcome(group, seed, "", "failed", what, limit if line is None else 0.0, 0)
                return
    finally:
        process.kill()
        process.communicate()


def _last_words(process: subprocess.Popen) -> str:
    code = process.wait()
    assert process.stderr is not None
    lines = process.stderr.read().decode(errors="replace").splitlines()
    return f"the process ended with {code}: {lines[-1] if lines else 'no word'}"


def _judged(outcome: Outcome) -> Outcome:
    """An outcome whose memory or time is too large has failed."""
    if outcome.peak > MOST_BYTES:
        outcome.result, outcome.said = "failed", f"{outcome.peak / 2**20:.0f} MiB of memory"
    elif outcome.seconds > MOST_SECONDS:
        outcome.result, outcome.said = "failed", f"{outcome.seconds:.1f} s"
    return outcome


def report(group: str, outcomes: list[Outcome]) -> None:
    """Print the figures of a group."""
    counts = Counter(outcome.result for outcome in outcomes)
    largest = max(outcomes, key=lambda outcome: outcome.peak)
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    columns = "  ".join(f"{counts[result]:>7}" for result in RESULTS)
    print(
        f"{group:<10}  {len(outcomes):>5}  {columns}  {largest.peak / 2**20:8.0f}  {slowest.seconds:9.2f}"
        f"  (seeds {largest.seed}, {slowest.seed})",
        flush=True,
    )
    for outcome in outcomes:
        if outcome.result == "failed":
            again = f"--groups {group} --seed {outcome.seed} --cases 1"
            print(f"    FAILED {again}: {outcome.done}: {outcome.said}", flush=True)


def main() -> int:
    """Print a row of figures for each group; returns 1 if any case fails."""
    parser = argparse.ArgumentParser(description="mutated bundles and checkpoints, used as a user would")
    parser.add_argument("--cases", type=int, default=1000, help="of each group")
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--verbose", action="store_true", help="print every case")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder) / "templates"
        templates.mkdir()
        from fuzzing.templates import make_templates

        make_templates(templates)
        columns = "  ".join(f"{result:>7}" for result in RESULTS)
        print(f"{'group':<10}  cases  {columns}  peak MiB  slowest s", flush=True)
        for group in options.groups:
            outcomes = []
            for outcome in cases(group, options.seed, options.seed + options.cases, templates, Path(folder)):
                outcomes.append(outcome)
                if options.verbose:
                    print(f"{outcome.seed} {outcome.done}: {outcome.result} {outcome.said}", flush=True)
                elif sys.stderr.isatty():
                    print(f"\r{group} {len(outcomes)}/{options.cases}", end="\r", file=sys.stderr, flush=True)
            report(group, outcomes)
            failed = failed or any(outcome.result == "failed" for outcome in outcomes)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
