"""Baselines that are trained: straight-through, and without a link."""

import json
from dataclasses import replace

import pytest
import torch

from linksim.cli import main
from linksim.verification import global_generators
from linksim_benchmarks.baselines.noiseless import noiseless_bound
from linksim_benchmarks.baselines.straight_through import settings, trained
from linksim_training.checkpoints import Checkpoint, load_checkpoint

WORDS = [
    *("train", "--dataset", "digits", "--preset", "recommended", "--epochs", "2", "--batch-size", "128"),
    *("--tokens", "4", "--codebook-size", "16", "--snr-db", "12", "--seed", "3", "--quiet"),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "recommended"
    assert main([*WORDS, "--run-dir", str(folder)]) == 0
    return folder / "checkpoints" / "best_hard_model.pt"


@pytest.fixture(scope="module")
def checkpoint(path):
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def straight(checkpoint, tmp_path_factory):
    """Its path; global generators are left alone."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    before = global_generators.states()
    best = trained(checkpoint, folder)
    assert global_generators.states() == before
    return best


def test_same_but_for_the_gradient(checkpoint, straight):
    mine, given = load_checkpoint(straight), checkpoint
    assert mine.model.spec == given.model.spec
    before, after = given.metadata["options"], mine.metadata["options"]
    kept = {"dataset", "batch_size", "snr_db", "link", "preset"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    training = after["training"]
    assert training["gradient"] == "straight-through"
    assert training["alignment_start_epoch"] == 1
    for name in ("soft", "consistency", "entropy", "marginal"):
        assert training[f"lambda_{name}"] == 0
    for name in ("epochs", "seed", "lr", "lr_schedule", "weight_decay", "lambda_vq", "lambda_vec"):
        assert training[name] == before["training"][name]
    rows = [json.loads(line) for line in (straight.parents[1] / "metrics.jsonl").open()]
    assert [row["phase"] for row in rows] == ["ALIGNMENT"] * 2


def test_the_soft_path_has_no_part_in_it(checkpoint, straight, tmp_path):
    """Temperatures of the surrogate, and defects of it, change nothing about the weights."""
    options = checkpoint.metadata["options"]
    other = {
        **options,
        "link": {**options["link"], "defects": ["llr-scale"]},
        "training": {**options["training"], "backward_vq_temp": 3.0, "temp_freeze_floor": 0.9},
    }
    again = trained(Checkpoint(checkpoint.model, {**checkpoint.metadata, "options": other}), tmp_path / "run")
    mine, theirs = load_checkpoint(straight), load_checkpoint(again)
    assert mine.metadata["epoch"] == theirs.metadata["epoch"]
    for name, weights in mine.model.state_dict().items():
        assert torch.equal(weights, theirs.model.state_dict()[name])


def test_it_is_trained_once(checkpoint, straight, capsys):
    before = straight.stat().st_mtime_ns
    assert trained(checkpoint, straight.parents[1]) == straight
    assert straight.stat().st_mtime_ns == before
    assert capsys.readouterr().out == ""


def test_another_run_in_the_folder_is_left_alone(checkpoint, path, straight):
    content = path.read_bytes()
    best = trained(checkpoint, path.parents[1])
    assert best.parents[1].parent == path.parents[2]
    assert best.parents[1] != path.parents[1]
    assert path.read_bytes() == content
    mine, theirs = load_checkpoint(best).model.state_dict(), load_checkpoint(straight).model.state_dict()
    assert all(torch.equal(weights, theirs[name]) for name, weights in mine.items())


@pytest.mark.parametrize("lost", [["summary.json"], ["checkpoints/best_hard_model.pt", "summary.json"]])
def test_a_broken_run_is_finished(checkpoint, straight, lost):
    before = load_checkpoint(straight).model.state_dict()
    for name in lost:
        (straight.parents[1] / name).unlink()
    assert trained(checkpoint, straight.parents[1]) == straight
    assert (straight.parents[1] / "summary.json").is_file()
    after = load_checkpoint(straight).model.state_dict()
    assert all(torch.equal(weights, after[name]) for name, weights in before.items())


def test_commitment_and_learning_rate_where_the_recipe_had_none(checkpoint):
    options = checkpoint.metadata["options"]
    changed = {**options["training"], "lambda_vq": 0.0, "lr_schedule": "phase", "devices": 2}
    other = Checkpoint(checkpoint.model, {**checkpoint.metadata, "options": {**options, "training": changed}})
    training = settings(other)["training"]
    assert training["lambda_vq"] > 0
    assert (training["lr_schedule"], training["devices"]) == ("constant", 1)


@pytest.mark.parametrize("options", [{}, {"link": {}, "training": {"epochs": "many"}}, None])
def test_checkpoints_without_options_are_refused(checkpoint, options, tmp_path):
    other = Checkpoint(checkpoint.model, {**checkpoint.metadata, "options": options})
    with pytest.raises(ValueError, match="does not hold the options"):
        trained(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_noiseless_bound_of_the_summary_is_that_of_a_new_training(path, checkpoint, digits, tmp_path):
    found = noiseless_bound(path, checkpoint, digits)
    summary = json.loads((path.parents[1] / "summary.json").read_text())
    assert found.source == "summary"
    assert found.samples == 360
    assert (found.accuracy, found.low, found.high) == tuple(
        summary["noiseless"][name] for name in ("accuracy", "low", "high")
    )
    ticks = []
    anew = noiseless_bound(tmp_path / "elsewhere.pt", checkpoint, digits, lambda: ticks.append(None))
    assert ticks
    assert replace(anew, source="summary") == found


def test_the_summary_of_another_training_does_not_count(path, checkpoint, digits):
    options = checkpoint.metadata["options"]
    training = {**options["training"], "epochs": 1}
    other = Checkpoint(
        checkpoint.model, {**checkpoint.metadata, "options": {**options, "training": training}}
    )
    assert noiseless_bound(path, other, digits).source == "trained"


def test_other_test_images_are_classified_by_networks_of_the_same_training(path, checkpoint, digits):
    other = replace(digits, name="other", x_test=digits.x_test[:50], y_test=digits.y_test[:50])
    found = noiseless_bound(path, checkpoint, other)
    assert (found.source, found.samples) == ("trained", 50)
    assert found.accuracy > 0.5
