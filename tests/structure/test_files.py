"""Short files, each with a docstring."""

import ast
import tomllib
from pathlib import Path

import pytest

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
