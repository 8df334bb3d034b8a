"""Environments that are cheap to step, and exact comparison of what they return."""

from functools import cache

import gymnasium
import numpy as np
import torch

import linksim_envs  # noqa: F401  registers them
from linksim import Link, LinkConfig
from linksim_envs import Mcs
from linksim_training import build_model, build_routed_model, load_data

TRANSMIT, ADAPTATION = "linksim/Transmit-v0", "linksim/LinkAdaptation-v0"
RATE = "linksim/SemanticRate-v0"
LOW_SCHEMES = (Mcs(1), Mcs(2))
"""Uncoded BPSK and QPSK: the fastest to simulate, and their errors have an exact closed form."""


def fading_link(**changes):
    """Frames of 9 bits in 5 symbols, so that the last one is padded; the labels of 3 codewords are unused."""
    config = {
        "tokens": 3,
        "codebook_size": 5,
        "embedding_dim": 2,
        "bits_per_symbol": 2,
        "channel": "rayleigh",
        **changes,
    }
    return Link(LinkConfig(**config))


@cache
def coded_link():
    """LDPC with CRC, and LLRs in words of five bits."""
    return Link(
        LinkConfig(
            tokens=4, codebook_size=16, embedding_dim=3, code="ldpc", crc="CRC16", llr_bits=5, bp_iterations=4
        )
    )


@cache
def task():
    """A model with random weights, images and labels, as the environment takes them."""
    digits = load_data("digits")
    link = LinkConfig(tokens=4, codebook_size=16, embedding_dim=8, bits_per_symbol=4, channel="rayleigh")
    model = build_model(digits.image_shape, digits.classes, link, 0)
    return {"model": model, "images": digits.x_validation[:60], "labels": digits.y_validation[:60]}


@cache
def routed_task():
    """The same with three modes over a fading channel: one padded, one of a codebook with unused labels."""
    digits = load_data("digits")
    link = LinkConfig(tokens=5, embedding_dim=3, channel="rayleigh")
    modes = ((8, 2), (6, 4), (4, 4))
    model = build_routed_model(digits.image_shape, digits.classes, modes, link, 0, header_symbols=2)
    return {"model": model, "images": digits.x_validation[:60], "labels": digits.y_validation[:60]}


VARIANTS = {
    "bits": (TRANSMIT, {}),
    "odd frames": (TRANSMIT, {"link": fading_link(), "snr_db": 5.0}),
    "indices": (TRANSMIT, {"actions": "indices", "link": fading_link()}),
    "coded link": (TRANSMIT, {"link": coded_link()}),
    "model": (TRANSMIT, task()),
    "coded": (ADAPTATION, {}),
    "uncoded": (ADAPTATION, {"coded": False}),
    "abstraction": (ADAPTATION, {"abstraction": True}),
    "two schemes": (ADAPTATION, {"schemes": LOW_SCHEMES, "symbols": 20, "history": 3, "report_delay": 0}),
    "reference": (RATE, {}),
    "modes": (RATE, {**routed_task(), "snr_db": (-5.0, 15.0)}),
    "outcomes": (RATE, {**routed_task(), "snr_db": 5.0, "tell_outcomes": True}),
}
DIFFERENT = [name for name in VARIANTS if name != "reference"]  # which does what "modes" does, for longer
"""Name → id and arguments: environments of every kind."""

CHEAP = ("bits", "odd frames", "indices", "model", "two schemes", "modes")


def make(name, **arguments):
    """The single environment of that name, without Gymnasium's wrappers."""
    identifier, own = VARIANTS[name]
    return gymnasium.make(identifier, **{**own, **arguments}).unwrapped


def make_vector(name, count, **arguments):
    """The native vector environment of that name."""
    identifier, own = VARIANTS[name]
    return gymnasium.make_vec(identifier, num_envs=count, **{**own, **arguments})


def make_sync(name, count, mode, **arguments):
    """Single environments one after another, as Gymnasium makes a vector environment of them."""
    identifier, own = VARIANTS[name]
    return gymnasium.make_vec(
        identifier,
        num_envs=count,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        **{**own, **arguments},
    )


def assert_same(mine, theirs, where="result"):
    """Both hold the same: keys, types, shapes, dtypes and every value."""
    if isinstance(mine, torch.Tensor):
        assert isinstance(theirs, torch.Tensor), where
        mine, theirs = mine.numpy(), theirs.numpy()
    assert type(mine) is type(theirs), f"{where}: {type(mine)} and {type(theirs)}"
    if isinstance(mine, dict):
        assert set(mine) == set(theirs), f"{where}: keys {sorted(set(mine) ^ set(theirs))} on one side only"
        for name in mine:
            assert_same(mine[name], theirs[name], f"{where}[{name!r}]")
    elif isinstance(mine, (tuple, list)):
        assert len(mine) == len(theirs), where
        for place, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            assert_same(one, other, f"{where}[{place}]")
    elif isinstance(mine, np.ndarray):
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype), where
        if mine.dtype == object:
            assert_same(list(mine), list(theirs), where)
        else:
            np.testing.assert_array_equal(mine, theirs, err_msg=where)
    else:
        assert mine == theirs, f"{where}: {mine} and {theirs}"


def infos_of(steps, name):
    """[steps, …] of one name in the infos of steps."""
    return np.array([step[-1][name] for step in steps])


def run_vector(envs, steps, policy, seed=None, options=None):
    """What `reset` and `step` returned; `policy` gets observations and the number of the step."""
    seen = [envs.reset(seed=seed, options=options)]
    for number in range(steps):
        seen.append(envs.step(policy(seen[-1][0], number)))
    return seen
