"""Short files, each with a docstring."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import linksim

ROOT = Path(__file__).parents[2]
PACKAGES = ("linksim", "envs/linksim_envs", "training/linksim_training", "benchmarks/linksim_benchmarks")
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
MOST_LINES = 320


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_short(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_say_what_they_are(file):
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package):
    assert (ROOT / package / "py.typed").is_file()


def test_the_top_level():
    for name in ("linksim", "envs", "training", "benchmarks", "tests", "pyproject.toml", "constraints.txt"):
        assert (ROOT / name).exists()
    for name in ("envs", "training", "benchmarks"):
        assert (ROOT / name / "README.md").is_file()
        assert not (ROOT / name / "__init__.py").exists()


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == linksim.__version__
    assert project["scripts"] == {"linksim": "linksim.cli:main"}


def test_the_citation_is_that_version():
    """And has a date exactly where the changelog has one."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (date,) = re.findall(rf"^## {re.escape(project['version'])} — (.+)$", changelog, re.MULTILINE)
    released = citation.get("date-released")
    assert (None if date == "unreleased" else date) == (released and released.isoformat())


def test_pages_for_those_who_take_part():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE", "CITATION.cff"):
        assert (ROOT / name).is_file()
    assert all(f"({name})" in readme for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_what_they_name_is_there(page):
    """Paths below the top folders, in code or as links; NAME and a star stand for any."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"[`(]((?:linksim|training|benchmarks|envs|tests|docs)/[^`)\s#]*)", text)
    assert named
    for path in named:
        if "NAME" in path:
            assert (ROOT / path.split("NAME")[0]).parent.is_dir(), path
        else:
            assert (ROOT / path).exists(), path
