"""From training to benchmarks: what the commands write."""

import csv
import io
import json
import re

import pytest
import torch

from linksim import FrameLayout
from linksim.cli import main
from linksim_training import load_checkpoint

COLUMNS = {
    "ber": [
        *("bits_per_symbol", "channel", "ebno_db", "snr_db", "bits", "bit_errors", "ber", "low", "high"),
        *("frames", "frame_errors", "theory"),
    ],
    "accuracy": [
        *("snr_db", "ebno_db", "path", "samples", "correct", "accuracy", "low", "high"),
        *("vq_temp", "symbol_temp"),
    ],
}
TRAIN_QUICKLY = [
    *("train", "--dataset", "digits", "--epochs", "1", "--batch-size", "300", "--skip-noiseless"),
    *("--tokens", "2", "--codebook-size", "4", "--embedding-dim", "4", "--device", "cpu"),
    *("--alignment-start-epoch", "1"),
]


def strict(constant):
    raise AssertionError(f"{constant} is not JSON")


def read_json(path):
    return json.loads(path.read_text(), parse_constant=strict)


def read_lines(path):
    return [json.loads(line, parse_constant=strict) for line in path.read_text().splitlines()]


def test_exit_codes(finished):
    assert finished.codes == dict.fromkeys(("train", "audit", "accuracy", "ber"), 0)


def test_run_folder(finished):
    names = {path.name for path in finished.run.iterdir()}
    assert {"config.json", "metrics.jsonl", "summary.json", "checkpoints"} <= names
    checkpoints = {path.name for path in (finished.run / "checkpoints").iterdir()}
    assert checkpoints == {"best_model.pt", "best_hard_model.pt", "last_model.pt", "training_state.pt"}
    assert not list(finished.root.rglob(".*"))  # nothing half-written lies about


def test_metrics(finished):
    rows = read_lines(finished.run / "metrics.jsonl")
    assert [(row["epoch"], row["phase"]) for row in rows] == [
        (1, "LEARNING"),
        (2, "LEARNING"),
        (3, "ALIGNMENT"),
    ]
    for row in rows:
        assert {"vq_nmse", "symbol_nmse", "feature_nmse"} <= row["mismatch"].keys()
        assert {"vq_entropy", "symbol_entropy", "mean_llr", "marginal_entropy"} <= row["val"].keys()


def test_summary(finished):
    summary = read_json(finished.run / "summary.json")
    assert read_json(finished.root / "train.json")["summary"] == summary
    assert summary["samples"] == 360
    for name in ("hard", "soft", "noiseless"):
        figure = summary[name]
        assert figure["low"] <= figure["accuracy"] <= figure["high"]
    gap = summary["gap"]
    assert gap["low"] <= gap["value"] <= gap["high"]
    assert gap["value"] == pytest.approx(summary["soft"]["accuracy"] - summary["hard"]["accuracy"])
    assert summary["epochs"] == 3
    assert summary["noiseless"]["accuracy"] > 0.7
    assert summary["hard"]["accuracy"] > 0.2
    layout = FrameLayout(tokens=8, codebook_size=16, bits_per_symbol=4)
    assert (summary["information_bits"], summary["symbols"]) == (32, 8)
    assert summary["ebno_db"] == layout.ebno_db(summary["snr_db"])


@pytest.mark.parametrize("name", ["run/summary", "out/audit", "out/accuracy", "out/ber"])
def test_provenance(finished, name):
    content = read_json(finished.root / f"{name}.json")
    card = content["provenance"]
    assert card["backend"] == "sionna"
    assert card["seed"] == (7 if name == "run/summary" else 0)
    assert {"python", "torch", "linksim", "numpy", "sionna-no-rt"} <= card["versions"].keys()
    assert {"llr", "snr_db", "ebno_db", "noise_variance", "labels"} <= card["conventions"].keys()
    assert re.fullmatch("[0-9a-f]{64}", card["configuration_hash"])
    assert "command" in card


def test_checkpoints_hold_the_best_epochs(finished):
    rows = read_lines(finished.run / "metrics.jsonl")
    for name, figure in (("best_model", "soft_accuracy"), ("best_hard_model", "hard_accuracy")):
        accuracies = [row["val"][figure] for row in rows]
        checkpoint = load_checkpoint(finished.run / "checkpoints" / f"{name}.pt")
        assert checkpoint.metadata["epoch"] == 1 + accuracies.index(max(accuracies))
        row = rows[checkpoint.metadata["epoch"] - 1]
        assert (checkpoint.model.link.vq_temp, checkpoint.model.link.symbol_temp) == (
            row["vq_temp"],
            row["symbol_temp"],
        )
    assert load_checkpoint(finished.run / "checkpoints" / "last_model.pt").metadata["epoch"] == 3
    assert (
        read_json(finished.run / "summary.json")["checkpoint_epoch"]
        == (load_checkpoint(finished.checkpoint).metadata["epoch"])
    )


