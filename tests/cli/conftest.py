"""One small run from training to benchmarks, shared by the tests of the command line."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from linksim.cli import main

torch.set_num_threads(1)

TRAIN = [
    *("train", "--dataset", "digits", "--epochs", "3", "--alignment-start-epoch", "3", "--batch-size", "32"),
    *("--tokens", "8", "--codebook-size", "16", "--embedding-dim", "8", "--snr-db", "12", "--device", "cpu"),
    *("--lambda-vec", "0", "--lambda-vq", "0", "--lambda-marginal", "0.3", "--seed", "7"),
]


def process(*words, **environment):
    """Run `linksim` as a process of its own."""
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-m", "linksim.cli", *map(str, words)],
        env={**settings, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="session")
def in_a_process():
    return process


@pytest.fixture(scope="session")
def train_words():
    return TRAIN


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Folders of a run and of what was made of its checkpoint, with exit codes."""
    root = tmp_path_factory.mktemp("finished")
    run, out = root / "run", root / "out"
    checkpoint = run / "checkpoints" / "best_hard_model.pt"
    commands = {
        "train": [*TRAIN, "--run-dir", run, "--json", root / "train.json", "--quiet"],
        "audit": [
            "audit",
            checkpoint,
            "--snr-db",
            "0",
            "8:12:2",
            "--out",
            out,
            "--json",
            root / "audit.json",
        ],
        "accuracy": ["accuracy", checkpoint, "--snr-db", "-4:12:8", "--draws", "2", "--out", out],
        "ber": [
            "ber",
            "--bits-per-symbol",
            "2",
            "4",
            "--ebno-db",
            "0:6:3",
            "--max-bits",
            "2e4",
            "--out",
            out,
        ],
    }
    codes = {name: main([str(word) for word in words]) for name, words in commands.items()}
    return SimpleNamespace(root=root, run=run, out=out, checkpoint=checkpoint, codes=codes)


@pytest.fixture
def refused(capsys):
    """Runs a command that must refuse: exit code 2, one line that starts with its name; returns the line."""

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        errors = capsys.readouterr().err
        assert code == 2
        assert errors.count("\n") == 1, errors
        assert errors.startswith("linksim")
        assert "Traceback" not in errors
        return errors

    return run


@pytest.fixture
def tree():
    """Takes stock of a folder: every file with its content."""

    def stock(folder):
        return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}

    return stock
