"""`linksim train --modes` and `linksim modes`: what they write, and that rows are what the link does."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from linksim import LinkConfig
from linksim.cli import main
from linksim.seeds import stream
from linksim_benchmarks.modes.outcomes import outcomes
from linksim_training import build_model, build_routed_model, load_data, load_routed_checkpoint
from linksim_training.checkpoints import save_checkpoint

TRAIN = [
    *("train", "--dataset", "digits", "--epochs", "1", "--alignment-start-epoch", "1", "--batch-size", "100"),
    *("--tokens", "3", "--embedding-dim", "4", "--header-symbols", "2", "--snr-db-range", "0", "15"),
    *("--lambda-sym", "0.002", "--device", "cpu", "--skip-noiseless", "--quiet"),
]
MODES = ["--modes", "8:2", "16:4"]
SNRS, DRAWS, PRICES = [5.0, 10.0], 2, [0.0, 0.01]
REPORT = ["--snr-db", 5, 10, "--draws", DRAWS, "--lambda-sym", 0, 0.01, "--fit-draws", 1, "--seed", 3]
FIXED = [("fixed", mode, None) for mode in (0, 1)]
POLICIES = [*FIXED, ("router", None, 0.002), *(("refitted", None, price) for price in PRICES)]
COLUMNS = [
    *("policy", "mode", "lambda_sym", "snr_db", "models", "images", "draws", "accuracy", "low", "high"),
    *("lowest_model", "highest_model", "symbols", "bits", "usage_0", "usage_1"),
    *("above_line", "above_line_low", "above_line_high"),
]


def run(*words):
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Checkpoints of two seeds with the same modes."""
    root = tmp_path_factory.mktemp("trained")
    for seed in (1, 2):
        run(*TRAIN, *MODES, "--seed", seed, "--run-dir", root / str(seed), "--json", root / f"{seed}.json")
    checkpoints = [root / str(seed) / "checkpoints" / "best_hard_model.pt" for seed in (1, 2)]
    return SimpleNamespace(root=root, checkpoints=checkpoints)


@pytest.fixture(scope="module")
def reported(trained):
    """Folder and content of a report on both."""
    out = trained.root / "out"
    run("modes", *trained.checkpoints, *REPORT, "--out", out, "--json", out / "copy.json", "--quiet")
    content = json.loads((out / "modes.json").read_text())
    return SimpleNamespace(out=out, content=content, rows=content["rows"])


def test_the_run_is_described(trained):
    folder = trained.root / "1"
    config = json.loads((folder / "config.json").read_text())
    assert config["routing"] == {"modes": ["8:2", "16:4"], "header_symbols": 2}
    (row,) = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert row["modes"]["modes"] == [[8, 2], [16, 4]]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["samples"] == 360
    assert json.loads((trained.root / "1.json").read_text())["summary"] == summary
    model = load_routed_checkpoint(trained.checkpoints[0]).model
    assert model.link.modes == ((8, 2), (16, 4))
    assert model.link.symbols.tolist() == [2 + 5, 2 + 3]


