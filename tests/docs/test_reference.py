"""Every public name is in the API reference, once, and everything in the reference exists."""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
HOMES = {"linksim": ROOT, "linksim_training": ROOT / "training", "linksim_envs": ROOT / "envs"}
PUBLIC = ("linksim", "linksim_training", "linksim_envs", "linksim.deploy", "linksim.interop.keras")
NAMES = [
    name for page in PAGES for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.M)
]


def exported(package):
    """What `__all__` of a package holds, read without importing it: TensorFlow may be missing."""
    file = HOMES[package.split(".")[0]].joinpath(*package.split("."), "__init__.py")
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"{file} has no __all__")


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_in_the_reference(package):
    names = exported(package)
    assert names
    assert {f"{package}.{name}" for name in names} <= set(NAMES)


@pytest.mark.parametrize("package", PUBLIC)
def test_the_overview_names_every_public_name(package):
    overview = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in exported(package):
        assert f"`{name}`" in overview or (name.endswith("VectorEnv") and "`VectorEnv` forms" in overview)


def test_no_name_stands_twice():
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("linksim.interop.keras")])
def test_names_of_the_reference_exist_and_are_described(name):
    module, _, attribute = name.rpartition(".")
    found = getattr(import_module(module), attribute)
    # The docstring of a constant stands behind it in the source, where Python does not keep it.
    assert isinstance(found, Mapping) or found.__doc__


def test_every_page_is_linked_from_the_overview():
    overview = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"(api/{page.name})" in overview
