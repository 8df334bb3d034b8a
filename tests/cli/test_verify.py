"""`linksim verify`: the table, the JSON, the exit code, and what happens when something is wrong."""

import ast
import importlib.metadata
import json
import re
from pathlib import Path

import pytest
import torch
from helpers.defects import channel, receiver, transmitter

import linksim.verification
from linksim.cli import main
from linksim.verification import catalogue
from linksim.verification.checks import installation

QUICK = ("qam-constellation", "padding", "llr-sign", "noise-variance", "ebno", "generator-isolation")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Exit code and JSON of the whole command."""
    path = tmp_path_factory.mktemp("verify") / "folder" / "verify.json"
    return main(["verify", "--json", str(path), "--quiet"]), json.loads(path.read_text())


def verify(path, *words):
    """Exit code, and figure by name of the checks that failed."""
    code = main(["verify", "--json", str(path / "verify.json"), *words])
    checks = json.loads((path / "verify.json").read_text())["checks"]
    return code, {check["name"]: check["figure"] for check in checks if not check["passed"]}


def test_the_simulator_is_certified(certificate):
    code, content = certificate
    failed = [check for check in content["checks"] if not check["passed"]]
    assert failed == []
    assert code == 0
    assert content["warnings"] == []


def test_json_of_a_certificate(certificate):
    _, content = certificate
    assert [check["name"] for check in content["checks"]] == list(catalogue.CHECKS)
    for check in content["checks"]:
        assert list(check) == ["name", "passed", "figure"]
        assert re.fullmatch("[a-z0-9-]+", check["name"])
        assert isinstance(check["figure"], str)
        assert check["figure"]
        assert "\n" not in check["figure"]
    card = content["provenance"]
    assert card["seed"] == 0
    assert card["backend"] == "sionna, fused"
    assert {"linksim", "torch", "sionna-no-rt"} <= card["versions"].keys()


def test_checks_of_the_certificate():
    names = set(catalogue.CHECKS)
    assert {"qam-constellation", "psk-constellation", "bit-order", "padding", "llr-values"} <= names
    assert {"quantize-law", "map-law", "decide-law", "link-law", "frame-independence"} <= names
    assert {"noise-variance", "ebno", "generator-isolation", "determinism"} <= names
    assert {"ber-awgn", "ber-rayleigh", "ber-rician", "converters", "llr-quantizer"} <= names
    assert {"integer-decision", "crc", "ldpc", "backends", "provenance", "installed-packages"} <= names


@pytest.mark.parametrize(
    ("defect", "named"),
    [
        (receiver.llr_sign_flipped, "llr-sign"),
        (channel.noise_variance_doubled, "noise-variance"),
        (transmitter.padding_per_batch, "padding"),
        (transmitter.one_point_moved, "qam-constellation"),
        (channel.ebno_without_padding, "ebno"),
        (channel.global_generator_for_noise, "generator-isolation"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_defect_is_named_and_costs_exit_code_1(monkeypatch, tmp_path, capsys, defect, named):
    defect(monkeypatch)
    code, failed = verify(tmp_path, "--only", *QUICK)
    assert code == 1
    assert named in failed
    assert set(failed) < set(QUICK)
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last == f"Failed: {', '.join(name for name in QUICK if name in failed)}"


def test_lsb_first_is_named(monkeypatch, tmp_path):
    transmitter.lsb_first_in_both_paths(monkeypatch)
    code, failed = verify(tmp_path, "--only", "bit-order", "map-law", "link-law")
    assert (code, list(failed)) == (1, ["bit-order"])


def test_a_crash_fails_its_own_check_only(monkeypatch, tmp_path):
    def crash(seed):
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setitem(catalogue.CHECKS, "gray-labels", crash)
    code, failed = verify(tmp_path, "--only", "gray-labels", "crc")
    assert code == 1
    assert failed == {"gray-labels": "ZeroDivisionError: first line second line"}


def test_both_packages_of_sionna_are_a_warning(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(installation, "version", lambda name: "2.2.0")
    path = tmp_path / "verify.json"
    assert main(["verify", "--only", "installed-packages", "--json", str(path)]) == 0
    content = json.loads(path.read_text())
    (warning,) = content["warnings"]
    assert "sionna 2.2.0, sionna-no-rt 2.2.0" in warning
    assert "uninstall" in warning
    assert f"Warning: {warning}" in capsys.readouterr().out.replace("\n", " ")
    assert content["checks"][0]["passed"]


def test_no_package_of_sionna_fails(monkeypatch, tmp_path):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation, "version", version)
    code, failed = verify(tmp_path, "--only", "installed-packages")
    assert code == 1
    assert "pip install sionna-no-rt" in failed["installed-packages"]


def test_the_table(capsys):
    assert main(["verify", "--only", "crc", "padding", "crc"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(("  crc", "  padding"))] == [
        ["crc", "yes"],
        ["padding", "yes"],
    ]
    assert lines[-1] == "All 2 checks passed."


def test_the_list_of_checks(capsys):
    assert main(["verify", "--list"]) == 0
    text = capsys.readouterr().out
    for name, check in catalogue.CHECKS.items():
        assert f"  {name} " in text
        assert check.__doc__.split()[0] in text


def test_quiet(capsys):
    assert main(["verify", "--only", "crc", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_help(capsys):
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    words = set(capsys.readouterr().out.replace(",", " ").split())
    assert {"--only", "--list", "--seed", "--json", "--quiet"} <= words


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--only", "constellations"), "qam-constellation"),
        (("--seed", "-1"), "--seed"),
        (("--seed", "x"), "--seed"),
        (("--json", "/dev/null/verify.json"), "/dev/null"),
        (("--fast",), "--fast"),
    ],
)
def test_bad_input(refused, words, named):
    assert named in refused("verify", *words)


def test_another_seed_certifies_too(tmp_path):
    """Other random numbers, the same laws; the statistical checks are left to the fixed seed."""
    names = ("bit-order", "padding", "llr-values", "map-law", "link-law", "frame-independence", "determinism")
    assert verify(tmp_path, "--seed", "12345", "--only", *names) == (0, {})


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    assert main(["verify", "--only", "crc", "--quiet"]) == 0
    assert torch.get_num_threads() == before


def test_checks_hold_without_assertions():
    """`python -O` removes assert statements, so there are none."""
    for file in Path(linksim.verification.__path__[0]).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), file
