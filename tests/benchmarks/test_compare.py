"""Trainings side by side."""

import json

import pytest
from scipy import stats

from linksim.cli import main
from linksim_benchmarks.compare import compare, load_run


def write_run(folder, *, seed, snr_db, hard, defects=(), warnings=()):
    """A run folder with just what is compared."""
    folder.mkdir(parents=True)
    config = {
        "dataset": "digits",
        "preset": "basic",
        "snr_db": snr_db,
        "link": {"tokens": 4, "defects": list(defects)},
        "training": {"seed": seed, "epochs": 2},
    }
    figure = {"low": 0.0, "high": 1.0}
    summary = {
        "hard": {"accuracy": hard, **figure},
        "hard_map": {"accuracy": hard - 0.1, **figure},
        "soft": {"accuracy": hard + 0.02, **figure},
        "gap": {"value": 0.02, **figure},
    }
    rows = [
        {
            "warnings": list(warnings),
            "val": {"soft_accuracy": 0.5, "hard_accuracy": value, "map_accuracy": 0.3, "perplexity": 9.0},
        }
        for value in (0.6, 0.4 + hard / 10)
    ]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def folders(tmp_path):
    return [
        write_run(tmp_path / "a0", seed=0, snr_db=8.0, hard=0.90),
        write_run(tmp_path / "a1", seed=1, snr_db=8.0, hard=0.94, warnings=["llr-jump"]),
        write_run(tmp_path / "a2", seed=2, snr_db=8.0, hard=0.95, warnings=["llr-jump"]),
        write_run(tmp_path / "b0", seed=0, snr_db=0.0, hard=0.80),
    ]


def test_seeds_are_averaged_and_settings_kept_apart(folders):
    first, second = compare([load_run(folder) for folder in folders])
    assert (first["settings"], first["runs"]) == ("snr_db=8.0", 3)
    assert (second["settings"], second["runs"]) == ("snr_db=0.0", 1)
    values = [0.90, 0.94, 0.95]
    assert first["hard"] == pytest.approx(sum(values) / 3)
    low, high = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
    assert (first["hard_low"], first["hard_high"]) == pytest.approx((low, high))
    assert second["hard_low"] is None
    assert first["noiseless"] is None
    assert first["warnings"] == "llr-jump:2"


def test_distance_from_the_best_epoch_is_the_largest(folders):
    (first, *_) = compare([load_run(folder) for folder in folders])
    assert first["below_best"] == pytest.approx(0.6 - 0.49)
    assert first["last_hard"] == pytest.approx(0.4 + sum((0.90, 0.94, 0.95)) / 30)


def test_lists_are_named_by_their_words(tmp_path):
    runs = [
        write_run(tmp_path / "x", seed=0, snr_db=8.0, hard=0.9),
        write_run(tmp_path / "y", seed=0, snr_db=8.0, hard=0.9, defects=["radius-2", "llr-scale"]),
    ]
    names = [row["settings"] for row in compare([load_run(folder) for folder in runs])]
    assert names == ["defects=none", "defects=radius-2 llr-scale"]


def test_the_command_writes_table_json_and_picture(folders, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["compare", *map(str, folders), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "snr_db=8.0" in printed
    content = json.loads((out / "compare.json").read_text())
    assert [row["runs"] for row in content["rows"]] == [3, 1]
    assert content["provenance"]["versions"]
    assert (out / "compare.csv").read_text().startswith("settings,runs,hard,")
    assert (out / "compare.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("missing", ["config.json", "metrics.jsonl", "summary.json"])
def test_unfinished_runs_are_refused_in_one_line(folders, tmp_path, capsys, missing):
    (folders[0] / missing).unlink()
    assert main(["compare", *map(str, folders), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert missing in line
    assert not (tmp_path / "out").exists()


def test_nothing_and_rubbish_are_refused(folders, tmp_path, capsys):
    assert main(["compare", "--out", str(tmp_path / "out")]) == 2
    (folders[0] / "summary.json").write_text("{")
    assert main(["compare", str(folders[0]), "--out", str(tmp_path / "out")]) == 2
    (folders[0] / "summary.json").write_text("{}")
    assert main(["compare", str(folders[0]), "--out", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
