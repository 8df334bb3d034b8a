"""`linksim plot`: overlays of stored sweeps, made by real runs of the engine."""

import csv
import json
import shutil
import sqlite3
from dataclasses import asdict

import pytest

from linksim.cli import main
from linksim.config import CodingOptions
from linksim_benchmarks import plot_command
from linksim_benchmarks.ber import Point
from linksim_benchmarks.ber_rows import points_of
from linksim_benchmarks.ber_rows import rows as ber_rows
from linksim_benchmarks.montecarlo.engine import counted, run
from linksim_benchmarks.montecarlo.stop import StopRule
from linksim_benchmarks.montecarlo.store import Store
from linksim_benchmarks.montecarlo.work import Sweep
from linksim_benchmarks.montecarlo.workers import local_workers
from linksim_benchmarks.plot_command import distinct_names
from linksim_benchmarks.stored import Stored, load_stored

RULE = StopRule(max_bits=2400)
UNCODED = [Point(m, "awgn", snr, paths=("hard", "soft")) for m in (2, 4) for snr in (3.0, 7.0)]
CODED = [
    Point(2, "awgn", snr, coding=CodingOptions(code="ldpc", crc="CRC11", bp_iterations=2))
    for snr in (-1.0, 1.0)
]


def store(folder, points, counted_points=None, rule=RULE):
    """A store as `linksim ber` leaves it, of all points or of the first ones."""
    path = folder / "ber.sqlite"
    settings = {"chunk_bits": 240_000, "paths": sorted(points[0].paths)}
    sweep = Sweep("ber", points, 0, settings)
    with Store.create(path, {**sweep.configuration(), "versions": {}}) as made, local_workers(1) as workers:
        made.set_note("rule", asdict(rule))
        made.set_note("interval", "wilson")
        run(Sweep("ber", points[:counted_points], 0, settings), rule, workers, made)
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    root = tmp_path_factory.mktemp("stores")
    return {
        "uncoded": store(root / "uncoded", UNCODED),
        "coded": store(root / "coded", CODED),
        "unfinished": store(root / "unfinished", UNCODED, 1),
        "empty": store(root / "empty", UNCODED, 0),
    }


def plot(*words):
    return main(["plot", *map(str, words)])


def test_a_store_is_read_back(stores):
    found = load_stored(stores["uncoded"])
    with Store.read(stores["uncoded"]) as opened:
        progress = counted(Sweep("ber", UNCODED, 0, {}), RULE, opened)
    assert found.kind == "ber"
    assert found.finished
    assert found.rows == ber_rows(progress, "wilson")
    assert found.points == points_of(progress)
    assert len(found.rows) == 8
    assert load_stored(stores["coded"]).points == CODED
    assert found.configuration["kind"] == "ber"


def test_an_unfinished_store_is_read_as_far_as_it_goes(stores):
    found = load_stored(stores["unfinished"])
    assert not found.finished
    assert [row["snr_db"] for row in found.rows] == [3.0, 3.0]


