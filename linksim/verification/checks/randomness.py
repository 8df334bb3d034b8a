"""Randomness is explicit: it comes from the given generator and from nowhere else."""

import os
import subprocess
import sys
from collections.abc import Mapping

import torch
from torch import Tensor

from linksim.config import LinkConfig
from linksim.link import Link
from linksim.seeds import stream
from linksim.signals import Draw, Trace
from linksim.verification.broken import Broken, during, require, same, signal
from linksim.verification.global_generators import seeded, states
from linksim.verification.links import CONFIGURATIONS, links
from linksim.verification.random_inputs import random_latents

FRAMES = 3
SNR_DB = -10.0
"""Low, so that a binary symmetric channel flips many bits."""

NOT_RANDOM = {"noise_variance", "snr_db"}


FIRST_USE = """
import random
import numpy as np
import torch

random.seed(1), np.random.seed(2), torch.manual_seed(3)

def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

def say_if_moved(occasion):
    for library, one, other in zip(("Python", "NumPy", "torch"), before, states()):
        if one != other:
            print(f"{occasion} moves the global generator of {library}")

before = states()
from linksim import Link, LinkConfig
say_if_moved("importing linksim")
link = Link(LinkConfig(crc="CRC11", code="ldpc", channel="rician"))
draw = link.draw(2, 5.0, torch.Generator().manual_seed(4))
link.hard(index=torch.zeros(2, 16, dtype=torch.long), draw=draw)
say_if_moved("using linksim for the first time")
"""


def import_isolation(seed: int) -> str:
    """In a new process, importing linksim and using it for the first time moves no global generator."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", FIRST_USE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    require(done.returncode == 0, f"the process ends with {done.stderr.strip().splitlines()[-1:]}")
    require(not done.stdout, "; ".join(done.stdout.splitlines()))
    return "generators of Python, NumPy and torch unmoved"


def generator_isolation(seed: int) -> str:
    """Links, draws and both paths neither use nor move the generators of torch, NumPy, Python and Sionna."""
    results = []
    for own_seed in (1, 2):
        with seeded(own_seed):
            before = states()
            results.append({name: _use(link.config, seed) for name, link in links(torch.float32)})
            moved = [name for name, state in states().items() if state != before[name]]
        require(not moved, f"the global generator of {', '.join(moved)} was used")
    for name in CONFIGURATIONS:
        first, second = (result[f"{name} (float32)"] for result in results)
        with during(f"{name}, other seeds of the global generators"):
            _same_signals(first, second)
    return f"{len(states())} global generators, {len(CONFIGURATIONS)} links"


def determinism(seed: int) -> str:
    """The same seed gives the same draw and the same signals bit for bit; another seed, another draw."""
    for name, link in links(torch.float32):
        with during(name):
            first, second, other = (_use(link.config, own) for own in (seed, seed, seed + 1))
            _same_signals(first, second)
            for field in first:
                if field.startswith("draw") and field.split()[-1] not in NOT_RANDOM:
                    require(
                        not torch.equal(first[field], other[field]), f"{field} is the same for another seed"
                    )
                    frames = first[field]
                    require(not torch.equal(frames[0], frames[1]), f"{field} is the same for two frames")
    return f"{len(CONFIGURATIONS)} links"


def _use(config: LinkConfig, seed: int) -> dict[str, Tensor]:
    """Every signal of a link that is made, drawn for in both ways, and run on all paths."""
    link = Link(config)
    latents = random_latents(link, FRAMES, stream(seed, "verify", "latents"))
    generators = [stream(seed, "verify", "frame", frame) for frame in range(FRAMES)]
    draw = link.draw(FRAMES, SNR_DB, stream(seed, "verify", "draw"))
    found = {"codebook": link.codebook.detach(), **_of_draw("draw", draw)}
    found |= _of_draw("draw with a generator for each frame", link.draw(FRAMES, SNR_DB, generators))
    received = link(latents, draw)
    signal(received, "embedding").sum().backward()
    if link.codebook.grad is None:
        raise Broken("no gradient reaches the codebook")
    found["gradient of the codebook"] = link.codebook.grad
    found |= _of_trace("hard", link.hard(latents, draw)) | _of_trace("soft", link.soft(latents, draw))
    return found | _of_trace("sampled", link.mixed(latents, draw, paths={"quantize": "soft"}))


def _of_draw(name: str, draw: Draw) -> dict[str, Tensor]:
    values = {**draw.channel, "uniforms": draw.uniforms, "snr_db": draw.snr_db}
    return {f"{name} {part}": value for part, value in values.items()}


def _of_trace(name: str, trace: Trace) -> dict[str, Tensor]:
    fields = vars(trace.detach()).items()
    return {f"{name} {field}": value for field, value in fields if isinstance(value, Tensor)}


def _same_signals(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> None:
    for field, value in first.items():
        same(field, value, second[field])
