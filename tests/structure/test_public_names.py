"""What users may rely on, name by name: adding or dropping one changes this list on purpose."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PUBLIC = {
    "linksim": [
        "AuditReport",
        "Draw",
        "FrameLayout",
        "Link",
        "LinkConfig",
        "Modem",
        "RoutedLink",
        "RoutedTrace",
        "Trace",
        "audit",
    ],
    "linksim.deploy": ["Bundle", "Decoded", "Encoded", "SelfTest", "load", "self_test"],
    "linksim_envs": [
        "LinkAdaptationEnv",
        "LinkAdaptationVectorEnv",
        "Mcs",
        "SemanticRateEnv",
        "SemanticRateVectorEnv",
        "TransmitEnv",
        "TransmitVectorEnv",
    ],
    "linksim_training": [
        "RoutedModel",
        "SemanticModel",
        "TrainConfig",
        "build_model",
        "build_routed_model",
        "fit",
        "load_checkpoint",
        "load_data",
        "load_routed_checkpoint",
    ],
}
"""linksim.interop.keras has its own list in tests/with_tensorflow."""
NAMES = [(package, name) for package, names in PUBLIC.items() for name in names]


@pytest.mark.parametrize("package", PUBLIC)
def test_the_list_is_the_promise(package):
    module = import_module(package)
    assert sorted(module.__all__) == PUBLIC[package]
    assert set(PUBLIC[package]) <= set(dir(module))
    assert inspect.getdoc(module)


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_it_is_there_and_says_what_it_is(package, name):
    found = getattr(import_module(package), name)
    assert found.__name__ == name
    # A dataclass without a docstring gets its signature for one.
    assert (found.__doc__ or "").strip()
    assert not found.__doc__.startswith(f"{name}(")


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_it_is_documented(package, name):
    """By name on a page that names its package, or by a page generated from the package."""
    pages = [page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md"))]
    written = any(package in page and re.search(rf"\b{name}\b", page) for page in pages)
    generated = any(re.search(rf"^::: {re.escape(package)}\b", page, re.MULTILINE) for page in pages)
    assert written or generated


def test_unknown_names_are_refused():
    for package in PUBLIC:
        with pytest.raises(AttributeError, match="no_such_name"):
            _ = import_module(package).no_such_name
