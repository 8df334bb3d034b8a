"""Folders that cannot be written to, and disks that are full: one line, and whole files only."""

import json
import shutil

import pytest
from helpers.processes import run

from linksim_training import load_checkpoint
from linksim_training.state import load_state

WORDS = [
    *("train", "--dataset", "digits", "--epochs", "3", "--alignment-start-epoch", "3", "--batch-size", "400"),
    *("--tokens", "2", "--codebook-size", "8", "--embedding-dim", "4", "--device", "cpu"),
    *("--skip-noiseless", "--quiet"),
]
FULL = {
    "config.json": 1_000,
    "tensorboard": 3_500,
    "last_model.pt": 20_000,
    "training_state.pt": None,
}
"""Bytes at which a disk is full, by what does not fit any more."""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Folder of a run that has room."""
    folder = tmp_path_factory.mktemp("room")
    result = run([*WORDS, "--run-dir", folder / "run"], folder / "log")
    assert result.code == 0, result.err
    return folder / "run"


@pytest.fixture(scope="module")
def sizes(room):
    """Sizes of its files."""
    return {path.name: path.stat().st_size for path in room.rglob("*.*")}


def refused(result):
    assert result.code == 2, result.err
    assert result.err.count("\n") == 1, result.err
    assert result.err.startswith("linksim train: ")
    return result.err


def assert_whole(folder):
    """Every file there is can be read, and none is half-written."""
    assert not list(folder.rglob(".*"))
    for path in folder.rglob("*.json"):
        json.loads(path.read_text())
    metrics = folder / "metrics.jsonl"
    if metrics.exists():
        assert metrics.read_text().endswith("\n")
        assert [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    for path in folder.rglob("*_model.pt"):
        load_checkpoint(path)
    for path in folder.rglob("training_state.pt"):
        load_state(path)


@pytest.mark.parametrize("name", FULL)
def test_full_disks(sizes, tmp_path, name):
    limit = FULL[name]
    if limit is None:
        limit = sizes[name] - 1
        assert limit > sizes["last_model.pt"]
    result = run([*WORDS, "--run-dir", tmp_path / "run"], tmp_path / "log", largest_file=limit)
    line = refused(result)
    assert str(tmp_path / "run") in line
    assert name in line
    assert "File too large" in line
    assert_whole(tmp_path / "run")


def test_a_disk_that_is_full_when_a_run_goes_on(room, sizes, tmp_path):
    """Its metrics are written anew, and do not fit; the old ones stay."""
    folder = shutil.copytree(room, tmp_path / "run")
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    words = ["train", "--resume", "--run-dir", folder]
    line = refused(run(words, tmp_path / "log", largest_file=sizes["metrics.jsonl"] - 1))
    assert str(folder / "metrics.jsonl") in line
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_a_run_goes_on_when_there_is_room_again(sizes, tmp_path):
    """The state does not fit at first; the models do."""
    words, limit = [*WORDS, "--run-dir", tmp_path / "run"], sizes["training_state.pt"] - 1
    refused(run(words, tmp_path / "log", largest_file=limit))
    assert (tmp_path / "run" / "checkpoints" / "last_model.pt").exists()
    assert run([*words, "--resume"], tmp_path / "log").code == 0
    assert (tmp_path / "run" / "summary.json").exists()


def test_folders_without_permission(sizes, tmp_path):
    """As somebody who is not root; the folder above may be entered, but not written to."""
    for part in (tmp_path, *tmp_path.parents):
        if not part.stat().st_mode & 0o005 and part.owner() == tmp_path.owner():
            part.chmod(part.stat().st_mode | 0o055)
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o555)
    log = tmp_path / "log"
    log.mkdir()
    line = refused(run([*WORDS, "--run-dir", shut / "run"], log, as_nobody=True))
    assert "no permission" in line
    assert str(shut) in line
    assert not list(shut.iterdir())


@pytest.mark.parametrize("folder", ["/proc/linksim-run", "/dev/null/run"])
def test_folders_that_nobody_can_make(tmp_path, folder):
    assert folder.split("/")[1] in refused(run([*WORDS, "--run-dir", folder], tmp_path / "log"))
