"""`linksim speed`: what it writes and says, not how fast this machine is."""

import csv
import json

import pytest
import torch

from linksim.cli import main
from linksim.metrics.theory import bit_error_rate
from linksim_benchmarks.speed.catalogue import SUBJECTS
from linksim_benchmarks.speed.command import USUAL_SNR_DB
from linksim_benchmarks.speed.peers import distribution
from linksim_benchmarks.speed.peers.program import Program
from linksim_benchmarks.speed.subject import Subject

SHORT = ["speed", "--seconds", "0.001", "--rounds", "2", "--threads", "1"]
NAMES = ["fused", "sionna", "modem-sionna", "modem-fused"]
NAMES += ["kaira", "commpy", "hermespy", "liquid-dsp", "itpp", "rng-bound"]
COLUMNS = {
    *("subject", "bits_per_symbol", "demapper", "mbit_per_s", "low", "high", "ratio", "ratio_low"),
    *("ratio_high", "fraction_of_rng_bound", "threads", "batch_bits", "lanes", "snr_db", "ber", "theory"),
    *("checked_bits", "agrees", "version", "note"),
}


class TooManyErrors:
    """A chain that is wrong about one bit in ten."""

    version, lanes, sizes = "0", 1, (2_400,)

    def count(self, bits, batches):
        return bits * batches // 10

    def close(self):
        pass


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setitem(SUBJECTS, "broken", Subject("broken", (lambda *_: TooManyErrors(),)))


