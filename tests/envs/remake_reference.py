"""Train the reference of `linksim/SemanticRate-v0` again, and compare it with the one that comes along.

    python tests/envs/remake_reference.py [--write]

Takes one to three minutes on a CPU, so it is no test of the suite. Prints whether the weights are the same to
the last bit, which they need not be with other versions or on another processor, and the largest differences
of the metrics; fails if these exceed what a remake may differ by. With --write, the remake takes the place of
the reference.
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from linksim_envs.reference import CHECKPOINT, METRICS
from linksim_envs.reference_metrics import measure

COMMAND = (
    "linksim train --dataset digits --modes 64:2 64:4 64:6 --tokens 8 --embedding-dim 8 --snr-db-range 0 20 "
    "--lambda-sym 0.02 --lambda-lb 0.2 --preset recommended --epochs 30 --seed 0 --device cpu "
    "--skip-noiseless --run-dir runs/semantic-rate"
)
"""The checkpoint is then checkpoints/best_hard_model.pt of the run folder."""

LARGEST = {"accuracy": 0.03, "modes": 0.05, "usage": 0.5, "symbols": 6.0}
"""Differences at one SNR; usage and symbols change fast where the router goes from one mode to another."""


def trained(folder: Path) -> Path:
    """The checkpoint of the command, run in a folder of its own."""
    command = [sys.executable, "-m", "linksim.cli", *shlex.split(COMMAND)[1:]]
    subprocess.run([*command, "--quiet"], cwd=folder, check=True)
    return folder / "runs" / "semantic-rate" / "checkpoints" / "best_hard_model.pt"


def same_weights(first: Path, second: Path) -> bool:
    mine, theirs = (torch.load(one, weights_only=True)["model_state_dict"] for one in (first, second))
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def differences(rows: list, others: list) -> dict[str, float]:
    """The largest difference of each figure."""
    return {
        name: max(
            float((torch.tensor(row[name]) - torch.tensor(other[name])).abs().max())
            for row, other in zip(rows, others, strict=True)
        )
        for name in LARGEST
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="replace the reference")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as folder:
        remade = trained(Path(folder))
        rows = measure(remade)
        if write:
            shutil.copyfile(remade, CHECKPOINT)
            METRICS.write_text(json.dumps({"command": COMMAND, "rows": rows}, indent=1) + "\n")
            print(f"written: {CHECKPOINT} and {METRICS}")
            return 0
        print(f"weights the same to the last bit: {same_weights(remade, CHECKPOINT)}")
        found = differences(rows, json.loads(METRICS.read_text())["rows"])
        print("largest differences:", ", ".join(f"{name} {one:.4f}" for name, one in found.items()))
        within = all(found[name] <= LARGEST[name] for name in LARGEST)
        print("the same metrics" if within else f"differs by more than {LARGEST}")
        return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
