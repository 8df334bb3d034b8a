"""Files of results: strict JSON, CSV, and pictures that are whole or absent."""

import csv
import json
import math

import matplotlib.image
import pytest
from matplotlib.figure import Figure

from linksim import files
from linksim_benchmarks.ber import Point
from linksim_benchmarks.ber_rows import simulate
from linksim_benchmarks.output import write_results
from linksim_benchmarks.pictures.compare import compare_picture
from linksim_benchmarks.pictures.word_length import word_length_picture

SWEEP = [Point(m, c, snr) for c in ("awgn", "rayleigh") for m in (2, 4) for snr in (0.0, 40.0)]
BER_ROWS = [simulate(point, 3000, 0) for point in SWEEP]
WORD_LENGTH_ROWS = [
    {
        "study": study,
        "modulation": "4-QAM",
        "part": part,
        "bits": bits,
        "loss": 1 / bits,
        "low": 0.5 / bits,
        "high": 2 / bits,
        "unit": "dB",
        "limit": 0.1,
    }
    for study in ("frame error rate", "task accuracy")
    for part in ("llr", "adc")
    for bits in (3, 2)
]
COMPARE_ROWS = [
    {"settings": f"run {n}", **dict.fromkeys(("hard", "hard_map", "soft"), 0.5)}
    | {f"{name}_high": high for name in ("hard", "hard_map", "soft")}
    for n, high in enumerate((None, 0.6))
]
PICTURES = {
    "word length": lambda path: word_length_picture(WORD_LENGTH_ROWS, path),
    "word length of one study": lambda path: word_length_picture(WORD_LENGTH_ROWS[:4], path),
    "compare": lambda path: compare_picture(COMPARE_ROWS, path),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_are_png(tmp_path, kind):
    path = tmp_path / "new" / "picture.png"
    assert PICTURES[kind](path) == path
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 600
    assert pixels.std() > 0.02
    assert list(path.parent.iterdir()) == [path]


def test_pictures_need_no_display(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    PICTURES["compare"](tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_an_interrupted_picture_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def interrupted(figure, target, **options):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare_picture(COMPARE_ROWS, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def strict(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_rows_are_written_in_both_forms(tmp_path):
    card = {"seed": 1}
    paths = write_results(tmp_path / "out", "ber", BER_ROWS, card, tmp_path / "elsewhere" / "b.json")
    assert sorted(paths) == sorted(
        [tmp_path / "out/ber.json", tmp_path / "out/ber.csv", tmp_path / "elsewhere/b.json"]
    )
    content = json.loads((tmp_path / "out/ber.json").read_text(), parse_constant=strict)
    assert content == {"rows": BER_ROWS, "provenance": card}
    assert (tmp_path / "elsewhere/b.json").read_text() == (tmp_path / "out/ber.json").read_text()
    with (tmp_path / "out/ber.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == list(BER_ROWS[0])
    for line, row in zip(lines, BER_ROWS, strict=True):
        read = {n: None if row[n] is None else type(row[n])(value) for n, value in line.items()}
        assert read == row
        assert all((line[name] == "") == (row[name] is None) for name in row)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_nan(tmp_path, value):
    files.write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"x": value})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
