"""Studies of a small data set, in this process, in others, on a cluster, interrupted and resumed."""

import json
import signal
import sqlite3
from contextlib import closing

import dask
import numpy as np
import pytest
import torch
from helpers.sweep_processes import SweepCommand, preload

from linksim.cli import main
from linksim.seeds import stream
from linksim_benchmarks.study import records
from linksim_benchmarks.study.methods import METHODS
from linksim_benchmarks.study.plan import hash_of
from linksim_benchmarks.study.training import Training, unpacked
from linksim_benchmarks.study.tuning import candidates
from linksim_training import TrainConfig, build_model, fit, load_data
from linksim_training.evaluate import evaluate

METHODS_HERE = ["legacy", "score-function"]
TRAININGS = 3 * 4 + 3 * 2 * 2
"""Candidates of three methods at one Es/N0, and three methods at two, with two seeds."""


def read(folder):
    return json.loads((folder / "study.json").read_text(encoding="utf-8"))


def results(folder):
    """What must not depend on who trained, and when."""
    content = read(folder)
    rows = [{name: one for name, one in row.items() if name != "seconds"} for row in content["rows"]]
    return {**{name: content[name] for name in ("means", "pairs", "tuning", "curves", "tuned")}, "rows": rows}


def stored(folder):
    place = folder / "study.sqlite"
    if not place.exists():
        return 0
    with closing(sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
        return connection.execute("SELECT count(*) FROM chunks").fetchone()[0]


@pytest.fixture(scope="module")
def alone(words, tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    assert main([*words, "--methods", *METHODS_HERE, "--workers", "1", "--out", str(out), "--quiet"]) == 0
    return out


def test_rows_of_the_contract(alone):
    content = read(alone)
    assert len(content["rows"]) == 3 * 2 * 2
    for row in content["rows"]:
        assert row["gap"] == pytest.approx(row["soft_accuracy"] - row["hard_accuracy"])
        assert 0 <= row["hard_accuracy"] <= 1
        assert row["method"] in (*METHODS_HERE, "recommended")
    assert {row["seed"] for row in content["rows"]} == {0, 1}
    assert content["provenance"]["versions"]["torch"]
    assert stored(alone) == TRAININGS


def test_means_and_differences_are_those_of_the_rows(alone):
    content = read(alone)

    def mean(method, snr_db, name):
        chosen = [one for one in content["rows"] if (one["method"], one["snr_db"]) == (method, snr_db)]
        return np.mean([one[name] for one in chosen])

    for row in content["means"]:
        assert row["hard"] == pytest.approx(mean(row["method"], row["snr_db"], "hard_accuracy"))
        assert row["map"] == pytest.approx(mean(row["method"], row["snr_db"], "map_accuracy"))
        assert row["gap"] == pytest.approx(mean(row["method"], row["snr_db"], "gap"))
        assert row["gap_by_soft"] == pytest.approx(mean(row["method"], row["snr_db"], "gap_by_soft"))
        assert row["hard_low"] <= row["hard"] <= row["hard_high"]
    assert len(content["pairs"]) == 2 * 2
    for row in content["pairs"]:
        ours, theirs = (mean(name, row["snr_db"], "hard_accuracy") for name in (row["method"], row["minus"]))
        assert row["difference"] == pytest.approx(ours - theirs, abs=1e-12)
        assert row["p_together"] >= row["p_value"]


def test_each_method_took_its_best_candidate(alone):
    content = read(alone)
    for method in ("recommended", *METHODS_HERE):
        own = [row for row in content["tuning"] if row["method"] == method]
        assert len(own) == 4
        best = max(range(4), key=lambda number: own[number]["validation_accuracy"])
        assert content["tuned"][method] == candidates(METHODS[method])[best]
        assert [row["taken"] for row in own] == [number == best for number in range(4)]


def test_a_training_is_what_the_trainer_and_its_test_make(alone, words, digits):
    """One record against `linksim train` with the same settings, epoch by epoch, and against `evaluate`."""
    content = read(alone)
    run = alone / "run"
    flags = words[words.index("--tokens") : words.index("--snr-db")]
    changes = [f"--{name.replace('_', '-')}={value}" for name, value in content["tuned"]["legacy"].items()]
    train = ["train", "--preset", "legacy", "--dataset", str(digits), "--epochs", "2", "--batch-size", "32"]
    train += ["--snr-db", "14", "--seed", "1", "--skip-noiseless", "--quiet", "--run-dir", str(run)]
    assert main([*train, *flags, *changes]) == 0
    epochs = [json.loads(line)["val"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    own = [row for row in content["curves"] if (row["method"], row["snr_db"]) == ("legacy", 14)]
    found = records.read(alone / "study.sqlite")
    same = [
        record
        for record in found.values()
        if record["curves"]["hard_accuracy"] == [row["hard_accuracy"] for row in epochs]
        and record["curves"]["soft_accuracy"] == [row["soft_accuracy"] for row in epochs]
    ]
    assert any("test" in record["by_hard"] for record in same)
    assert len(own) == len(epochs) == 2


def test_the_same_command_trains_nothing_again(alone, words, monkeypatch):
    def never(self):
        raise AssertionError("trained again")

    before = results(alone)
    monkeypatch.setattr(Training, "run", never)
    assert main([*words, "--methods", *METHODS_HERE, "--workers", "1", "--out", str(alone), "--quiet"]) == 0
    assert results(alone) == before


def test_a_smaller_study_is_taken_from_a_larger_one(alone, words, tmp_path, monkeypatch):
    monkeypatch.delattr(Training, "run")
    store = ["--store", str(alone / "study.sqlite"), "--workers", "1", "--out", str(tmp_path), "--quiet"]
    assert main([*words, "--methods", "legacy", *store]) == 0
    wanted = [row for row in results(alone)["rows"] if row["method"] != "score-function"]
    assert results(tmp_path)["rows"] == wanted


@pytest.mark.parametrize("more", [("--workers", "2"), ("--cluster", "local", "--workers", "2")], ids=str)
def test_results_do_not_depend_on_the_workers(alone, words, tmp_path, more):
    preload()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        assert main([*words, "--methods", *METHODS_HERE, *more, "--out", str(tmp_path), "--quiet"]) == 0
    assert results(tmp_path) == results(alone)


def test_a_study_that_is_killed_goes_on(alone, words, tmp_path):
    out = tmp_path / "out"
    arguments = [*words, "--methods", *METHODS_HERE, "--workers", "2", "--out", out]
    command = SweepCommand(arguments, tmp_path / "first")
    assert command.wait_until(lambda: stored(out) >= 3)
    command.send(signal.SIGKILL)
    command.process.join()
    assert 3 <= stored(out) < TRAININGS
    command = SweepCommand(arguments, tmp_path / "second")
    ended = command.wait()
    assert ended.code == 0, ended.err
    assert stored(out) == TRAININGS
    assert results(out) == results(alone)


def test_variations_and_settings_of_another_study(alone, words, tmp_path):
    more = ["--tuned", str(alone / "study.json"), "--vary", "channel=rayleigh", "codebook_size=4,tokens=2"]
    arguments = [*words, "--methods", "legacy", *more, "--workers", "1", "--out", str(tmp_path), "--quiet"]
    assert main(arguments) == 0
    content = read(tmp_path)
    assert content["tuning"] == []
    assert content["tuned"] == {name: read(alone)["tuned"][name] for name in ("legacy", "recommended")}
    variations = {row["variation"] for row in content["rows"]}
    assert variations == {"base", "channel=rayleigh", "codebook_size=4,tokens=2"}
    base = [row["hard_accuracy"] for row in content["rows"] if row["variation"] == "base"]
    wanted = [one["hard_accuracy"] for one in read(alone)["rows"] if one["method"] != "score-function"]
    assert base == wanted
    page = (tmp_path / "study.md").read_text(encoding="utf-8")
    assert "differences channel=rayleigh" in page


REFUSED = {
    "unknown method": (["--methods", "magic"], "--methods"),
    "unknown reference": (["--reference", "magic"], "--methods"),
    "one seed": (["--seeds", "0"], "--seeds"),
    "half a seed": (["--seeds", "0", "1.5"], "--seeds"),
    "no draws": (["--draws", "0"], "--draws"),
    "more draws than are counted": (["--draws", "256"], "--draws"),
    "no epochs": (["--epochs", "0"], "--epochs"),
    "no workers": (["--workers", "0"], "--workers"),
    "unknown data set": (["--dataset", "cats"], "cats"),
    "SNR that is none": (["--snr-db", "loud"], "--snr-db"),
    "variation without value": (["--vary", "tokens"], "--vary"),
    "variation of what there is not": (["--vary", "colour=3"], "--vary"),
    "variation that is no number": (["--vary", "tokens=many"], "tokens"),
    "variation that no link has": (["--vary", "bits_per_symbol=3"], "bits_per_symbol"),
    "variation twice": (["--vary", "tokens=2", "tokens=2"], "twice"),
    "both ways of tuning": (["--untuned", "--tuned", "x.json"], "--untuned"),
    "settings that are not there": (["--tuned", "/nowhere/study.json"], "/nowhere/study.json"),
    "a cluster that is none": (["--cluster", "cloud"], "--cluster"),
}


@pytest.mark.parametrize(("more", "named"), REFUSED.values(), ids=REFUSED)
def test_refusals(words, more, named, tmp_path, capsys):
    assert main([*words, *more, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out" / "study.json").exists()


def test_a_store_of_something_else_is_left_alone(words, tmp_path, capsys):
    place = tmp_path / "study.sqlite"
    place.write_text("my notes")
    assert main([*words, "--out", str(tmp_path), "--quiet"]) == 2
    assert "study.sqlite" in capsys.readouterr().err
    assert place.read_text() == "my notes"


def test_counts_are_those_of_evaluate(digits):
    """The deployed test of a training, against the trainer's own evaluation on the same draws."""
    data = load_data(str(digits))
    settings = {"tokens": 3, "codebook_size": 6, "embedding_dim": 4}
    training = Training(
        dataset=str(digits),
        images=hash_of(data),
        settings=settings,
        snr_db=14.0,
        seed=3,
        epochs=1,
        batch_size=32,
        draws=1,
        test=True,
    )
    record = training.run()
    model = build_model(data.image_shape, data.classes, training.link, 3)
    torch.set_num_threads(1)
    loader = data.loader("train", 32, stream(3, "order"))
    fit(model, loader, data.loader("validation", 500), TrainConfig(epochs=1, seed=3), snr_db=14.0)
    draws = stream(3, "study", "test")
    evaluation = evaluate(
        model, data.loader("test", 500), 14.0, draws, TrainConfig(), "ALIGNMENT", alone=True
    )
    for path in ("mean", "map", "soft"):
        counts = unpacked(record["by_hard"]["test"][path])
        assert counts.tolist() == evaluation.correct[path].double().tolist()