def test_files(reported):
    names = {f"modes.{ending}" for ending in ("csv", "json", "pdf", "png", "svg")}
    assert {path.name for path in reported.out.iterdir()} == names | {"copy.json"}
    assert (reported.out / "modes.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert (reported.out / "copy.json").read_text() == (reported.out / "modes.json").read_text()
    with (reported.out / "modes.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == COLUMNS
    assert [float(line["accuracy"]) for line in lines] == [row["accuracy"] for row in reported.rows]
    assert reported.content["modes"] == [[8, 2], [16, 4]]
    assert reported.content["provenance"]["seed"] == 3


def test_rows(reported):
    """Every policy at every SNR, with figures that fit together."""
    key = [(row["snr_db"], row["policy"], row["mode"], row["lambda_sym"]) for row in reported.rows]
    assert key == [(snr, *policy) for snr in SNRS for policy in POLICIES]
    for row in reported.rows:
        assert list(row) == COLUMNS
        assert (row["models"], row["images"], row["draws"]) == (2, 360, DRAWS)
        assert row["low"] <= row["accuracy"] <= row["high"]
        assert row["lowest_model"] <= row["accuracy"] <= row["highest_model"]
        assert row["usage_0"] + row["usage_1"] == pytest.approx(1)
        assert row["symbols"] == pytest.approx(7 * row["usage_0"] + 5 * row["usage_1"])
        assert row["bits"] == pytest.approx((1 + 9) * row["usage_0"] + (1 + 12) * row["usage_1"])
        assert row["above_line_low"] <= row["above_line"] <= row["above_line_high"]
        if row["policy"] == "fixed":
            assert row[f"usage_{row['mode']}"] == 1


def test_fixed_rows_are_the_link_in_that_mode(trained, reported):
    """Transmitted again with `RoutedLink.hard`, model by model and draw by draw."""
    data = load_data("digits")
    for row in (row for row in reported.rows if row["policy"] == "fixed"):
        right = []
        for path in trained.checkpoints:
            model = load_routed_checkpoint(path).model
            for number in range(DRAWS):
                draw = model.link.draw(360, row["snr_db"], stream(3, "modes", f"{row['snr_db']:g}", number))
                with torch.no_grad():
                    latents = model.encoder(data.x_test)
                    trace = model.link.hard(latents, draw, mode=row["mode"])
                    guess = model.decode(trace).logits.argmax(-1)
                right.append((guess == data.y_test).double().mean().item())
        assert row["accuracy"] == pytest.approx(np.mean(right))
        assert row["lowest_model"] == pytest.approx(min(np.mean(right[:2]), np.mean(right[2:])))


def test_the_router_as_trained_is_the_deployed_model(trained, reported):
    data = load_data("digits")
    for row in (row for row in reported.rows if row["policy"] == "router"):
        right, symbols = [], []
        for path in trained.checkpoints:
            model = load_routed_checkpoint(path).model
            for number in range(DRAWS):
                draw = model.link.draw(360, row["snr_db"], stream(3, "modes", f"{row['snr_db']:g}", number))
                with torch.no_grad():
                    output, trace = model.deployed(data.x_test, draw)
                right.append((output.logits.argmax(-1) == data.y_test).double().mean().item())
                symbols.append(trace.symbols.double().mean().item())
        assert row["accuracy"] == pytest.approx(np.mean(right))
        assert row["symbols"] == pytest.approx(np.mean(symbols))


def test_fixed_modes_on_the_line(reported):
    """No mode is above the line between modes; the better and cheaper of two is on it, so is the best."""
    for snr in SNRS:
        rows = [row for row in reported.rows if (row["policy"], row["snr_db"]) == ("fixed", snr)]
        assert all(row["above_line"] <= 1e-12 for row in rows)
        cheapest = min(rows, key=lambda row: row["symbols"])
        assert cheapest["above_line"] == pytest.approx(0, abs=1e-12)


SHORT = ["--snr-db", 8, "--draws", 1, "--fit-draws", 1, "--lambda-sym", 0]


def test_the_seed_decides(trained, tmp_path, capsys):
    """The same seed gives the same file, another one other noise; what is printed is in the file."""
    rows, text = [], []
    for number in (1, 2):
        out = tmp_path / str(number)
        run("modes", trained.checkpoints[0], *SHORT, "--seed", 4, "--out", out)
        text.append(capsys.readouterr().out)
        rows.append(json.loads((out / "modes.json").read_text())["rows"])
    assert rows[0] == rows[1]
    data, model = load_data("digits"), load_routed_checkpoint(trained.checkpoints[0]).model
    same, other = (outcomes(model, data.x_test, data.y_test, [8.0], 1, seed)[0].correct for seed in (4, 5))
    assert [row["accuracy"] for row in rows[0][:2]] == pytest.approx(same.mean((1, 2)))
    assert (same != other).any()
    assert "1 models, 360 images, 1 draws" in text[0]
    words = ("K=8, 4-QAM", "K=16, 16-QAM", "router, λ_sym 0.002", "refitted, λ_sym 0", "modes.pdf")
    accuracies = [f"{100 * row['accuracy']:.2f}" for row in rows[0]]
    assert len(rows[0]) == 4
    for word in (*words, *accuracies):
        assert word in text[0].replace("\n", "")


def test_the_result_of_a_training_is_printed(trained, tmp_path, capsys):
    """Hard path, soft path, baseline without a link, with the figures of the summary."""
    words = [word for word in TRAIN if word not in ("--skip-noiseless", "--quiet")]
    run(*words, *MODES, "--seed", 1, "--run-dir", tmp_path)
    text = capsys.readouterr().out
    summary = json.loads((tmp_path / "summary.json").read_text())
    other = json.loads((trained.root / "1" / "summary.json").read_text())
    assert summary["hard"] == other["hard"]
    assert sum(summary["mode_usage"]) == pytest.approx(1)
    lines = [line.split() for line in text.splitlines()]
    for path in ("hard", "soft", "noiseless"):
        figure = f"{100 * summary[path]['accuracy']:.1f}"
        assert any(line[:1] == [path] and figure in line for line in lines), path


def test_going_on_with_a_run(trained, tmp_path, refused):
    """Modes come from the run; others beside it are refused."""
    folder = tmp_path / "run"
    run(*TRAIN, *MODES, "--seed", 1, "--run-dir", folder)
    metrics = (folder / "metrics.jsonl").read_bytes()
    assert metrics == (trained.root / "1" / "metrics.jsonl").read_bytes()
    run("train", "--resume", "--run-dir", folder, "--quiet")
    run("train", "--resume", "--run-dir", folder, "--quiet", *MODES)
    assert (folder / "metrics.jsonl").read_bytes() == metrics
    resume = ["train", "--resume", "--run-dir", folder]
    assert "--modes" in refused(*resume, "--modes", "8:2", "16:2")
    assert "--header-symbols" in refused(*resume, "--header-symbols", 3)


FAULTS = {
    "no width": (["64"], "'64'"),
    "no size": ([":2"], "':2'"),
    "a comma": (["64,2"], "'64,2'"),
    "negative": (["64:-2"], "'64:-2'"),
    "a fraction": (["64:2.5"], "'64:2.5'"),
    "three numbers": (["64:2:2"], "'64:2:2'"),
    "far too many bits per symbol": (["64:99"], "99"),
    "one codeword": (["1:2"], "--modes"),
    "odd bits of QAM": (["64:2", "64:3"], "bits_per_symbol"),
    "too many for the header": (["8:2"] * 20, "header_symbols"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_modes_that_cannot_be_trained(refused, tmp_path, fault):
    words, name = FAULTS[fault]
    line = refused(*TRAIN, "--modes", *words, "--run-dir", tmp_path / "run")
    assert name in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--channel", "bsc"], "bsc"),
        (["--defects", "llr-scale"], "llr-scale"),
        (["--header-symbols", "0"], "header_symbols"),
        (["--codebook-update", "ema"], "codebook_update"),
        (["--gradient", "gumbel"], "gradient"),
        (["--mode-floor", "1.5"], "mode_floor"),
        (["--mode-floor", "-0.1"], "mode_floor"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_settings_that_modes_have_not(refused, tmp_path, words, name):
    line = refused(*TRAIN, *MODES, *words, "--run-dir", tmp_path / "run")
    assert name in line
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], "checkpoint"),
        (["missing.pt"], "missing.pt"),
        (["{one}", "--snr-db", "warm"], "--snr-db"),
        (["{one}", "--lambda-sym", "-1"], "--lambda-sym"),
        (["{one}", "--lambda-sym", "dear"], "--lambda-sym"),
        (["{one}", "--draws", "0"], "--draws"),
        (["{one}", "--fit-draws", "0"], "--fit-draws"),
        (["{one}", "--threads", "0"], "--threads"),
        (["{one}", "--seed", "-1"], "--seed"),
        (["{one}", "--dataset", "mnist6k"], "mnist6k"),
        (["{one}", "--colour", "blue"], "--colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_reports_that_are_refused(refused, trained, tmp_path, words, name):
    given = [word.format(one=trained.checkpoints[0]) for word in words]
    line = refused("modes", *given, "--out", tmp_path / "out")
    assert line.startswith("linksim modes: ")
    assert name in line
    assert not list(tmp_path.iterdir())


def test_checkpoints_that_do_not_go_together(refused, trained, tmp_path):
    """One mode, other modes, and one that was saved by hand."""
    out = ["--out", tmp_path / "out"]
    link = LinkConfig(tokens=3, embedding_dim=4)
    paths = {name: tmp_path / f"{name}.pt" for name in ("single", "other", "own")}
    save_checkpoint(paths["single"], build_model((1, 8, 8), 10, link), {"data": "digits"})
    other = build_routed_model((1, 8, 8), 10, [(8, 2), (16, 2)], link)
    metadata = load_routed_checkpoint(trained.checkpoints[0]).metadata
    save_checkpoint(paths["other"], other, metadata)
    save_checkpoint(paths["own"], other, {"epoch": 1})
    assert str(paths["single"]) in refused("modes", paths["single"], *out)
    line = refused("modes", trained.checkpoints[0], paths["other"], *out)
    assert str(paths["other"]) in line
    assert "other modes" in line
    assert str(paths["own"]) in refused("modes", paths["own"], *out)
    shape = build_routed_model((1, 9, 9), 10, [(8, 2), (16, 2)], link)
    save_checkpoint(paths["own"], shape, metadata)
    assert "shape" in refused("modes", paths["own"], *out)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["audit", "accuracy"])
def test_other_commands_want_a_single_mode(refused, trained, tmp_path, command):
    line = refused(command, trained.checkpoints[0], "--snr-db", 8, "--out", tmp_path / "out")
    assert str(trained.checkpoints[0]) in line
    assert "linksim modes" in line
    assert not list(tmp_path.iterdir())
