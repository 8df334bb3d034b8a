"""linksim leaves the global random states alone, and its front page loads without PyTorch."""

import os
import random
import subprocess
import sys

import numpy as np
import torch

from linksim import Link, LinkConfig

STATES = """
import pickle, random
import numpy as np
import torch

def states():
    return pickle.dumps((random.getstate(), np.random.get_state(), torch.get_rng_state().tolist(),
                         torch.initial_seed()))

torch.manual_seed(12345)
np.random.seed(54321)
random.seed(99)
torch.rand(3), np.random.rand(3), random.random()
before = states()

def same(after):
    assert states() == before, f"global random state changed after {after}"

import linksim
same("import linksim")
from linksim import FrameLayout, Link, LinkConfig, Modem
same("import of the names")
for options in (
    {"channel": "awgn"},
    {"channel": "rayleigh"},
    {"channel": "rician-fast", "csi_error": 0.1, "crc": "CRC11", "code": "ldpc", "adc_bits": 4},
    {"channel": "bsc", "modulation": "psk", "bits_per_symbol": 1, "llr_bits": 4, "arithmetic": "integer"},
):
    link = Link(LinkConfig(tokens=3, codebook_size=11, **options))
    same("Link")
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(2, 3, 16, generator=generator, requires_grad=True)
    draw = link.draw(2, 5.0, generator)
    link.draw(2, 5.0, [generator, torch.Generator().manual_seed(2)])
    same("draw")
    link.hard(latents, draw)
    same("hard")
    link.soft(latents, draw).embedding.sum().backward()
    same("soft")
    link.mixed(latents, draw, paths={"quantize": "soft"})
    same("mixed")
    link(latents, draw).embedding.sum().backward()
    same("forward and backward")
modem = Modem(bits_per_symbol=6)
modem.demodulate(modem.modulate(torch.ones(12)), 0.1)
same("Modem")
print("unchanged")
"""

LIGHT = """
import sys
import linksim
heavy = {"torch", "sionna", "numpy", "scipy", "matplotlib"} & set(sys.modules)
assert not heavy, f"import linksim imports {sorted(heavy)}"
assert "Link" in dir(linksim)
try:
    linksim.no_such_name
except AttributeError as error:
    assert "no_such_name" in str(error)
else:
    raise AssertionError("an unknown name was found")
from linksim import FrameLayout
assert FrameLayout(tokens=1, codebook_size=2, bits_per_symbol=2).symbols == 1
assert "torch" not in sys.modules
print("light")
"""


def run(program):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_global_random_states_are_left_alone():
    result = run(STATES)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["unchanged"]


def test_import_needs_no_torch():
    result = run(LIGHT)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["light"]


def test_results_do_not_depend_on_global_seeds():
    """Same codebook, same draw, same embedding whatever the global generators hold."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        results = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            link = Link(LinkConfig(channel="rayleigh"))
            draw = link.draw(2, 5.0, torch.Generator().manual_seed(7))
            latents = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(8))
            results.append(link.mixed(latents, draw, paths={"quantize": "soft"}))
        assert torch.equal(results[0].index, results[1].index)
        assert torch.equal(results[0].embedding, results[1].embedding)
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
