"""A training that goes on from a state is the training without a break, to the last bit."""

import copy
import json
import random
import shutil

import pytest
import torch

from linksim.cli import main
from linksim_training import TrainConfig, fit
from linksim_training.batches import Batches
from linksim_training.interruption import Interrupted
from linksim_training.state import load_state, save_state

TINY = {"tokens": 2, "codebook_size": 8, "embedding_dim": 4, "bits_per_symbol": 2}
BATCHES = 6
OPTIONS = {
    "defaults": {},
    "moving averages": {"codebook_update": "ema", "ema_decay": 0.8},
    "restarts of dead codewords": {"restart_dead_codes": 0.9},
    "restarts with moving averages": {"codebook_update": "ema", "restart_dead_codes": 0.9},
    "Gumbel noise": {"gradient": "gumbel", "alignment_start_epoch": 1},
    "score function": {"gradient": "score-function", "alignment_start_epoch": 1},
    "ramped hardening": {"hardening": "ramp", "alignment_start_epoch": 1},
    "a range of SNRs": {"snr_db_range": (2.0, 14.0)},
    "clipping and a warm-up": {"clip_norm": 0.1, "lr_warmup_epochs": 2, "lr_schedule": "phase"},
    "double precision": {"precision": "64-true"},
}
WORDS = [
    *("train", "--dataset", "digits", "--epochs", "2", "--alignment-start-epoch", "2", "--batch-size", "300"),
    *("--tokens", "2", "--codebook-size", "8", "--embedding-dim", "4", "--device", "cpu"),
    *("--skip-noiseless", "--quiet"),
]


@pytest.fixture
def training(digits, make_model):
    """Trains a fresh tiny model for three epochs of six batches, the last one small."""

    def run(state=None, stop_after=None, **settings):
        config = TrainConfig(**{"epochs": 3, "alignment_start_epoch": 3, "device": "cpu", **settings})
        loaders = (
            Batches(digits.x_train[:110], digits.y_train[:110], 20, seed=4),
            Batches(digits.x_validation[:60], digits.y_validation[:60], 25),
        )
        states, steps = [], []
        model = make_model(**TINY)
        history = None
        try:
            history = fit(
                model,
                *loaders,
                config,
                snr_db=9.0,
                state=state,
                on_batch=lambda: steps.append(None),
                on_state=states.append,
                stop=None if stop_after is None else (lambda: len(steps) == stop_after),
            )
        except Interrupted as stopped:
            where = (stopped.epoch - 1) * BATCHES + stopped.batches
            return (model, None, states) if where == stop_after else pytest.fail(str(stopped))
        return model, history, states

    return run


