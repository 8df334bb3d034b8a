"""What users of the Keras layer may rely on, name by name."""

import re
from pathlib import Path

import linksim.interop.keras

PAGES = Path(__file__).parents[2] / "docs"
PUBLIC = ["LinkLayer", "TwoPhases"]


def test_the_list_is_the_promise():
    assert sorted(linksim.interop.keras.__all__) == PUBLIC
    assert linksim.interop.keras.__doc__


def test_they_say_what_they_are_and_are_documented():
    page = (PAGES / "keras.md").read_text(encoding="utf-8")
    for name in PUBLIC:
        found = getattr(linksim.interop.keras, name)
        assert found.__name__ == name
        assert found.__doc__.strip()
        assert not found.__doc__.startswith(f"{name}(")
        assert re.search(rf"\b{name}\b", page)
