"""Two processes that train together do what one does alone, to rounding."""

import json
import os
import signal
import socket
from contextlib import suppress

import pytest
import torch
from helpers.processes import FORKS, PATIENCE, Command, lines_of, run, start_alone, way_on

from linksim_training import load_checkpoint, world

WORDS = [
    *("train", "--epochs", "3", "--alignment-start-epoch", "2", "--batch-size", "13"),
    *("--tokens", "2", "--codebook-size", "8", "--embedding-dim", "4", "--bits-per-symbol", "2"),
    *("--snr-db", "9", "--device", "cpu", "--skip-noiseless", "--quiet", "--precision", "64-true"),
]
VARIANTS = {
    "mixed gradient": [],
    "everything at once": [
        *("--codebook-update", "ema", "--ema-decay", "0.9", "--restart-dead-codes", "0.8"),
        *("--consistency-stages", "vq", "symbol", "features", "--symmetric-consistency", "0.5"),
        *("--snr-db-range", "3", "12", "--lambda-soft", "0.3", "--hardening", "ramp", "--clip-norm", "0.5"),
    ],
    "Gumbel noise": ["--gradient", "gumbel", "--channel", "rayleigh", "--restart-dead-codes", "0.8"],
    "score function": ["--gradient", "score-function"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """92 images of two by two classes; 79 = 6·13 + 1 remain to train on, so the last batch has one frame."""
    import numpy as np

    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "own.npz"
    parts = {}
    for part, count in (("train", 90), ("test", 24)):
        labels = np.arange(count) % 4
        images = random.integers(0, 120, (count, 8, 8), dtype=np.uint8)
        for label in range(4):
            row, column = divmod(label, 2)
            images[labels == label, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 120
        parts |= {f"x_{part}": images, f"y_{part}": labels}
    np.savez(path, **parts)
    return path


class Pair:
    """A command in two processes that train together, as an outside launcher would start them."""

    def __init__(self, words, folder):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
        self.commands = [
            Command([*words, "--devices", "2"], folder / str(rank), {**shared, "LOCAL_RANK": str(rank)})
            for rank in (0, 1)
        ]

    def wait(self):
        try:
            return [command.wait() for command in self.commands]
        finally:
            for command in self.commands:
                command.send(signal.SIGKILL)


def rows_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_close(one, other, name="", tolerance=1e-9):
    """Two rows, with all that is in them."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key], f"{name}/{key}", tolerance)
    elif isinstance(one, list):
        assert len(one) == len(other)
        for number, (mine, yours) in enumerate(zip(one, other, strict=True)):
            assert_close(mine, yours, f"{name}/{number}", tolerance)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=tolerance, abs=tolerance), name
    else:
        assert one == other, name


def assert_same_training(alone, together):
    one, other = rows_of(alone), rows_of(together)
    assert [row["phase"] for row in one] == ["LEARNING", "ALIGNMENT", "ALIGNMENT"]
    assert_close(one, other)
    models = [load_checkpoint(folder / "checkpoints" / "last_model.pt") for folder in (alone, together)]
    weights = [checkpoint.model.state_dict() for checkpoint in models]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-6, atol=1e-6)
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (alone, together)]
    assert summaries[0]["hard"] == summaries[1]["hard"]


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """Folders of runs in one process, by variant."""
    folder, done = tmp_path_factory.mktemp("alone"), {}

    def get(variant):
        if variant not in done:
            words = [*WORDS, *VARIANTS[variant], "--dataset", data, "--run-dir", folder / variant]
            result = run(words, folder / "log")
            assert result.code == 0, result.err
            done[variant] = folder / variant
        return done[variant]

    return get


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_processes_are_one(alone, data, tmp_path, variant):
    """Odd batches, and a last one of a single frame, which one process has and the other has not."""
    words = [*WORDS, *VARIANTS[variant], "--dataset", data, "--run-dir", tmp_path / "run"]
    results = Pair(words, tmp_path / "log").wait()
    assert [result.code for result in results] == [0, 0], [result.err for result in results]
    assert_same_training(alone(variant), tmp_path / "run")
    assert "accuracy" in results[0].out
    assert results[1].out == ""  # the first process speaks for all


def test_the_command_starts_its_processes(alone, data, tmp_path):
    """`--devices 2` alone: nobody prepares the second process."""
    words = [*WORDS, "--dataset", data, "--run-dir", tmp_path / "run", "--devices", "2"]
    process = start_alone(words, tmp_path / "printed", start_new_session=True)
    try:
        process.wait(PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 0, (tmp_path / "printed").read_text()
    assert_same_training(alone("mixed gradient"), tmp_path / "run")


def test_a_stop_of_the_first_process_stops_both(alone, data, tmp_path):
    """Only that one gets the signal; one process alone can then go on with what both began."""
    folder = tmp_path / "run"
    pair = Pair([*WORDS, "--dataset", data, "--run-dir", folder], tmp_path / "log")
    assert pair.commands[0].wait_until(lambda: lines_of(folder / "metrics.jsonl") >= 1)
    pair.commands[0].send(signal.SIGTERM)
    first, second = pair.wait()
    assert (first.code, second.code) == (128 + signal.SIGTERM, 0), first.err + second.err
    assert "go on with" not in second.err
    (line,) = [line for line in first.err.splitlines() if line.startswith("linksim")]
    assert lines_of(folder / "metrics.jsonl") < 3
    result = run([*way_on(line), "--devices", "1"], tmp_path / "again")
    assert result.code == 0, result.err
    assert_same_training(alone("mixed gradient"), folder)


def test_two_processes_go_on_with_what_one_began(alone, data, tmp_path):
    folder = tmp_path / "run"
    command = Command([*WORDS, "--dataset", data, "--run-dir", folder], tmp_path / "log")
    command.wait_until(lambda: lines_of(folder / "metrics.jsonl") >= 1)
    command.send(signal.SIGKILL)
    assert command.wait().code == -signal.SIGKILL
    results = Pair(["train", "--resume", "--quiet", "--run-dir", folder], tmp_path / "pair").wait()
    assert [result.code for result in results] == [0, 0], results[0].err
    assert_same_training(alone("mixed gradient"), folder)


@pytest.mark.parametrize("words", [["--lr", "1e38"], ["--lambda-vec", "1e300"]], ids=" ".join)
def test_a_divergence_is_told_once(data, tmp_path, words):
    """Two processes, one line, and none is left running."""
    results = Pair(
        [*WORDS, *words, "--dataset", data, "--run-dir", tmp_path / "run"], tmp_path / "log"
    ).wait()
    assert results[0].code == 2
    lines = [line for result in results for line in result.err.splitlines() if "diverged" in line]
    assert len(lines) == 1
    assert "in epoch 1, batch " in lines[0]
    assert "Traceback" not in results[0].err + results[1].err


def _in_a_world(rank, folder, function):
    torch.set_num_threads(1)
    options = {"init_method": f"file://{folder}/meeting", "rank": rank, "world_size": 2}
    torch.distributed.init_process_group("gloo", **options)
    try:
        torch.save(function(), folder / f"{rank}.pt")
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def both(folder, function):
    """What two processes return for a function of this module."""
    processes = [
        FORKS.Process(target=_in_a_world, args=(rank, folder, function), daemon=True) for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join(PATIENCE)
        assert [process.exitcode for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


WEIGHT, ALL = torch.tensor([0.5, -2.0], dtype=torch.float64), torch.arange(10, dtype=torch.float64).view(5, 2)


def loss_of(sums):
    return (sums["b"] / sums["n"]).square().sum() + sums["a"].exp() / sums["n"]


def parts_of(weight, frames):
    """Sums over frames, of several shapes."""
    return {
        "a": (0.1 * frames @ weight).sin().sum(),
        "b": (frames * weight).sum(0),
        "n": torch.tensor(float(len(frames))),
    }


def _gradient_of_own_share():
    first, end, counted = world.share_of(len(ALL))
    weight = WEIGHT.clone().requires_grad_()
    loss = loss_of(world.sums(parts_of(weight, ALL[first:end])))
    loss.backward()
    return {"loss": loss.detach(), "gradient": weight.grad, "share": [first, end, counted]}


def test_a_loss_of_sums_has_the_gradient_over_all_frames(tmp_path):
    """The mean over processes, which DDP takes, is the gradient of the loss of all frames."""
    weight = WEIGHT.clone().requires_grad_()
    loss = loss_of(parts_of(weight, ALL))
    loss.backward()
    results = both(tmp_path, _gradient_of_own_share)
    assert [result["share"] for result in results] == [[0, 2, True], [2, 5, True]]
    for result in results:
        torch.testing.assert_close(result["loss"], loss.detach(), rtol=1e-12, atol=0)
    mean = (results[0]["gradient"] + results[1]["gradient"]) / 2
    torch.testing.assert_close(mean, weight.grad, rtol=1e-12, atol=0)


def _fails_in_one():
    def function():
        if world.rank() == 1:
            raise ValueError("too bad")
        return "fine"

    try:
        return world.together(function)
    except ValueError as error:
        return f"error: {error}"


def _shares():
    values = [list(world.share_of(frames)) for frames in range(1, 6)]
    return [values, world.gathered({"rank": world.rank()}), world.together(world.rank)]


def test_an_error_in_one_process_is_one_in_all(tmp_path):
    assert both(tmp_path, _fails_in_one) == ["error: too bad"] * 2


def test_shares(tmp_path):
    """Every frame counts once, and a process without any goes along."""
    (first, told, one), (second, _, other) = both(tmp_path, _shares)
    assert told == [{"rank": 0}, {"rank": 1}]
    assert (one, other) == (0, 1)
    for frames, shares in enumerate(zip(first, second, strict=True), start=1):
        counted = [number for start, end, counts in shares if counts for number in range(start, end)]
        assert counted == list(range(frames))
    assert first[0] == [0, 1, False]


def test_one_process_alone():
    """Nothing is exchanged."""
    parts = {"a": torch.ones(2, requires_grad=True)}
    assert world.sums(parts) is parts
    assert (world.size(), world.rank(), world.share_of(3), world.gathered(4)) == (1, 0, (0, 3, True), [4])
    with pytest.raises(ValueError, match="invalid literal"):
        world.together(lambda: int("too bad"))
