"""`linksim audit` of a checkpoint: what it writes and prints, temperatures, draws, ties, history."""

import contextlib
import io
import json
import re
import shutil
from types import SimpleNamespace

import pytest
import torch

from linksim import audit
from linksim.cli import main
from linksim.config import DEFECTS
from linksim.seeds import stream
from linksim_benchmarks.checkpoint_data import load
from linksim_training import load_checkpoint
from linksim_training.checkpoints import save_checkpoint

SNRS = [0.0, 12.0]
FILES = ["audit.html", "audit.json", "audit.png"]
KEY = ["checkpoint", "vq_temp", "symbol_temp"]
COLUMNS = {
    "rows": [*KEY, "snr_db", "stage", "metric", "value", "low", "high"],
    "attribution": [*KEY, "snr_db", "surrogate", "measure", "place", "value", "low", "high"],
    "switched": [*KEY, "defect", "soft_accuracy", "low", "high", "embedding_nmse"],
    "calibration": [*KEY, "snr_db", "path", "llr", "claimed", "measured", "low", "high", "bits"],
    "information": [*KEY, "snr_db", "path", "value", "low", "high", "best_scale", "capacity"],
}


def strict(constant):
    raise AssertionError(f"{constant} is not JSON")


def run(out, *words):
    """What an audit wrote and printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([str(word) for word in ("audit", *words, "--out", out)]) == 0
    content = json.loads((out / "audit.json").read_text(), parse_constant=strict)
    return SimpleNamespace(out=out, text=printed.getvalue(), content=content)


def of(content, metric, **key):
    """Values of one figure, in the order of the rows."""
    wanted = {"metric": metric, **key}
    return [row["value"] for row in content["rows"] if wanted.items() <= row.items()]


def pairs_of(rows):
    return {(row["vq_temp"], row["symbol_temp"]) for row in rows}


@pytest.fixture(scope="module")
def single(finished, tmp_path_factory):
    """One checkpoint at two SNRs."""
    root = tmp_path_factory.mktemp("single")
    copy = root / "copies" / "copy.json"
    return run(root / "out", finished.checkpoint, "--snr-db", 0, 12, "--json", copy)


@pytest.fixture(scope="module")
def swept(finished, tmp_path_factory):
    """One checkpoint at two pairs of temperatures."""
    temperatures = ["--vq-temp", 0.7, 0.1, 0.7, "--symbol-temp", 0.5]  # one of them twice
    return run(tmp_path_factory.mktemp("swept"), finished.checkpoint, "--snr-db", 12, *temperatures)


def test_files(single):
    assert sorted(path.name for path in single.out.iterdir()) == FILES
    assert (single.out / "audit.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    page = (single.out / "audit.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert single.content["provenance"]["configuration_hash"] in page
    (copy,) = (single.out.parent / "copies").iterdir()
    assert copy.read_bytes() == (single.out / "audit.json").read_bytes()


@pytest.mark.parametrize("name", COLUMNS)
def test_lists_of_the_json(single, name):
    rows = single.content[name]
    assert rows
    for row in rows:
        assert list(row) == COLUMNS[name]
        assert [row[key] for key in KEY] == ["run", 0.7, 0.7]
        value = row[{"switched": "soft_accuracy", "calibration": "measured"}.get(name, "value")]
        assert row["low"] <= value <= row["high"]
    if "snr_db" in COLUMNS[name]:
        assert sorted({row["snr_db"] for row in rows}) == SNRS
    if "path" in COLUMNS[name]:
        assert {row["path"] for row in rows} == {"hard", "soft", "uniform"}


def test_defects_of_an_exact_surrogate(single):
    (finding,) = single.content["findings"]
    assert (finding["checkpoint"], finding["verdict"], finding["defects"]) == ("run", "none", [])
    names = [row["defect"] for row in single.content["switched"]]
    assert names[0] == "none"
    assert len(set(names)) == len(names)
    assert {"llr-scale", "transmit-statistics"} < set(names) < {"none", *DEFECTS}


def test_the_checkpoint(finished, single):
    (described,) = single.content["checkpoints"]
    checkpoint = load_checkpoint(finished.checkpoint)
    assert described["name"] == "run"
    assert described["path"] == str(finished.checkpoint)
    assert described["epoch"] == checkpoint.metadata["epoch"]
    assert described["trained_snr_db"] == 12
    assert (described["data"], described["images"], described["draws"]) == ("digits", 360, 1)
    assert (described["surrogate"], described["images_left_out"]) == (None, 0)
    assert "8 tokens × 4 bits" in described["link"]
    assert single.content["differences"] == []


def test_the_history_is_that_of_the_run(finished, single):
    history = single.content["checkpoints"][0]["history"]
    epochs = [json.loads(line) for line in (finished.run / "metrics.jsonl").read_text().splitlines()]
    assert history["epochs"] == [1, 2, 3]
    assert history["alignment_start_epoch"] == 3
    assert list(history["stages"])[:2] == ["vq_nmse", "symbol_nmse"]
    for metric, values in history["stages"].items():
        assert values == [epoch["mismatch"][metric] for epoch in epochs]


def test_what_is_printed(single):
    lines = single.text.splitlines()
    verdict = single.content["checkpoints"][0]["verdict"]
    assert f"run: {verdict}" in lines
    assert single.content["findings"][0]["sentence"] in verdict
    assert lines[0] == f"run: {verdict}"
    assert lines[1].startswith("360 images of digits")
    tables = [line for line in lines if line.startswith("  ")]
    assert max(map(len, tables)) <= 80
    heads = next(line for line in tables if "figure" in line)
    assert heads.split() == ["figure", "0", "dB", "12", "dB"]
    figures = [f"{value:.3g}" for value in of(single.content, "embedding_nmse")]
    assert ["embedding_nmse", *figures] in [line.split() for line in lines]
    copy = single.out.parent / "copies" / "copy.json"
    written = {copy, *(single.out / name for name in FILES)}
    assert set(lines[-1].removeprefix("Written: ").split(", ")) == set(map(str, written))


def test_the_seed_decides(finished, single, tmp_path):
    """The same seed gives the same files, another one other noise."""
    words = [finished.checkpoint, "--snr-db", 0, 12, "--quiet"]
    again, another = run(tmp_path / "a", *words), run(tmp_path / "b", *words, "--seed", 1)
    for name in ("audit.json", "audit.html"):
        assert (again.out / name).read_bytes() == (single.out / name).read_bytes()
    assert again.text == ""
    assert another.content["provenance"]["seed"] == 1
    assert of(another.content, "vq_nmse") == of(single.content, "vq_nmse")  # no noise there
    for name in ("received_nmse", "hard_mean_llr", "soft_cross_entropy"):
        assert not set(of(another.content, name)) & set(of(single.content, name))
    for name in ("attribution", "switched", "calibration", "information"):
        assert another.content[name] != single.content[name]


def test_every_pair_of_temperatures(swept):
    content, pairs = swept.content, {(0.7, 0.5), (0.1, 0.5)}
    assert pairs_of(content["rows"]) == pairs_of(content["attribution"]) == pairs
    for name in ("calibration", "information", "switched", "findings"):
        assert pairs_of(content[name]) == {(0.7, 0.5)}
    first, second = of(content, "hard_accuracy")
    assert first == second
    warm, cold = of(content, "assignment_confidence")
    assert warm < cold
    assert "soft (vq_temp 0.7, symbol_temp 0.5) against hard" in swept.text
    lines = [line.split() for line in swept.text.splitlines()]
    for pair, soft in zip(
        (["0.7", "/", "0.5"], ["0.1", "/", "0.5"]), of(content, "soft_accuracy"), strict=True
    ):
        assert [*pair, f"{100 * soft:.1f}"] in lines
    assert ["hard", "path", f"{100 * first:.1f}"] in lines


@pytest.mark.parametrize("pair", [(0.7, 0.5), (0.1, 0.5)])
def test_rows_are_those_of_the_audit_in_python(finished, swept, pair):
    checkpoint, data = load(finished.checkpoint, None)
    link = checkpoint.model.link
    link.vq_temp, link.symbol_temp = pair
    batches, source = [data.part("test")], stream(0, "audit")
    report = audit(checkpoint.model, batches, snr_db=[12.0], generator=source, parts=())
    rows = [row for row in swept.content["rows"] if (row["vq_temp"], row["symbol_temp"]) == pair]
    assert [{name: row[name] for name in row if name not in KEY} for row in rows] == report.rows


def test_a_checkpoint_beside_itself(finished, tmp_path):
    """Neither differs from the other, and both have the figures that the one has alone."""
    found = run(tmp_path, finished.checkpoint, finished.checkpoint, "--snr-db", 12)
    names = ["A: run best_hard_model", "B: run best_hard_model"]
    assert [one["name"] for one in found.content["checkpoints"]] == names
    differences = found.content["differences"]
    assert sorted((row["snr_db"], row["path"]) for row in differences) == [(12, "hard"), (12, "soft")]
    for row in differences:
        assert [row["first"], row["second"], row["value"]] == [*names, 0]
        assert row["low"] <= 0 <= row["high"]
    for name in COLUMNS:
        first, second = (
            [{**row, "checkpoint": ""} for row in found.content[name] if row["checkpoint"] == mine]
            for mine in names
        )
        assert first == second != []
    for one in found.content["checkpoints"]:
        assert f"{one['name']}: {one['verdict']}" in found.text
    assert f"Hard accuracy at 12 dB: {names[0]} minus {names[1]} 0.0 points" in found.text


def test_several_draws(finished, single, tmp_path):
    found = run(tmp_path, finished.checkpoint, "--snr-db", 0, 12, "--draws", 2).content
    (described,) = found["checkpoints"]
    assert (described["images"], described["draws"]) == (360, 2)
    assert of(found, "symbol_nmse") == pytest.approx(of(single.content, "symbol_nmse"))
    assert of(found, "received_nmse") != pytest.approx(of(single.content, "received_nmse"))
    for share in of(found, "hard_accuracy"):
        assert share * 720 == pytest.approx(round(share * 720))
    cards = [one["provenance"]["configuration_hash"] for one in (found, single.content)]
    assert cards[0] != cards[1]
    assert all(re.fullmatch("[0-9a-f]{64}", card) for card in cards)


def test_ties_and_a_checkpoint_alone(finished, tmp_path, refused):
    """A codeword stands twice in the book, so that its tokens lie between two; the file lies in no run."""
    checkpoint, data = load(finished.checkpoint, None)
    link = checkpoint.model.link
    with torch.no_grad():
        latents = checkpoint.model.encoder(data.x_test)
        index = link.quantize.hard(link.quantize.normalise(latents), link.codebook)
        counts = torch.bincount(index.flatten(), minlength=16)
        rarest = int(counts.masked_fill(counts == 0, counts.max() + 1).argmin())
        link.codebook[rarest - 1] = link.codebook[rarest]
    path = tmp_path / "alone.pt"
    save_checkpoint(path, checkpoint.model, checkpoint.metadata)
    found = run(tmp_path / "out", path, "--snr-db", 12, "--leave-out-ties")
    (described,) = found.content["checkpoints"]
    tokens, images = int((index == rarest).sum()), int((index == rarest).any(1).sum())
    assert described["tied_tokens"] >= tokens > 0
    assert described["images_left_out"] >= images > 0
    assert described["images"] == 360 - described["images_left_out"] > 1
    counted = f"{described['tied_tokens']}; {described['images_left_out']} images left out"
    assert f"Tokens between two codewords: {counted}" in found.text
    assert (described["name"], described["history"]) == ("alone", None)

    with torch.no_grad():
        link.codebook[:] = link.codebook[0]
    save_checkpoint(path, checkpoint.model, checkpoint.metadata)
    assert "two images" in refused("audit", path, "--out", tmp_path / "none", "--leave-out-ties")
    assert not (tmp_path / "none").exists()


def test_a_damaged_history(refused, finished, tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    path = shutil.copy(finished.checkpoint, tmp_path / "run" / "checkpoints")
    rows = (finished.run / "metrics.jsonl").read_text()
    (tmp_path / "run" / "metrics.jsonl").write_text(rows[: len(rows) // 2])
    line = refused("audit", path, "--snr-db", 12, "--out", tmp_path / "out")
    assert str(tmp_path / "run" / "metrics.jsonl") in line
    assert not (tmp_path / "out").exists()