def test_names():
    assert list(SUBJECTS) == NAMES
    assert all(name == subject.name for name, subject in SUBJECTS.items())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder, content of the JSON and what was on the screen."""
    folder = tmp_path_factory.mktemp("speed")
    before = torch.random.get_rng_state(), torch.get_num_threads()
    subjects = ["--subjects", "fused", "sionna", "rng-bound", "fused"]
    words = [*SHORT, "--bits-per-symbol", "2", "4", "--demapper", "app", "maxlog", *subjects, "--seed", "5"]
    assert main([*words, "--out", str(folder / "out"), "--json", str(folder / "again.json"), "--quiet"]) == 0
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]
    return folder, json.loads((folder / "again.json").read_text())


def test_rows(written):
    rows = written[1]["rows"]
    found = [(row["demapper"], row["bits_per_symbol"], row["subject"]) for row in rows]
    subjects = ("fused", "sionna", "rng-bound")
    assert found == [(d, m, name) for d in ("app", "maxlog") for m in (2, 4) for name in subjects]
    for row in rows:
        assert set(row) == COLUMNS
        assert 0 < row["low"] <= row["mbit_per_s"] <= row["high"]
        assert row["threads"] == 1
        decides = row["subject"] != "rng-bound"
        assert row["agrees"] is (True if decides else None)
        assert (row["ber"] is None) is not decides


def test_ratios(written):
    rows = written[1]["rows"]
    for first in range(0, len(rows), 3):
        fused, sionna, bound = rows[first : first + 3]
        assert (sionna["ratio"], sionna["ratio_low"], sionna["ratio_high"]) == (1, 1, 1)
        assert fused["ratio_low"] <= fused["ratio"] <= fused["ratio_high"]
        assert bound["fraction_of_rng_bound"] == 1
        # Medians of two rounds are taken of seconds in the one, of their reciprocals in the other.
        assert fused["ratio"] == pytest.approx(fused["mbit_per_s"] / sionna["mbit_per_s"], rel=1)


def test_files(written):
    folder, content = written
    endings = ("csv", "json", "png", "svg")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [f"speed.{one}" for one in endings]
    assert json.loads((folder / "out" / "speed.json").read_text()) == content
    with (folder / "out" / "speed.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["subject"] for line in lines] == [row["subject"] for row in content["rows"]]
    svg = (folder / "out" / "speed.svg").read_text()
    for words in ("fused", "rng-bound", "4-QAM", "16-QAM", "exact LLRs", "max-log LLRs", "Mbit/s"):
        assert words in svg
    assert content["missing"] == {}
    assert content["provenance"]["seed"] == 5


def test_without_the_reference(capsys, tmp_path):
    words = [*SHORT, "--bits-per-symbol", "2", "--subjects", "fused", "--json", str(tmp_path / "a.json")]
    assert main(words) == 0
    (row,) = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert row["ratio"] is row["ratio_low"] is row["fraction_of_rng_bound"] is None
    output = capsys.readouterr().out
    assert "on 1 thread" in output
    assert f"Written: {tmp_path / 'a.json'}" in output


def test_a_broken_chain_is_marked(broken, capsys, tmp_path):
    words = [*SHORT, "--bits-per-symbol", "4", "--subjects", "broken", "fused", "--out", str(tmp_path)]
    assert main(words) == 0
    wrong, right = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert wrong["agrees"] is False
    assert wrong["ber"] == pytest.approx(0.1)
    assert right["agrees"] is True
    output = capsys.readouterr().out
    assert "broken at 16-QAM: its bit error rate 1.000e-01 does not agree with the closed form" in output
    assert "wrong bit error rate" in (tmp_path / "speed.svg").read_text()


def test_the_snr_decides_what_is_right(broken, tmp_path):
    """At 7.98 dB about one bit in ten is wrong at 16-QAM, but not so nearly."""
    path = tmp_path / "a.json"
    words = ["--bits-per-symbol", "2", "4", "--subjects", "fused", "broken", "--json", str(path), "--quiet"]
    assert main([*SHORT, *words, "--ebno-db", "-0.86", "4"]) == 0
    found = {(row["subject"], row["bits_per_symbol"]): row for row in json.loads(path.read_text())["rows"]}
    assert [round(row["snr_db"], 2) for row in found.values()] == [2.15, 2.15, 10.02, 10.02]
    assert {key: row["agrees"] for key, row in found.items()} == {
        ("fused", 2): True,
        ("broken", 2): True,
        ("fused", 4): True,
        ("broken", 4): False,
    }


def nowhere(name):
    raise distribution.PackageNotFoundError(name)


def test_missing_peers_are_said_in_a_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(distribution, "version", nowhere)
    path = tmp_path / "a.json"
    words = ["--bits-per-symbol", "2", "--subjects", "kaira", "fused", "commpy", "hermespy"]
    assert main([*SHORT, *words, "--json", str(path)]) == 0
    content = json.loads(path.read_text())
    assert [row["subject"] for row in content["rows"]] == ["fused"]
    assert set(content["missing"]) == {"kaira", "commpy", "hermespy"}
    lines = capsys.readouterr().out.splitlines()
    for name, package in (("kaira", "pykaira"), ("commpy", "scikit-commpy"), ("hermespy", "hermespy")):
        assert f"{name}: not installed: pip install {package}" in lines


def test_nothing_but_missing_peers(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(distribution, "version", nowhere)
    words = [*SHORT, "--bits-per-symbol", "2", "4", "--subjects", "kaira", "--out", str(tmp_path)]
    assert main(words) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["speed.json"]
    assert json.loads((tmp_path / "speed.json").read_text())["rows"] == []
    assert capsys.readouterr().out.count("pip install pykaira") == 1


@pytest.mark.parametrize(
    "program",
    [
        Program("liquid_dsp.c", "no-such-compiler", (), "liquid-dev"),
        Program("liquid_dsp.c", "gcc", ("no-such-library",), "liquid-dev"),
    ],
)
def test_missing_programs_are_said_in_a_line(monkeypatch, capsys, program):
    found = Subject("itpp", (lambda *words: program.open(*words, (240,)),))
    monkeypatch.setitem(SUBJECTS, "itpp", found)
    assert main([*SHORT, "--bits-per-symbol", "2", "--subjects", "itpp"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("itpp: ")
    assert line.endswith("apt-get install liquid-dev")


def test_an_order_that_a_peer_lacks(capsys):
    assert main([*SHORT, "--bits-per-symbol", "10", "--subjects", "kaira"]) == 0
    assert capsys.readouterr().out == "kaira: it has no 1024-QAM\n"


@pytest.mark.parametrize("width", USUAL_SNR_DB)
@pytest.mark.parametrize("demapper", ["app", "maxlog"])
def test_usual_snrs(width, demapper):
    assert bit_error_rate("qam", width, USUAL_SNR_DB[width], "awgn", demapper) == pytest.approx(
        1e-2, rel=0.03
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--bits-per-symbol", "3"), "bits_per_symbol"),
        (("--bits-per-symbol",), "--bits-per-symbol"),
        (("--demapper", "exact"), "--demapper"),
        (("--demapper",), "--demapper"),
        (("--subjects", "matlab"), "--subjects"),
        (("--subjects",), "--subjects"),
        (("--ebno-db", "nan"), "--ebno-db"),
        (("--ebno-db", "1", "2"), "--ebno-db"),
        (("--ebno-db", "400"), "snr_db"),
        (("--threads", "0"), "--threads"),
        (("--seconds", "0"), "--seconds"),
        (("--rounds", "1"), "--rounds"),
        (("--seed", "-1"), "--seed"),
        (("--json", "."), "folder"),
    ],
)
def test_refusals(capsys, tmp_path, words, reason):
    assert main(["speed", "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("linksim speed: ")
    assert error.count("\n") == 1
    assert reason in error
    assert not list(tmp_path.iterdir())


def test_the_json_does_not_replace_another_result(capsys, tmp_path):
    words = ["--out", str(tmp_path), "--json", str(tmp_path / "speed.csv")]
    assert main(["speed", *words]) == 2
    assert "--json" in capsys.readouterr().err
