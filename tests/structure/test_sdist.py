"""What the source archive holds, and that the same wheel comes out of it."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from release.contents import FILES, TOP, faults_of_wheel, missing, names_in_sdist, names_in_wheel, strays

ROOT = Path(__file__).parents[2]
LYING_AROUND = (
    "runs/first/summary.json",
    "build/release/old.whl",
    "dist/old.whl",
    ".venv/pyvenv.cfg",
    ".venv-other/pyvenv.cfg",
    ".ci/run",
    "notes.txt",
    "linksim/__pycache__/chain.cpython-311.pyc",
    "results.sqlite",
    "mutants/linksim/chain.py",
)


def build(source, kind, target):
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = target.iterdir()
    return archive


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """(source archive, wheel, wheel built from the source archive), from a copy in which files lie around."""
    copy = tmp_path_factory.mktemp("sources") / "copy"
    copy.mkdir()
    caches = shutil.ignore_patterns("__pycache__", ".*")
    for name in sorted(TOP):
        shutil.copytree(ROOT / name, copy / name, ignore=caches)
    for name in (FILES & {path.name for path in ROOT.iterdir()}) - {"PKG-INFO"}:
        shutil.copy2(ROOT / name, copy / name)
    for name in LYING_AROUND:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("left behind", encoding="utf-8")
    sdist = build(copy, "sdist", tmp_path_factory.mktemp("sdist"))
    wheel = build(copy, "wheel", tmp_path_factory.mktemp("wheel"))
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return sdist, wheel, build(source, "wheel", tmp_path_factory.mktemp("again"))


def test_nothing_stray_is_in_it(archives):
    names = names_in_sdist(archives[0])
    assert not strays(names)
    assert not names & set(LYING_AROUND)


def test_everything_that_belongs_there_is(archives):
    names = names_in_sdist(archives[0])
    here = {
        file.relative_to(ROOT).as_posix()
        for folder in TOP
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert not missing(names, here)
    assert names >= {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "constraints.txt", "PKG-INFO"}


def test_the_same_wheel_comes_out_of_it(archives):
    _, wheel, again = archives
    assert wheel.name == again.name
    first, second = (hashlib.sha256(one.read_bytes()).hexdigest() for one in (wheel, again))
    assert first == second
    assert not faults_of_wheel(names_in_wheel(wheel))


def test_the_check_finds_faults():
    assert strays({"linksim/chain.py", "notes.txt"}) == {"notes.txt"}
    assert strays({"linksim/__pycache__/chain.cpython-311.pyc"})
    assert strays({"linksim/chain.py", "linksim/new.py"}, {"linksim/chain.py"}) == {"linksim/new.py"}
    assert missing({"linksim/chain.py"}, {"linksim/chain.py", "docs/api.md", ".ci/run"}) == {"docs/api.md"}
    faults = faults_of_wheel({"linksim/py.typed", "linksim/test_x.py", "other/a.py", "tests/helpers/b.py"})
    for part in ("linksim_envs has no py.typed", "no licence", "test_x.py is a test", "other/a.py belongs"):
        assert any(part in fault for fault in faults)
