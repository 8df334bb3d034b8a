"""Runs that are killed or asked to stop, and go on to the result of an unbroken one: real processes."""

import json
import os
import random
import re
import signal
import time

import pytest
import torch
from helpers.processes import PATIENCE, Command, lines_of, run, start_alone, way_on

from linksim_training.checkpoints import load_checkpoint
from linksim_training.interruption import StopRequest

WORDS = [
    *("train", "--dataset", "digits", "--epochs", "3", "--alignment-start-epoch", "2", "--batch-size", "60"),
    *("--tokens", "3", "--codebook-size", "8", "--embedding-dim", "4", "--bits-per-symbol", "2"),
    *("--snr-db", "9", "--device", "cpu", "--restart-dead-codes", "0.5", "--skip-noiseless", "--seed", "5"),
]
STATE = "checkpoints/training_state.pt"
MOMENTS = {
    "before the first epoch's end": lambda folder: (folder / "config.json").exists(),
    "when the first epoch is logged": lambda folder: lines_of(folder / "metrics.jsonl") >= 1,
    "when the state appears": lambda folder: (folder / STATE).exists(),
    "when the second epoch is logged": lambda folder: lines_of(folder / "metrics.jsonl") >= 2,
}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    for name in ("first", "run"):  # the second starts warm
        start = time.monotonic()
        result = run([*WORDS, "--run-dir", folder / name], folder / "log")
        assert result.code == 0, result.err
    metrics = [(folder / name / "metrics.jsonl").read_bytes() for name in ("first", "run")]
    assert metrics[0] == metrics[1]
    return folder / "run", time.monotonic() - start


def figures(folder):
    """The summary, but for where it came from."""
    summary = json.loads((folder / "summary.json").read_text())
    del summary["provenance"]["command"]
    return summary


def assert_same(folder, unbroken):
    assert (folder / "metrics.jsonl").read_bytes() == (unbroken[0] / "metrics.jsonl").read_bytes()
    assert figures(folder) == figures(unbroken[0])
    names = [{str(path.relative_to(one)) for path in one.rglob("*.*")} for one in (folder, unbroken[0])]
    kept = [{name for name in one if "tfevents" not in name} for one in names]
    assert kept[0] == kept[1]  # nothing half-written, nothing of a killed process
    for name in ("best", "best_hard", "last"):
        one, other = (
            load_checkpoint(root / f"checkpoints/{name}_model.pt") for root in (folder, unbroken[0])
        )
        assert one.metadata == other.metadata
        weights = other.model.state_dict()
        assert all(torch.equal(tensor, weights[key]) for key, tensor in one.model.state_dict().items())


def resume(folder, log):
    result = run(["train", "--resume", "--run-dir", folder], log)
    assert result.code == 0, result.err
    return result


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_to_the_same_result(unbroken, tmp_path, moment):
    folder = tmp_path / "run"
    command = Command([*WORDS, "--run-dir", folder], tmp_path / "log")
    assert command.wait_until(lambda: MOMENTS[moment](folder))
    command.send(signal.SIGKILL)
    assert command.wait().code == -signal.SIGKILL
    resume(folder, tmp_path / "log")
    assert_same(folder, unbroken)


def test_a_run_that_is_killed_again_and_again(unbroken, tmp_path):
    """At random moments, six times at most, with settings taken from the folder each time."""
    folder, source = tmp_path / "run", random.Random(1)
    for attempt in range(7):
        command = Command(["train", "--resume", *WORDS[1:], "--run-dir", folder], tmp_path / "log")
        if attempt < 6:
            command.let_run(source.uniform(0.2, 1.0) * unbroken[1])
            command.send(signal.SIGKILL)
        result = command.wait()
        assert result.code in (0, -signal.SIGKILL), result.err
        if result.code == 0:
            break
    assert result.code == 0
    assert_same(folder, unbroken)


def test_a_killed_process_of_its_own(unbroken, tmp_path):
    """The same with a process that nobody forked: `python -m linksim.cli`, killed when its state appears."""
    folder = tmp_path / "run"
    process = start_alone([*WORDS, "--run-dir", folder], tmp_path / "printed")
    end = time.monotonic() + PATIENCE
    try:
        while process.poll() is None and not (folder / STATE).exists() and time.monotonic() < end:
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL, (tmp_path / "printed").read_text()
    resume(folder, tmp_path / "log")
    assert_same(folder, unbroken)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_stopped_run_says_how_to_go_on(unbroken, tmp_path, number):
    """In the middle of an epoch; the folder's name has a space."""
    folder = tmp_path / "my run"
    command = Command([*WORDS, "--run-dir", folder, "--quiet"], tmp_path / "log")
    assert command.wait_until(lambda: (folder / STATE).exists())
    command.let_run(unbroken[1] / 10)
    command.send(number)
    result = command.wait()
    assert result.code == 128 + number
    assert result.err.count("\n") == 1, result.err
    assert re.match(r"linksim train: interrupted in epoch [23] after \d+ batches; go on with: ", result.err)
    assert (folder / STATE).is_file()
    assert not (folder / "summary.json").exists()
    again = run(way_on(result.err), tmp_path / "log")
    assert again.code == 0, again.err
    assert "Resuming" in again.out
    assert_same(folder, unbroken)


def test_a_run_of_one_batch_per_epoch_can_be_stopped(tmp_path):
    folder = tmp_path / "run"
    words = [*WORDS, "--batch-size", "2000", "--epochs", "500", "--run-dir", folder, "--quiet"]
    command = Command(words, tmp_path / "log")
    assert command.wait_until(lambda: lines_of(folder / "metrics.jsonl") >= 1)
    command.send(signal.SIGTERM)
    result = command.wait()
    assert result.code == 128 + signal.SIGTERM
    assert result.err.startswith("linksim train: interrupted in epoch ")
    assert lines_of(folder / "metrics.jsonl") < 400


def test_a_run_that_is_stopped_while_it_trains_the_baseline(unbroken, tmp_path):
    """Training is over then; going on tests what was trained, and the baseline is still left out."""
    folder = tmp_path / "run"
    words = [word for word in WORDS if word != "--skip-noiseless"]
    command = Command([*words, "--run-dir", folder, "--quiet"], tmp_path / "log")
    assert command.wait_until(lambda: lines_of(folder / "metrics.jsonl") == 3)
    command.let_run(0.05)
    command.send(signal.SIGTERM)
    result = command.wait()
    assert result.code == 128 + signal.SIGTERM
    assert result.err.count("\n") == 1, result.err
    again = run([*way_on(result.err), "--skip-noiseless"], tmp_path / "log")
    assert again.code == 0, again.err
    assert_same(folder, unbroken)


def test_a_finished_run_goes_on_to_the_same_summary(unbroken, tmp_path):
    folder = unbroken[0]
    before = figures(folder), (folder / "metrics.jsonl").read_bytes()
    resume(folder, tmp_path / "log")
    assert before == (figures(folder), (folder / "metrics.jsonl").read_bytes())


def test_listening_ends():
    """Inside, the first signal is noted and the second stops at once; afterwards all is as before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    request = StopRequest()
    with request.listening():
        assert not request()
        os.kill(os.getpid(), signal.SIGTERM)
        assert request()
        assert request.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_at_once():
    """A signal that came before counts, too."""
    early, late = StopRequest(), StopRequest()
    with early.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            early.at_once()
    with late.listening():
        late.at_once()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert (early.signal, late.signal) == (signal.SIGTERM, signal.SIGTERM)
