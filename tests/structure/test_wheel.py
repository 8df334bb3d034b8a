"""What the wheel installs."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"linksim", "linksim_envs", "linksim_training", "linksim_benchmarks"}
SOURCES = ("linksim", "envs", "training", "benchmarks", "tests", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Names and sizes of the files in a wheel built from a copy of the sources."""
    pytest.importorskip("hatchling")
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, copy / name)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    built = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = target.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        return {member.filename: member.file_size for member in archive.infolist()}


def installed(contents):
    return {Path(name) for name in contents if ".dist-info" not in name}


def test_import_names(contents):
    assert {path.parts[0] for path in installed(contents)} == PACKAGES
    assert all(f"{package}/__init__.py" in contents for package in PACKAGES)


def test_every_package_is_typed(contents):
    assert all(f"{package}/py.typed" in contents for package in PACKAGES)


def test_only_sources_are_in_it(contents):
    data = {f"linksim_benchmarks/audit/page.{kind}" for kind in ("html.jinja", "css", "js")}
    data |= {"linksim_envs/semantic_rate.json", "linksim_envs/semantic_rate.pt"}
    data |= {"linksim_envs/policies/error_rates.json", "linksim/fused/kernel.c", "linksim/fused/dimension.h"}
    data |= {f"linksim_benchmarks/speed/peers/programs/{name}" for name in ("itpp.cpp", "liquid_dsp.c")}
    assert data <= set(contents)
    for path in installed(contents):
        assert path.suffix == ".py" or path.name == "py.typed" or path.as_posix() in data, path
        assert not {"tests", "helpers"} & set(path.parts)
        assert not path.name.startswith(("test_", "conftest"))


def test_all_sources_are_in_it(contents):
    homes = (ROOT / "linksim", *(ROOT / outer for outer in ("envs", "training", "benchmarks")))
    for home in homes:
        base = ROOT if home.name == "linksim" else home
        for file in home.rglob("*.py"):
            assert file.relative_to(base).as_posix() in contents


def test_the_script_and_the_license(contents):
    names = {Path(name).name for name in contents if ".dist-info" in name}
    assert {"METADATA", "entry_points.txt", "LICENSE"} <= names
