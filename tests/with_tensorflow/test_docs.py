"""The page on the Keras layer runs as it stands, and so do the doctests of its modules."""

import doctest
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import linksim.interop.keras

PAGE = Path(__file__).parents[2] / "docs" / "keras.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = [(TEXT[: one.start(1)].count("\n") + 1, one.group(1)) for one in BLOCK.finditer(TEXT)]
MODULES = [one.name for one in walk_packages(linksim.interop.keras.__path__, "linksim.interop.keras.")]


@pytest.mark.parametrize(("line", "source"), BLOCKS, ids=[f"line {line}" for line, _ in BLOCKS])
def test_block_runs_and_leaves_nothing(line, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile("\n" * (line - 1) + source, str(PAGE), "exec"), {"__name__": "__main__"})
    assert not list(tmp_path.iterdir())


def test_there_are_blocks():
    assert len(BLOCKS) > 1


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_doctests():
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(test.examples) for name in MODULES for test in finder.find(import_module(name)))
