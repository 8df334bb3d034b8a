"""The constraints of `make test-lowest` are the bounds of pyproject.toml."""

import tomllib
from pathlib import Path

import pytest
from release.lowest import constrained, lowest

ROOT = Path(__file__).parents[2]


def test_every_direct_dependency_has_a_lowest_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = lowest(project)
    assert {"torch", "sionna-no-rt", "numpy", "onnx", "torchrl", "pytest"} <= set(found)
    assert len(found) >= len(project["dependencies"])
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for name, version in found.items():
        # What is tested is not below what is declared.
        newer, older = (
            [int(part) for part in one.split("+")[0].split(".")]
            for one in (constrained(name, constraints), version)
        )
        assert newer >= older, name


def test_bounds_are_read():
    dependencies = ["two>=1.5", "three==2.0"]
    project = {"name": "one", "dependencies": dependencies, "optional-dependencies": {"dev": []}}
    assert lowest(project, ("dev",)) == {"two": "1.5", "three": "2.0"}
    with pytest.raises(ValueError, match="'four' says no lowest version"):
        lowest({**project, "dependencies": ["four"]}, ())
    assert constrained("torch", "numpy==2.0\ntorch==2.13.0\n") == "2.13.0"
    with pytest.raises(ValueError, match="does not name torchvision"):
        constrained("torchvision", "torch==2.13.0\n")