def test_files(stores, tmp_path, capsys):
    before = stores["uncoded"].read_bytes()
    words = [
        stores["uncoded"].parent,
        stores["coded"],
        stores["unfinished"],
        "--title",
        "Coding",
        "--rate",
        "fer",
    ]
    assert plot(*words, "--out", tmp_path / "out", "--json", tmp_path / "again.json") == 0
    assert stores["uncoded"].read_bytes() == before
    endings = ("csv", "json", "pdf", "png", "svg")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"plot.{one}" for one in endings]
    content = json.loads((tmp_path / "out" / "plot.json").read_text())
    assert (tmp_path / "again.json").read_text() == (tmp_path / "out" / "plot.json").read_text()
    rows = content["rows"]
    assert [row["sweep"] for row in rows] == ["uncoded"] * 8 + ["coded"] * 2 + ["unfinished"] * 2
    assert [{**row, "sweep": None} for row in rows[8:10]] == [
        {"sweep": None, **row} for row in load_stored(stores["coded"]).rows
    ]
    with (tmp_path / "out" / "plot.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert next(iter(lines[0])) == "sweep"
    assert [float(line["fer"]) for line in lines] == [row["fer"] for row in rows]
    assert content["provenance"]["seed"] == 0
    text = capsys.readouterr().out
    assert "unfinished" in text
    assert str(tmp_path / "out" / "plot.pdf") in text
    svg = (tmp_path / "out" / "plot.svg").read_text()
    for words in ("uncoded: 4-QAM, hard path", "coded: 4-QAM, LDPC 1/2", "Coding", "frame error rate"):
        assert words in svg


def test_choices(stores, tmp_path, capsys):
    words = [
        stores["uncoded"],
        stores["coded"],
        "--labels",
        "a$b",
        "_c",
        "--axis",
        "esno",
        "--formats",
        "svg",
    ]
    assert plot(*words, "--out", tmp_path, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plot.csv", "plot.json", "plot.svg"]
    svg = (tmp_path / "plot.svg").read_text()
    assert "a$b: 4-QAM" in svg
    assert "_c: 4-QAM" in svg
    assert {row["sweep"] for row in json.loads((tmp_path / "plot.json").read_text())["rows"]} == {"a$b", "_c"}


def test_one_sweep_needs_no_label(stores, tmp_path):
    assert plot(stores["coded"], "--formats", "svg", "--out", tmp_path, "--quiet") == 0
    svg = (tmp_path / "plot.svg").read_text()
    assert ">4-QAM, LDPC 1/2<" in svg
    assert "coded: " not in svg


def accuracy(path):
    rows = [
        {"snr_db": snr, "ebno_db": snr - 2, "path": "hard", "accuracy": 0.5, "low": 0.4, "high": 0.6}
        for snr in (1.0, 2.0)
    ]
    return Stored("accuracy", rows, [], True, {"kind": "accuracy", "seed": 1}, 8.0)


def test_accuracies(stores, tmp_path, monkeypatch):
    monkeypatch.setattr(plot_command, "load_stored", accuracy)
    assert plot(stores["coded"], stores["uncoded"], "--out", tmp_path, "--quiet") == 0
    svg = (tmp_path / "plot.svg").read_text()
    assert "coded: hard (deployed)" in svg
    assert "trained at 8 dB" in svg


def test_sweeps_of_two_kinds(stores, tmp_path, monkeypatch, refused):
    def load(path):
        return accuracy(path) if path == stores["coded"] else load_stored(path)

    monkeypatch.setattr(plot_command, "load_stored", load)
    assert "apart" in refused("plot", stores["uncoded"], stores["coded"], "--out", tmp_path / "out")
    line = refused("plot", stores["coded"], "--rate", "fer", "--out", tmp_path / "out")
    assert "--rate" in line
    assert not list(tmp_path.iterdir())


def test_names_of_folders_are_made_distinct(tmp_path):
    paths = [tmp_path / name / "ber.sqlite" for name in ("x/run", "y/run", "z", "z")]
    assert distinct_names(paths[:1]) == ["run"]
    assert distinct_names(paths[:3]) == ["x/run", "y/run", "z"]
    found = distinct_names(paths)
    assert found[:2] == ["x/run", "y/run"]
    assert len(set(found)) == 4


# Words after `plot`, "{…}" a store or a file of that name, and what the line must name.
FAULTS = {
    "nothing": ([], "nothing to plot"),
    "no such file": (["{missing}"], "missing"),
    "a folder without a store": (["{folder}"], "neither"),
    "a folder with both": (["{two}"], "give the file"),
    "text": (["{text}"], "text"),
    "a foreign database": (["{foreign}"], "another program"),
    "a damaged store": (["{damaged}"], "damaged"),
    "a wrong checksum": (["{checksum}"], "checksum"),
    "another kind": (["{kind}"], "'weather'"),
    "a point that means nothing": (["{point}"], "another version"),
    "no rows": (["{empty}"], "no results yet"),
    "one of two": (["{coded}", "{empty}"], "no results yet"),
    "labels": (["{coded}", "{uncoded}", "--labels", "a"], "--labels"),
    "equal labels": (["{coded}", "{uncoded}", "--labels", "a", "a"], "--labels"),
    "format": (["{coded}", "--formats", "gif"], "--formats"),
    "no format": (["{coded}", "--formats"], "--formats"),
    "axis": (["{coded}", "--axis", "snr"], "--axis"),
    "rate": (["{coded}", "--rate", "wer"], "--rate"),
    "unknown option": (["{coded}", "--colour", "blue"], "--colour"),
}


def places(stores, folder):
    """Paths by name, with what is wrong with them."""
    found = {name: folder / name for name in ("missing", "folder", "two", "text")}
    found["folder"].mkdir()
    found["two"].mkdir()
    for name in ("ber.sqlite", "accuracy.sqlite"):
        shutil.copy(stores["coded"], found["two"] / name)
    found["text"].write_text("bit errors: none")
    found["foreign"] = folder / "foreign.sqlite"
    with sqlite3.connect(found["foreign"]) as database:
        database.execute("CREATE TABLE settings (name TEXT)")
    database.close()
    found["damaged"] = folder / "damaged.sqlite"
    content = stores["coded"].read_bytes()
    found["damaged"].write_bytes(content[:4096] + bytes(4096) + content[8192:])
    found["checksum"] = folder / "checksum.sqlite"
    shutil.copy(stores["coded"], found["checksum"])
    with sqlite3.connect(found["checksum"]) as database:
        database.execute("UPDATE chunks SET checksum = checksum + 1")
    database.close()
    with Store.read(stores["coded"]) as coded:
        configuration = coded.configuration()
    text = json.dumps(configuration)
    for name, edited in {
        "kind": text.replace('"ber"', '"weather"'),
        "point": text.replace("frame_bits", "frame_bytes"),
    }.items():
        found[name] = folder / f"{name}.sqlite"
        shutil.copy(stores["coded"], found[name])
        with Store.resume(found[name], configuration) as changed:
            changed.set_note("configuration", json.loads(edited))
            changed.commit()
    return {**stores, **found}


@pytest.mark.parametrize("fault", FAULTS)
def test_refusals(stores, refused, tmp_path, tree, fault):
    words, name = FAULTS[fault]
    paths = places(stores, tmp_path)
    before = tree(tmp_path)
    line = refused("plot", *(word.format(**paths) for word in words), "--out", tmp_path / "out")
    assert line.startswith("linksim plot: ")
    assert name in line
    assert tree(tmp_path) == before


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_output_that_cannot_be_written(stores, refused, tmp_path, tree, option):
    (tmp_path / "file").write_text("in the way")
    given = {"--out": tmp_path / "out", option: tmp_path / "file" / "below"}
    before = tree(tmp_path)
    assert "file" in refused("plot", stores["coded"], *(word for pair in given.items() for word in pair))
    assert tree(tmp_path) == before
