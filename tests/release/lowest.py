"""Constraints that hold every direct dependency at the lowest version that pyproject.toml declares.

`make test-lowest` installs with them. What direct dependencies bring along is as new as they allow.
"""

import argparse
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRAS = ("vision", "cluster", "deploy", "rl", "dev")
REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)(?:>=|==)([0-9][0-9.]*)")


def lowest(project, extras=EXTRAS):
    """Name → lowest version of the direct dependencies of a [project] table.

    Raises:
        ValueError: if one has no lowest version.
    """
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    found = {}
    for requirement in requirements:
        if requirement.startswith(f"{project['name']}["):
            continue
        match = REQUIREMENT.match(requirement)
        if match is None:
            raise ValueError(f"{requirement!r} says no lowest version: write NAME>=VERSION")
        found[match[1]] = match[2]
    return found


def constrained(name, constraints):
    """The version of a package in the text of constraints.txt.

    Raises:
        ValueError: if it is not in there.
    """
    written = re.escape(name).replace(r"\-", "[-_]")
    match = re.search(rf"^{written}==(\S+)", constraints, re.MULTILINE | re.IGNORECASE)
    if match is None:
        raise ValueError(f"constraints.txt does not name {name}")
    return match[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tested", nargs="*", default=[], help="packages to take from constraints.txt")
    given = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    versions = lowest(project)
    versions.update({name: constrained(name, constraints) for name in given.tested})
    for name, version in versions.items():
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