def test_the_audit_repeats_the_accuracy_of_the_summary(finished):
    """Other draws of the same channel on the same images: within five standard errors."""
    summary = read_json(finished.run / "summary.json")
    rows = {(r["snr_db"], r["metric"]): r["value"] for r in read_json(finished.out / "audit.json")["rows"]}
    for path in ("hard", "soft"):
        accuracy = summary[path]["accuracy"]
        assert abs(rows[12.0, f"{path}_accuracy"] - accuracy) < 5 * (0.25 / 360) ** 0.5


@pytest.mark.parametrize("name", COLUMNS)
def test_tables(finished, name):
    rows = read_json(finished.out / f"{name}.json")["rows"]
    with (finished.out / f"{name}.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(rows) > 0
    for line, row in zip(lines, rows, strict=True):
        assert list(row)[: len(COLUMNS[name])] == COLUMNS[name]
        assert list(line) == list(row)
        for column, value in line.items():
            assert value == "" if row[column] is None else type(row[column])(value) == row[column]


def test_points(finished):
    ber = read_json(finished.out / "ber.json")["rows"]
    found = [(row["channel"], row["bits_per_symbol"], row["ebno_db"]) for row in ber]
    assert found == [(c, m, e) for c in ("awgn", "rayleigh") for m in (2, 4) for e in (0, 3, 6)]
    assert all(row["bits"] >= 20_000 for row in ber)
    accuracy = read_json(finished.out / "accuracy.json")["rows"]
    assert {row["path"] for row in accuracy} >= {"hard", "soft"}
    assert sorted({row["snr_db"] for row in accuracy}) == [-4, 4, 12]
    assert {row["samples"] for row in accuracy} == {720}


@pytest.mark.parametrize("name", ["audit", "accuracy", "ber"])
def test_pictures(finished, name):
    content = (finished.out / f"{name}.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")


def test_a_point_alone_is_the_point_in_the_sweep(finished, tmp_path):
    words = ["ber", "--bits-per-symbol", "4", "--channel", "rayleigh", "--ebno-db", "3", "--max-bits", "2e4"]
    assert main([*words, "--out", str(tmp_path), "--quiet"]) == 0
    (alone,) = read_json(tmp_path / "ber.json")["rows"]
    assert alone in read_json(finished.out / "ber.json")["rows"]
    assert main([*words, "--out", str(tmp_path), "--quiet", "--seed", "9", "--overwrite"]) == 0
    (other,) = read_json(tmp_path / "ber.json")["rows"]
    assert other["bit_errors"] != alone["bit_errors"]


def test_two_runs_are_identical(finished, in_a_process, train_words, tmp_path):
    """Another process, another folder, another hash seed: the same metrics, byte for byte."""
    result = in_a_process(*train_words, "--run-dir", tmp_path / "run", PYTHONHASHSEED="123")
    assert result.returncode == 0, result.stderr
    for name in ("metrics.jsonl", "config.json"):
        assert (tmp_path / "run" / name).read_bytes() == (finished.run / name).read_bytes()
    first, second = (
        torch.load(folder / "checkpoints" / "best_hard_model.pt", weights_only=True)
        for folder in (finished.run, tmp_path / "run")
    )
    for name, tensor in first["model_state_dict"].items():
        assert torch.equal(tensor, second["model_state_dict"][name])
    summaries = [read_json(folder / "summary.json") for folder in (finished.run, tmp_path / "run")]
    for summary in summaries:
        del summary["provenance"]["command"]
    assert summaries[0] == summaries[1]
    assert "[Epoch 3] Phase=ALIGNMENT | vq_T=0.700 sym_T=0.700 | hard_fwd=True" in result.stdout


def test_another_seed_is_another_run(finished, train_words, tmp_path):
    words = [*train_words, "--epochs", "1", "--skip-noiseless", "--seed", "6", "--quiet"]
    assert main([*words, "--run-dir", str(tmp_path / "run")]) == 0
    rows, earlier = (read_lines(folder / "metrics.jsonl") for folder in (tmp_path / "run", finished.run))
    assert rows[0]["train"] != earlier[0]["train"]


def test_alignment_beyond_the_last_epoch_is_a_warning(capsys, tmp_path):
    words = [*TRAIN_QUICKLY, "--alignment-start-epoch", "9", "--run-dir", str(tmp_path / "run")]
    assert main(words) == 0
    output = capsys.readouterr()
    assert "Warning" in output.out + output.err
    assert "--alignment-start-epoch 9" in output.out + output.err
    assert [row["phase"] for row in read_lines(tmp_path / "run" / "metrics.jsonl")] == ["LEARNING"]
    assert (tmp_path / "run" / "summary.json").exists()


def test_overwriting(tmp_path):
    """Asked for, a new run replaces the old one and leaves other files alone."""
    words = [*TRAIN_QUICKLY, "--alignment-start-epoch", "1", "--run-dir", str(tmp_path), "--quiet"]
    (tmp_path / "notes.txt").write_text("mine")
    assert main(words) == 0
    first = (tmp_path / "metrics.jsonl").read_bytes()
    assert main([*words, "--overwrite", "--seed", "1"]) == 0
    assert (tmp_path / "metrics.jsonl").read_bytes() != first
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


def test_own_data(tmp_path):
    """Colour images in a file: trained on, tested on, and found again by the audit."""
    import numpy as np

    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = random.integers(0, 60, (90, 12, 10, 3), dtype=np.uint8)
    for label in range(3):
        images[labels == label, :, :, label] += 150
    np.savez(
        tmp_path / "own.npz", x_train=images[:60], y_train=labels[:60], x_test=images[60:], y_test=labels[60:]
    )
    words = ["--epochs", "12", "--alignment-start-epoch", "8", "--batch-size", "10", "--tokens", "4"]
    words += [
        "--codebook-size",
        "12",
        "--embedding-dim",
        "4",
        "--snr-db",
        "15",
        "--skip-noiseless",
        "--quiet",
    ]
    words += ["--lr", "0.003", "--lambda-vq", "0", "--lambda-vec", "0", "--device", "cpu"]
    run = tmp_path / "run"
    assert main(["train", "--dataset", str(tmp_path / "own.npz"), "--run-dir", str(run), *words]) == 0
    assert read_json(run / "summary.json")["hard"]["accuracy"] > 0.6
    checkpoint = run / "checkpoints" / "best_hard_model.pt"
    assert main(["audit", str(checkpoint), "--out", str(tmp_path / "out"), "--snr-db", "15", "--quiet"]) == 0
    rows = {row["metric"]: row["value"] for row in read_json(tmp_path / "out" / "audit.json")["rows"]}
    assert rows["hard_accuracy"] > 0.6


def test_quiet(finished, capsys, tmp_path):
    """Silent apart from the result of a training."""
    out = str(tmp_path / "out")
    commands = [
        ["ber", "--max-bits", "1000", "--ebno-db", "3", "--out", out],
        ["accuracy", str(finished.checkpoint), "--snr-db", "3", "--out", out],
        ["audit", str(finished.checkpoint), "--snr-db", "3", "--out", out],
    ]
    capsys.readouterr()
    for command in commands:
        assert main([*command, "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")
    assert main([*TRAIN_QUICKLY, "--run-dir", str(tmp_path / "run"), "--quiet"]) == 0
    output = capsys.readouterr()
    assert "Epoch" not in output.out
    assert "hard" in output.out
    assert output.err == ""


def test_tables_are_printed(finished, capsys, tmp_path):
    words = ["ber", "--max-bits", "1000", "--bits-per-symbol", "2", "--ebno-db", "3", "--out", str(tmp_path)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "4-QAM awgn" in text
    assert "4-QAM rayleigh" in text
    for name in ("ber.json", "ber.csv", "ber.png"):
        assert str(tmp_path / name) in text.replace("\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_tables_are_printed_in_any_encoding(monkeypatch, tmp_path, encoding):
    """A character that standard output lacks does not turn a finished run into an error."""
    output = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(output, encoding=encoding, write_through=True))
    words = ["ber", "--max-bits", "1000", "--bits-per-symbol", "2", "--ebno-db", "3", "--out", str(tmp_path)]
    assert main(words) == 0
    assert b"4-QAM awgn" in output.getvalue()


def test_lists_of_temperatures(finished, tmp_path):
    """Every combination for the soft path; the hard path, which ignores temperatures, once."""
    words = [str(finished.checkpoint), "--snr-db", "8", "--vq-temp", "0.1", "1", "--symbol-temp", "0.5", "2"]
    assert main(["accuracy", *words, "--out", str(tmp_path), "--quiet"]) == 0
    rows = read_json(tmp_path / "accuracy.json")["rows"]
    temperatures = [(row["vq_temp"], row["symbol_temp"]) for row in rows if row["path"] == "soft"]
    assert temperatures == [(0.1, 0.5), (0.1, 2.0), (1.0, 0.5), (1.0, 2.0)]
    assert [row["path"] for row in rows].count("hard") == 1


def test_overwriting_takes_the_run_and_its_results_only(tmp_path):
    own, foreign = tmp_path / "audit.json", tmp_path / "checkpoints" / "mine.pt"
    words = [*TRAIN_QUICKLY, "--run-dir", str(tmp_path), "--quiet"]
    assert main(words) == 0
    own.write_text("{}")
    foreign.write_text("not linksim's")
    assert main([*words, "--overwrite"]) == 0
    assert not own.exists()
    assert foreign.read_text() == "not linksim's"
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
