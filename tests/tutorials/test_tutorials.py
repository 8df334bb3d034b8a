"""Every tutorial runs from top to bottom and prints what it shows: make docs-test.

The rules are in tests/helpers/tutorials.py.
"""

from pathlib import Path

import pytest
from helpers.tutorials import environment_of, programs, run_page

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


def test_there_are_tutorials():
    assert len(PAGES) >= 7


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tutorial_runs(page, tmp_path):
    where = programs(ROOT, environment_of(page.read_text(encoding="utf-8")))
    assert (where / "linksim").is_file(), f"{where} has no linksim: run make docs-test"
    run_page(page.relative_to(ROOT) if Path.cwd() == ROOT else page, tmp_path, where)
