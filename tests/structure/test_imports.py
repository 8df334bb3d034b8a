"""Dependencies point one way, and the light parts stay light."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import linksim

ROOT = Path(__file__).parents[2]
HOMES = {
    "linksim": ROOT / "linksim",
    "linksim_envs": ROOT / "envs" / "linksim_envs",
    "linksim_training": ROOT / "training" / "linksim_training",
    "linksim_benchmarks": ROOT / "benchmarks" / "linksim_benchmarks",
}
ALLOWED = {
    "linksim": set(),
    "linksim_envs": {"linksim", "linksim_training"},
    "linksim_training": {"linksim"},
    "linksim_benchmarks": {"linksim", "linksim_training", "linksim_envs"},
}


def modules(package):
    """Dotted name → file of every module of a package."""
    home = HOMES[package]
    return {
        ".".join((package, *file.relative_to(home).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in sorted(home.rglob("*.py"))
    }


MODULES = {name: file for package in HOMES for name, file in modules(package).items()}


def imported(file):
    """Every module that a file imports anywhere in it, and for `from a import b` also `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports by relative path"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def strings(file):
    """Every string in a file that is no docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = set()
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if isinstance(node, (*documented,)) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                docstrings.add(id(statement.value))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    }


def tops(names):
    return {name.split(".")[0] for name in names}


def test_all_packages_are_here():
    for package in HOMES:
        assert package in MODULES
    assert len(MODULES) > 40


@pytest.mark.parametrize("name", MODULES)
def test_dependencies_point_one_way(name):
    package = name.split(".")[0]
    others = tops(imported(MODULES[name])) & set(HOMES) - {package}
    assert others <= ALLOWED[package]


def test_environments_read_checkpoints_in_one_place():
    """And there only when asked to."""
    needing = {
        name
        for name, file in MODULES.items()
        if name.startswith("linksim_envs") and "linksim_training" in tops(imported(file))
    }
    assert needing == {"linksim_envs.reference"}
    top = ast.parse(MODULES["linksim_envs.reference"].read_text(encoding="utf-8")).body
    named = {node.module for node in top if isinstance(node, ast.ImportFrom)}
    assert not any(name.startswith("linksim_training") for name in named if name)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("linksim.")])
def test_only_the_front_door_names_the_other_packages(name):
    if name != "linksim.cli":
        named = {package for package in HOMES for text in strings(MODULES[name]) if f"{package}." in text}
        assert named <= {"linksim"}


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("linksim.stages")])
def test_stages_do_not_know_the_link(name):
    above = {"linksim.link", "linksim.cli", "linksim.arguments"}
    assert not imported(MODULES[name]) & above
    assert not any(module.startswith("linksim.auditing") for module in imported(MODULES[name]))
    assert "linksim.Link" not in imported(MODULES[name])


@pytest.mark.parametrize("name", [name for name in MODULES if name.split(".")[0] == "linksim"])
def test_the_core_draws_no_pictures(name):
    assert not tops(imported(MODULES[name])) & {"matplotlib", "seaborn", "plotly"}


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_the_tests(name):
    assert not tops(imported(MODULES[name])) & {"tests", "helpers", "pytest", "hypothesis", "conftest"}


def test_no_import_cycles():
    """Counting only imports at the top of a module."""
    edges = {}
    for name, file in MODULES.items():
        body = ast.parse(file.read_text(encoding="utf-8")).body
        found = set()
        for node in body:
            if isinstance(node, ast.ImportFrom):
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        edges[name] = (found & set(MODULES)) - {name}
    done, active = set(), []

    def visit(name):
        assert name not in active, " → ".join([*active[active.index(name) :], name])
        if name not in done:
            active.append(name)
            for other in sorted(edges[name]):
                visit(other)
            active.pop()
            done.add(name)

    # A package page that loads its names when asked for them does not import them.
    for name in MODULES:
        visit(name)


LIGHT = """
import sys
{statement}
heavy = {{"torch", "sionna", "numpy", "scipy", "matplotlib", "sklearn", "lightning_fabric", "tensorboard"}}
heavy |= {{"tensorflow", "keras", "onnxruntime", "gymnasium", "tyro", "rich"}}
found = sorted(heavy & set(sys.modules))
assert not found, found
"""


def run(program):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "statement",
    [
        "import linksim, linksim.cli",
        "import linksim_training, linksim_benchmarks",
        "import linksim; assert 'Link' in dir(linksim)",
        "from linksim.cli import main; assert main(['--help']) == main(['--version']) == 0",
        "from linksim.cli import main; assert main(['no-such-command']) == 2",
    ],
)
def test_the_front_door_needs_no_torch(statement):
    result = run(LIGHT.format(statement=statement))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", linksim.__all__)
def test_no_module_hides_a_public_name(name):
    """Importing a module of that name would put it in the place of what the package promises."""
    assert f"linksim.{name}" not in MODULES