def same(one, other):
    """Whether two things of plain values and tensors are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("option", OPTIONS)
def test_going_on_is_exact(training, tmp_path, option):
    """From the state after each epoch, and from one in the middle of each phase, through a file."""
    model, unbroken, states = training(**OPTIONS[option])
    assert [state["epoch"] for state in states] == [2, 3, 4]
    middle = [training(stop_after=steps, **OPTIONS[option])[2][-1] for steps in (2, 2 * BATCHES + 3)]
    assert [(state["epoch"], state["batch"]) for state in middle] == [(1, 2), (3, 3)]
    for number, state in enumerate([*states, *middle]):
        path = tmp_path / f"{number}.pt"
        save_state(path, state)
        torch.load(path, weights_only=True)
        again, history, later = training(state=load_state(path), **OPTIONS[option])
        assert json.dumps(history.rows) == json.dumps(unbroken.rows)
        assert same(dict(again.state_dict()), dict(model.state_dict()))
        if later:
            assert same(later[-1], states[-1])


def test_a_stop_between_two_epochs(training):
    _, unbroken, states = training()
    _, history, stopped = training(stop_after=BATCHES)
    assert history is None
    assert same(stopped[-1], states[0])
    assert training(state=stopped[-1])[1].rows == unbroken.rows


def test_a_state_stays_as_it_was_handed_out(training):
    """Neither the training that made it nor one that goes on from it changes it."""
    _, unbroken, states = training()
    assert [len(state["rows"]) for state in states] == [1, 2, 3]
    before = copy.deepcopy(states)
    for _ in range(2):
        assert training(state=states[0])[1].rows == unbroken.rows
    assert same(states, before)


def test_a_stop_beyond_the_end_is_none(training):
    assert len(training(stop_after=3 * BATCHES)[1].rows) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"model": {}},
        {"optimiser": {}},
        {"batch": 7},
        {"batch": "many"},
        {"epoch": 3},
        {"rows": []},
        {"averages": 1, "scheduler": {}},
        {"random": torch.zeros(3)},
    ],
    ids=str,
)
def test_states_that_do_not_fit_are_refused(training, change):
    state = {**training()[2][0], **change}
    with pytest.raises(ValueError, match="does not fit"):
        training(state=state)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert main([*WORDS, "--run-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def refused(capsys):
    """Runs a command that must refuse in one line with exit code 2; returns the line."""

    def run(*words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith("linksim train: ")
        assert errors.count("\n") == 1, errors
        return errors

    return run


def damage(path, kind):
    content = bytearray(path.read_bytes())
    source = random.Random(0)
    if kind == "empty":
        content = b""
    elif kind == "text":
        content = b"a state"
    elif kind == "cut":
        content = content[: len(content) // 2]
    elif kind == "cut at the end":
        content = content[:-1]
    elif kind == "flipped":
        content[len(content) // 2] ^= 255
    elif kind == "zeros":
        start = source.randrange(len(content) // 4, len(content) // 2)
        content[start : start + 20_000] = bytes(20_000)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "cut at the end", "flipped", "zeros"])
def test_damaged_states_are_refused(copied, refused, kind):
    path = copied / "checkpoints" / "training_state.pt"
    damage(path, kind)
    metrics = (copied / "metrics.jsonl").read_bytes()
    line = refused("train", "--resume", "--run-dir", copied)
    assert str(path) in line
    assert "--overwrite" in line
    assert (copied / "metrics.jsonl").read_bytes() == metrics


@pytest.mark.parametrize("name", ["last_model.pt", "training_state.pt"])
def test_flipped_bits_in_a_checkpoint_are_found(copied, name):
    from linksim_training import load_checkpoint

    path = copied / "checkpoints" / name
    damage(path, "flipped")
    with pytest.raises(ValueError, match=r"damaged|readable"):
        (load_checkpoint if name == "last_model.pt" else load_state)(path)


def test_foreign_states_are_refused(copied, refused, training, tmp_path):
    """A state without its parts, one with code, with other rows, of another model; and a checkpoint."""
    path = copied / "checkpoints" / "training_state.pt"
    state = load_state(path)
    torch.save({"format": "linksim training state 1"}, path)
    assert str(path) in refused("train", "--resume", "--run-dir", copied)
    torch.save({**state, "rows": [print]}, path)
    assert str(path) in refused("train", "--resume", "--run-dir", copied)
    save_state(path, {**state, "rows": [{"epoch": 1}]})
    assert str(path) in refused("train", "--resume", "--run-dir", copied)
    save_state(path, training()[2][0])
    assert "does not fit" in refused("train", "--resume", "--run-dir", copied)
    shutil.copy(copied / "checkpoints" / "last_model.pt", path)
    assert str(path) in refused("train", "--resume", "--run-dir", copied)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--lr", "0.5"], "--lr "),
        (["--batch-size", "64"], "--batch-size"),
        (["--dataset", "mnist5k"], "--dataset"),
        (["--tokens", "4"], "--tokens"),
        (["--snr-db", "3"], "--snr-db"),
        (["--seed", "1"], "--seed"),
        (["--epochs", "9"], "--epochs"),
        (["--precision", "64-true"], "--precision"),
        (["--snr-db-range", "1", "2"], "--snr-db-range"),
        (["--early-stop"], "--early-stop"),
        (["--overwrite"], "--overwrite"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_going_on_with_other_settings_is_refused(copied, refused, words, name):
    before = {path: path.read_bytes() for path in copied.rglob("*.*")}
    assert name in refused("train", "--resume", "--run-dir", copied, *words)
    assert {path: path.read_bytes() for path in copied.rglob("*.*")} == before


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"dataset": 3, "link": 0}', "\x00"])
def test_settings_that_cannot_be_read_are_refused(copied, refused, content):
    (copied / "config.json").write_text(content)
    assert "config.json" in refused("train", "--resume", "--run-dir", copied)


def test_the_settings_of_the_run_may_be_given_again(copied, finished):
    """Devices, too, and in any spelling."""
    words = [*WORDS, "--run_dir", str(copied), "--resume", "--device", "auto"]
    assert main(words) == 0
    assert (copied / "metrics.jsonl").read_bytes() == (finished / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_without_a_run_starts_from_the_start(finished, tmp_path, there):
    folder = tmp_path / "run"
    if there:
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    assert main([*WORDS, "--run-dir", str(folder), "--resume"]) == 0
    assert (folder / "metrics.jsonl").read_bytes() == (finished / "metrics.jsonl").read_bytes()


def test_leftovers_of_a_killed_process_are_removed(copied):
    leftovers = [copied / "checkpoints" / ".123.training_state.pt", copied / ".45.metrics.jsonl"]
    for one in leftovers:
        one.write_text("half")
    mine = copied / "checkpoints" / ".mine.pt"
    mine.write_text("mine")
    assert main(["train", "--resume", "--run-dir", str(copied), "--quiet"]) == 0
    assert not any(one.exists() for one in leftovers)
    assert mine.exists()
