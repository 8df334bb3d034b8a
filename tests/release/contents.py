"""What the archives of a release hold, and what they must not."""

import tarfile
import zipfile
from pathlib import PurePosixPath

PACKAGES = ("linksim", "linksim_envs", "linksim_training", "linksim_benchmarks")
TOP = {"benchmarks", "docs", "envs", "linksim", "tests", "training"}
FILES = {
    ".gitignore",  # hatchling reads it when it builds from the unpacked archive
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "PKG-INFO",
    "README.md",
    "SECURITY.md",
    "constraints.txt",
    "mkdocs.yml",
    "pyproject.toml",
}
LEFT_BEHIND = {"__pycache__", ".hypothesis", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
TESTS = {"tests", "helpers"}


def names_in_sdist(path):
    """Files of a source archive, without its top folder.

    Raises:
        ValueError: if something is not in the one top folder, or is neither a file nor a folder.
    """
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    folders = {PurePosixPath(member.name).parts[0] for member in members}
    if len(folders) != 1:
        raise ValueError(f"{path} has {len(folders)} top folders: {sorted(folders)}")
    for member in members:
        if not (member.isfile() or member.isdir()):
            raise ValueError(f"{path}: {member.name} is neither a file nor a folder")
    return {str(PurePosixPath(*PurePosixPath(m.name).parts[1:])) for m in members if m.isfile()}


def strays(names, tracked=None):
    """Of the files of a source archive, those that do not belong there.

    Args:
        names: as `names_in_sdist` gives them.
        tracked: files under version control, if known: then nothing else belongs there but PKG-INFO.
    """
    found = set()
    for name in names:
        path = PurePosixPath(name)
        allowed = path.parts[0] in TOP if len(path.parts) > 1 else name in FILES
        left = LEFT_BEHIND & set(path.parts) or path.suffix in (".pyc", ".so", ".o")
        unknown = tracked is not None and name not in tracked and name != "PKG-INFO"
        if not allowed or left or unknown:
            found.add(name)
    return found


def missing(names, tracked):
    """Files under version control that belong into a source archive and are not in it."""
    belonging = {name for name in tracked if PurePosixPath(name).parts[0] in TOP or name in FILES}
    return belonging - set(names)


def names_in_wheel(path):
    """Files of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def faults_of_wheel(names):
    """What is wrong with the files of a wheel, in words."""
    found = [f"{package} has no py.typed" for package in PACKAGES if f"{package}/py.typed" not in names]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        found.append("there is no licence")
    for name in sorted(names):
        path = PurePosixPath(name)
        if TESTS & set(path.parts) or path.name.startswith(("test_", "conftest")):
            found.append(f"{name} is a test")
        elif path.parts[0] not in PACKAGES and not path.parts[0].endswith(".dist-info"):
            found.append(f"{name} belongs to no package")
    return found
