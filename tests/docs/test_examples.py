"""Every Python block of the documentation runs as it stands, and so does every doctest."""

import doctest
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

ROOT = Path(__file__).parents[2]
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*TOP, *sorted((ROOT / "docs").glob("*.md"))]
LINKED = [*TOP, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
"""With the tutorials, whose blocks belong together: make docs-test runs them."""
WITH_TENSORFLOW = ("keras.md", "linksim.interop.keras")
"""What needs TensorFlow, which this suite does without: tests/with_tensorflow/test_docs.py runs it."""
PACKAGES = ("linksim", "linksim_envs", "linksim_training", "linksim_benchmarks")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NO_RUN = "<!-- no-run -->"


def blocks(page):
    """(line of the first statement, source) of each Python block that is to be run."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    for match in BLOCK.finditer(text):
        before = text[: match.start()].rstrip()
        if not before.endswith(NO_RUN):
            yield text[: match.start(1)].count("\n") + 1, match.group(1)


BLOCKS = [
    pytest.param(page, line, source, id=f"{page.name}:{line}")
    for page in PAGES
    if page.name not in WITH_TENSORFLOW
    for line, source in blocks(page)
]


def _without_tensorflow(name):
    """Packages that cannot be imported to be looked into."""
    assert name.startswith(WITH_TENSORFLOW), name


def modules():
    for name in PACKAGES:
        yield name
        for module in walk_packages(import_module(name).__path__, f"{name}.", onerror=_without_tensorflow):
            yield module.name


MODULES = sorted(name for name in modules() if not name.startswith(WITH_TENSORFLOW))


@pytest.mark.parametrize(("page", "line", "source"), BLOCKS)
def test_block_runs_and_leaves_nothing(page, line, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Blank lines in front, so that a traceback names the line of the page.
    code = compile("\n" * (line - 1) + source, str(page), "exec")
    exec(code, {"__name__": "__main__"})
    assert not list(tmp_path.iterdir())


def test_there_are_blocks():
    assert any(page.values[0].name == "how-to.md" for page in BLOCKS)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_doctests():
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(test.examples) for name in MODULES for test in finder.find(import_module(name)))


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages(page):
    """Relative links lead to files that exist, and to headings that exist."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        if "runs/" not in path:
            assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings], target
