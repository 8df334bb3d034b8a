"""The runtime needs NumPy and ONNX Runtime, and nothing else."""

import os
import subprocess
import sys

import pytest
from helpers.bundles import CODED, bundle_of

HEAVY = "torch sionna tensorflow keras matplotlib scipy sklearn gymnasium lightning_fabric tyro rich PIL onnx"

SCRIPT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HEAVY.split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

HEAVY = sys.argv[1]
sys.meta_path.insert(0, Refuse())
import numpy as np
from linksim.deploy import load, self_test

bundle = load(sys.argv[2])
assert self_test(bundle).passed
bits, symbols = bundle.encode(np.zeros((8, 8), np.uint8))
label, embedding = bundle.decode(symbols, 0.01, receiver="integer")
assert not set(HEAVY.split()) & {name.split(".")[0] for name in sys.modules}
print("done")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("light") / "bundle"
    bundle_of(CODED, place)
    return place


def process(*words):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, check=False, env=environment
    )


def test_a_bundle_runs_where_nothing_else_is_installed(folder):
    ran = process("-c", SCRIPT, HEAVY, str(folder))
    assert ran.stdout == "done\n", ran.stderr


def test_the_command_does_not_import_torch(folder):
    code = (
        "import sys; from linksim.cli import main; code = main(['run-bundle', sys.argv[1], '--quiet']); "
        "print(code, sorted({'torch', 'sionna', 'tensorflow', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    ran = process("-c", code, str(folder))
    assert ran.stdout == "0 []\n", ran.stderr
